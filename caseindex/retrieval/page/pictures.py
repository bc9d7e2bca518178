"""Pictures for the page: pixels as data URIs, small enough that a page of a hundred hits can be mailed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

from caseindex.errors import CaseindexError
from caseindex.records import Image, PixelArray

LONGEST_SIDE = 480
_QUALITY = 88

ReadPixels = Callable[[Image], PixelArray]


def data_uri(pixels: PixelArray) -> str:
    """[rows, columns] or [rows, columns, 3] uint8 RGB -> ``data:image/jpeg;base64,...``, longer side at most 480."""
    import cv2

    rows, columns = pixels.shape[:2]
    scale = LONGEST_SIDE / max(rows, columns)
    if scale < 1:
        size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    if pixels.ndim == 3:
        pixels = pixels[:, :, ::-1]  # OpenCV writes blue first
    done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise ValueError(f"a picture of shape {pixels.shape} could not be written as JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def picture_of(image: Image | None, read: ReadPixels) -> str | None:
    """The archived image as a data URI; ``None`` where its source is gone or cannot be read any more."""
    if image is None:
        return None
    try:
        return data_uri(read(image))
    except (CaseindexError, OSError):
        return None


def thumbnail_or_source(thumbnails: Path, read: ReadPixels) -> ReadPixels:
    """Reads from the source and, where that is gone, from the archive's thumbnail."""
    from caseindex.ingest.thumbnails import read_thumbnail, thumbnail_path

    def read_either(image: Image) -> PixelArray:
        try:
            return read(image)
        except (CaseindexError, OSError):
            pixels = read_thumbnail(thumbnail_path(thumbnails, image.image_uid))
            if pixels is None:
                raise
            return pixels

    return read_either
