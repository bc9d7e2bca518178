"""Blanks burned-in text: names, dates, hospital lines, side markers, watermarks, scales.

Letters are looked for everywhere, beside the body and over it, bright and dark (`text_strokes`, `text_lines`), in a
picture of at most 512 pixels on its shorter side: what is smaller than letters there cannot be read by an encoder either.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from caseindex.ingest.text_lines import letters
from caseindex.ingest.text_strokes import strokes
from caseindex.records import PixelArray

_SMALLEST: Final = 48  # pixels; nothing can be read in less
_SIDE: Final = 512  # pixels, the shorter side that is looked at
_MOST: Final = 0.3  # of the area: more "text" than this is a texture
_AROUND: Final = 2  # pixels of what is looked at: the soft edge or the outline of a letter


def text_mask(pixels: PixelArray) -> npt.NDArray[np.bool_]:
    """[rows, columns] true where burned-in text is. ``pixels``: [rows, columns] or [rows, columns, 3] uint8."""
    rows, columns = pixels.shape[:2]
    if min(rows, columns) < _SMALLEST:
        return np.zeros((rows, columns), np.bool_)
    scale = min(1.0, _SIDE / min(rows, columns))
    looked_at = pixels
    if scale < 1:
        looked_at = cv2.resize(pixels, (round(columns * scale), round(rows * scale)), interpolation=cv2.INTER_AREA)
    brightest = looked_at if looked_at.ndim == 2 else looked_at.max(axis=2)
    darkest = looked_at if looked_at.ndim == 2 else looked_at.min(axis=2)
    found = letters(strokes(brightest)) | letters(strokes(255 - darkest))
    size = 2 * _AROUND + 1
    found = cv2.dilate(found, np.ones((size, size), np.uint8))
    if found.mean() > _MOST:
        found[:] = 0
    if scale < 1:
        found = cv2.resize(found, (columns, rows), interpolation=cv2.INTER_NEAREST)
    return found.astype(np.bool_)


def mask_text(pixels: PixelArray) -> PixelArray:
    """A copy without the text, filled from what surrounds it; ``pixels`` itself where there is none."""
    mask = text_mask(pixels)
    if not mask.any():
        return pixels
    filled: PixelArray = cv2.inpaint(np.ascontiguousarray(pixels), mask.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    return filled
