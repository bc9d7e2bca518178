"""PNG, JPEG and TIFF -> 8-bit pictures: 8 or 16 bit, grey, colour, palette, with alpha, several pages."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageOps, UnidentifiedImageError

from caseindex.errors import InputRejected
from caseindex.records import PixelArray

FORMATS: Final = ("PNG", "JPEG", "TIFF")
# The limits below are ours, from the header, before a pixel is decoded.
PillowImage.MAX_IMAGE_PIXELS = None
PillowImage.preinit()  # the usual formats, here and not at the first file: workers are forked from who imported this
_ORIENTATION: Final = 0x0112  # of EXIF
_END_OF_IMAGE: Final = b"\xff\xd9"
_EIGHT_BIT: Final = {"L": "L", "1": "L", "RGB": "RGB", "P": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB"}


def looks_like_raster(data: bytes) -> bool:
    return (
        data[:8] == b"\x89PNG\r\n\x1a\n"
        or data[:3] == b"\xff\xd8\xff"
        or data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    )


def raster_frames(
    item: str, data: bytes, max_pixels: int, max_frames: int, only: int | None = None
) -> Iterator[tuple[int, int, PixelArray]]:
    """(page, pages, [rows, columns] or [rows, columns, 3] uint8). 16-bit and float pages are stretched from their
    lowest to their highest value; alpha is laid over black; the EXIF orientation is applied.

    Raises :class:`~caseindex.errors.InputRejected`: ``undecodable_pixels``, ``too_large``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with PillowImage.open(BytesIO(data), formats=FORMATS) as opened:
                pages = getattr(opened, "n_frames", 1) if opened.format == "TIFF" else 1
                if pages > max_frames:
                    raise InputRejected(item, "too_large", f"{pages} pages, more than {max_frames}")
                for page in range(pages) if only is None else (only,):
                    if page:
                        opened.seek(page)
                    width, height = opened.size
                    if width * height > max_pixels:
                        raise InputRejected(item, "too_large", f"{height} x {width} pixels, more than {max_pixels}")
                    yield page, pages, _plain(opened, data) if _is_plain(opened, data) else _page(opened)
    except (InputRejected, MemoryError):
        raise
    except UnidentifiedImageError:
        yield from _by_opencv(item, data, max_pixels, max_frames, only)
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error, ... on damaged files
        raise InputRejected(item, "undecodable_pixels", _said(error)) from error


def _said(error: Exception) -> str:
    """What is wrong with the file, for a person; other words of a decoder may hold addresses or texts of the file."""
    words = str(error)
    if "truncated" in words or isinstance(error, EOFError):
        return "the file ends too early"
    return "the file is damaged" if "broken" in words or isinstance(error, SyntaxError) else type(error).__name__


def _upright(opened: PillowImage.Image) -> bool:
    return bool(opened.getexif().get(_ORIENTATION, 1) == 1)


def _page(opened: PillowImage.Image) -> PixelArray:
    upright = opened if opened.format == "PNG" or _upright(opened) else ImageOps.exif_transpose(opened)  # a copy
    mode = upright.mode
    if mode in ("I", "F") or mode.startswith("I;16"):
        return stretch(np.asarray(upright))
    if mode in ("LA", "PA", "RGBA", "RGBa", "La") or (mode == "P" and "transparency" in upright.info):
        picture = upright.convert("RGBA")
        black = PillowImage.new("RGBA", picture.size, (0, 0, 0, 255))
        upright = PillowImage.alpha_composite(black, picture).convert("RGB")
        mode = "RGB"
    wanted = _EIGHT_BIT.get(mode, "RGB")
    return collapse_grey(np.asarray(upright if mode == wanted else upright.convert(wanted)))


def _is_plain(opened: PillowImage.Image, data: bytes) -> bool:
    """Grey and colour of 8 bits, complete, nothing to be turned or laid over black. A cut-short JPEG goes to Pillow, which
    says so; OpenCV fills it up."""
    if opened.mode not in ("L", "RGB"):
        return False
    if opened.format == "JPEG":
        return data.endswith(_END_OF_IMAGE) and _upright(opened)
    if opened.format == "PNG":
        tiles = getattr(opened, "tile", [])
        stored = tiles[0][3] if len(tiles) == 1 else None  # "L;4" for 4 bits, "RGB;16B" for 48
        moving = bool(getattr(opened, "is_animated", False))
        return stored == opened.mode and not moving and "transparency" not in opened.info
    return False


def _plain(opened: PillowImage.Image, data: bytes) -> PixelArray:
    """By OpenCV, which decodes into the array itself: the same pixels in four fifths of the time. What it refuses goes to
    Pillow, which says why."""
    import cv2

    flags = cv2.IMREAD_GRAYSCALE if opened.mode == "L" else cv2.IMREAD_COLOR_RGB
    try:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        found = None
    if found is None or found.shape[1::-1] != opened.size:
        return _page(opened)
    return collapse_grey(np.asarray(found, np.uint8))


def _by_opencv(
    item: str, data: bytes, max_pixels: int, max_frames: int, only: int | None
) -> Iterator[tuple[int, int, PixelArray]]:
    """For what Pillow does not know, such as 16-bit colour TIFF. The size is read from the first directory."""
    import cv2

    size = _tiff_size(data)
    if size is None or size[0] * size[1] > max_pixels:
        code = "undecodable_pixels" if size is None else "too_large"
        raise InputRejected(item, code, "a TIFF without a size" if size is None else f"{size[0]} x {size[1]} pixels")
    try:
        read, found = cv2.imdecodemulti(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise InputRejected(item, "undecodable_pixels", "OpenCV cannot read it either") from error
    if not read or not found:
        raise InputRejected(item, "undecodable_pixels", "no decoder knows this kind of file")
    if len(found) > max_frames:
        raise InputRejected(item, "too_large", f"{len(found)} pages, more than {max_frames}")
    for page in range(len(found)) if only is None else (only,):
        picture = np.asarray(found[page])
        if picture.ndim == 3:
            picture = picture[..., 2::-1] if picture.shape[2] >= 3 else picture[..., 0]
        yield page, len(found), collapse_grey(picture if picture.dtype == np.uint8 else stretch(picture))


def _tiff_size(data: bytes) -> tuple[int, int] | None:
    """(rows, columns) of the first directory of a classic TIFF."""
    order = "little" if data[:2] == b"II" else "big"
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return None

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)  # type: ignore[arg-type]

    at = number(4, 4)
    found: dict[int, int] = {}
    for entry in range(at + 2, at + 2 + 12 * number(at, 2), 12):
        tag, kind = number(entry, 2), number(entry + 2, 2)
        if tag in (256, 257):
            found[tag] = number(entry + 8, 2 if kind == 3 else 4)
    return (found[257], found[256]) if len(found) == 2 else None


def stretch(values: npt.NDArray[Any]) -> PixelArray:
    """[...] numbers -> uint8, the lowest finite value at 0, the highest at 255; what is not finite at 0.

    >>> stretch(np.array([[1000, 1500, 2000]], np.uint16)).tolist()
    [[0, 128, 255]]
    """
    finite = np.isfinite(values) if values.dtype.kind == "f" else None
    usable = values[finite] if finite is not None else values
    if not usable.size:
        return np.zeros(values.shape, np.uint8)
    low, high = float(usable.min()), float(usable.max())
    if finite is not None:
        values = np.where(finite, values, low)
    scale = 255.0 / (high - low) if high > low else 0.0
    return np.rint((values.astype(np.float64) - low) * scale).astype(np.uint8)


def collapse_grey(pixels: PixelArray) -> PixelArray:
    """[rows, columns, 3] with three equal channels -> [rows, columns]; contiguous in any case."""
    from caseindex.ingest.colour import is_grey

    return np.ascontiguousarray(pixels[..., 0] if is_grey(pixels) else pixels)
