"""How much of a picture is anatomy, and whether there is a picture at all."""

from __future__ import annotations

from typing import Final

import numpy as np

from caseindex.records import PixelArray

_SAMPLES: Final = 128  # per side: a share of the area needs no more
_WHITE: Final = 240


def content_score(pixels: PixelArray) -> float:
    """The share of pixels that are not background, 0..1, for [rows, columns] or [rows, columns, 3].

    Background is what is darker than a tenth of the bright end (noise of MR and ultrasound around the body), or, on
    a page that is white at its border, what is white.
    """
    rows, columns = pixels.shape[:2]
    thinned = pixels[:: max(1, rows // _SAMPLES), :: max(1, columns // _SAMPLES)]
    grey = thinned if thinned.ndim == 2 else thinned.max(axis=2)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if np.median(border) >= _WHITE:
        return float(np.mean(grey < _WHITE))
    counts = np.bincount(grey.ravel(), minlength=256)
    bright = int(np.searchsorted(np.cumsum(counts), 0.99 * grey.size))
    return float(counts[max(8, bright // 10) + 1 :].sum() / grey.size)
