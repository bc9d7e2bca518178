"""Pixels that are not square -> square ones. PS3.3 C.7.6.3.1.7 (Pixel Aspect Ratio), 10.7.1.3 (pixel spacing)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from caseindex.ingest.functional_groups import PIXEL_MEASURES, FrameAttributes
from caseindex.records import PixelArray

TOLERANCE: Final = 0.01  # a difference of spacings below 1% is measuring noise
_STEEPEST: Final = 16.0  # a ratio beyond this is an error of the file, not an anatomy

PIXEL_SPACING: Final = 0x00280030
_SPACINGS: Final = (PIXEL_SPACING, 0x00181164, 0x00182010)  # Pixel, Imager Pixel, Nominal Scanned Pixel Spacing


@dataclass(frozen=True, slots=True)
class Geometry:
    """``spacing_mm``: (between rows, between columns) or ``None``; ``ratio``: height of a pixel by its width."""

    spacing_mm: tuple[float, float] | None = None
    ratio: float = 1.0


def read_geometry(frame: FrameAttributes) -> Geometry:
    spacing: tuple[float, float] | None = None
    places = [(frame.group(PIXEL_MEASURES), PIXEL_SPACING)] + [(frame.root, tag) for tag in _SPACINGS]
    for place, tag in places:
        found = place.numbers(tag)
        if len(found) >= 2 and min(found[:2]) > 0:
            spacing = (found[0], found[1])
            break
    if spacing is not None:
        ratio = spacing[0] / spacing[1]
    else:
        vertical_horizontal = frame.root.numbers(0x00280034)
        ratio = 1.0
        if len(vertical_horizontal) == 2 and min(vertical_horizontal) > 0:
            ratio = vertical_horizontal[0] / vertical_horizontal[1]
    return Geometry(spacing, ratio if 1 / _STEEPEST <= ratio <= _STEEPEST else 1.0)


def make_square(pixels: PixelArray, geometry: Geometry, max_pixels: int) -> tuple[PixelArray, Geometry]:
    """Stretches the direction with the larger pixels, so that nothing is lost; shrinks the other one instead where
    the result would exceed ``max_pixels``."""
    ratio = geometry.ratio
    if abs(ratio - 1.0) <= TOLERANCE:
        return pixels, geometry
    import cv2

    rows, columns = pixels.shape[:2]
    tall, wide = (round(rows * ratio), columns) if ratio > 1 else (rows, round(columns / ratio))
    method = cv2.INTER_LINEAR
    if tall * wide > max_pixels:
        tall, wide = (rows, max(1, round(columns / ratio))) if ratio > 1 else (max(1, round(rows * ratio)), columns)
        method = cv2.INTER_AREA
    square = cv2.resize(pixels, (wide, tall), interpolation=method)
    spacing = geometry.spacing_mm
    if spacing is not None:
        side = spacing[0] * rows / tall
        spacing = (side, side)
    return square, Geometry(spacing, 1.0)
