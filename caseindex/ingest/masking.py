"""Blanks burned-in text: names, dates, hospital lines, markers, scales."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from caseindex.ingest.text_lines import letters
from caseindex.ingest.text_strokes import strokes
from caseindex.records import PixelArray

_SMALLEST: Final = 48  # pixels; nothing can be read in less
_MOST: Final = 0.12

def text_mask(pixels: PixelArray, modality: str | None = None) -> npt.NDArray[np.bool_]:
    grey = pixels if pixels.ndim == 2 else pixels.max(axis=2)
    if min(grey.shape) < _SMALLEST:
        return np.zeros(grey.shape, np.bool_)
    found = letters(strokes(grey)) | letters(strokes(255 - grey))
    grown = cv2.dilate(found, np.ones((5, 5), np.uint8))
    return grown.astype(np.bool_)


def mask_text(pixels: PixelArray, modality: str | None = None) -> PixelArray:
    """A copy without the text, filled from what surrounds it; ``pixels`` itself where there is none."""
    mask = text_mask(pixels, modality)
    if not mask.any():
        return pixels
    filled: PixelArray = cv2.inpaint(np.ascontiguousarray(pixels), mask.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    return filled
