"""Cuts a picture to what it shows: air around a head wastes half of the pixels that a network sees."""

from __future__ import annotations

import numpy as np

from caseindex.records import PixelArray

_DARK = 30  # of 255: air and couch in a CT window, the collimated border of a radiograph
_MARGIN = 0.04  # of the longer side
_LEAST = 0.15  # of the picture's area: a smaller region is not what the picture is about


def cut_to_content(pixels: PixelArray) -> PixelArray:
    """The square around the largest bright region, filled with black where it leaves the picture.

    ``pixels``: [rows, columns] or [rows, columns, 3] uint8. A picture whose largest region is small is given back whole.
    """
    import cv2

    grey = pixels if pixels.ndim == 2 else pixels.max(2)
    count, _, stats, _ = cv2.connectedComponentsWithStats((grey > _DARK).astype(np.uint8))
    if count < 2:
        return pixels
    left, top, width, height, _ = (int(value) for value in stats[1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())])
    if width * height < _LEAST * grey.size:
        return pixels
    side = round(max(width, height) * (1 + _MARGIN))
    side += (side - width) % 2  # a mirrored picture is cut alike
    first_row, first_column = top + (height - side) // 2, left + (width - side) // 2
    out = np.zeros((side, side, *pixels.shape[2:]), np.uint8)
    rows = slice(max(first_row, 0), min(first_row + side, pixels.shape[0]))
    columns = slice(max(first_column, 0), min(first_column + side, pixels.shape[1]))
    inside = pixels[rows, columns]
    row, column = rows.start - first_row, columns.start - first_column
    out[row : row + inside.shape[0], column : column + inside.shape[1]] = inside
    return out
