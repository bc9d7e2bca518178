"""Strokes of one polarity in a picture, as letters are made of: thin bright parts, each with what tells ink from anatomy.

A stroke stands out from the opening of the picture with a square wider than any pen (top-hat; Serra, Image Analysis
and Mathematical Morphology, 1982, chapter XII), and is cut at half of the highest contrast around, where an edge that
was softened by scaling lies. Ink is crisp (one step of the grey scale at its rim), even along its ridge, thin beside its
height, and winding; vessels, trabeculae and gyri are some of it, rarely all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from caseindex.records import PixelArray

Floats = npt.NDArray[np.float64]

_PEN: Final = 0.026  # of the shorter side: wider than a stroke
_LETTER: Final = 0.06  # of the shorter side: within it the highest contrast is looked for
_LEAST_CONTRAST: Final = 28
_HALF: Final = 0.5
_SQUARE: Final = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Strokes:
    """Connected strokes of a picture, [parts] each; part 0 is what is no stroke."""

    shape: tuple[int, int]  # rows, columns
    at: npt.NDArray[np.intp]  # [pixels of strokes] in the flattened picture
    part: npt.NDArray[np.int32]  # [pixels of strokes] to which part each belongs
    left: Floats
    top: Floats
    width: Floats
    height: Floats
    area: Floats
    contrast: Floats  # of the ridge to what lies under it, grey levels
    level: Floats  # of the ridge, grey levels
    unevenness: Floats  # standard deviation along the ridge, grey levels
    crispness: Floats  # gradient at the rim as a share of the contrast; about 1 for ink
    thickness: Floats  # of the widest place, as a share of the height
    winding: (
        Floats  # length of the outline as a share of that of the box; 1 for a disc, a bar, an L; 1.3 and more for R
    )


def strokes(grey: PixelArray) -> Strokes:
    """Bright strokes of ``grey`` [rows, columns] uint8 (dark ones: those of ``255 - grey``)."""
    side = min(grey.shape)
    pen, letter = max(5, int(_PEN * side)) | 1, int(_LETTER * side) | 1
    raised = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, np.ones((pen, pen), np.uint8))
    highest = cv2.dilate(raised, np.ones((letter, letter), np.uint8))
    least = np.maximum((highest * np.float32(_HALF)).astype(np.uint8), _LEAST_CONTRAST)
    ink = cv2.compare(raised, least, cv2.CMP_GT)
    parts, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8, ltype=cv2.CV_32S)
    at = np.flatnonzero(ink)
    part = labels.ravel()[at]

    def total(values: npt.NDArray[np.generic]) -> Floats:
        return np.asarray(np.bincount(part, values, parts), np.float64)

    left, top, width, height, area = (stats[:, column].astype(np.float64) for column in range(5))
    value = grey.ravel()[at].astype(np.float64)
    ridge = (cv2.dilate(grey, _SQUARE).ravel()[at] == value).astype(np.float64)
    ridges = np.maximum(total(ridge), 1)
    level = total(ridge * value) / ridges
    contrast = level - total(value - raised.ravel()[at]) / area
    rim = cv2.erode(ink, _SQUARE, borderType=cv2.BORDER_CONSTANT, borderValue=0).ravel()[at] == 0
    gradient = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, _SQUARE).ravel()[at]
    deepest = np.zeros(parts, np.float32)
    np.maximum.at(deepest, part, cv2.distanceTransform(ink, cv2.DIST_C, 3).ravel()[at])
    return Strokes(
        shape=(grey.shape[0], grey.shape[1]),
        at=at,
        part=part,
        left=left,
        top=top,
        width=width,
        height=height,
        area=area,
        contrast=contrast,
        level=level,
        unevenness=np.sqrt(np.maximum(total(ridge * value * value) / ridges - level * level, 0)),
        crispness=total(rim * gradient) / np.maximum(total(rim), 1) / np.maximum(contrast, 1),
        thickness=(2 * deepest - 1) / height,
        winding=total(_outer_sides(ink).ravel()[at]) / (2 * (width + height)),
    )


def _outer_sides(ink: PixelArray) -> npt.NDArray[np.uint8]:
    """[rows, columns] how many of a pixel's four sides are an edge of ``ink``."""
    within = np.pad((ink > 0).astype(np.uint8), 1)
    sides = within[:-2, 1:-1] + within[2:, 1:-1] + within[1:-1, :-2] + within[1:-1, 2:]
    return np.asarray(4 - sides, np.uint8)
