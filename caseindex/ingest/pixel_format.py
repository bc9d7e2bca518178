"""What the header says of the pixels, checked against the limits before anything is allocated. PS3.3 C.7.6.3."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from caseindex.errors import InputRejected
from caseindex.ingest.attributes import Attributes

PIXEL_DATA: Final = 0x7FE00010
FLOAT_PIXEL_DATA: Final = 0x7FE00008
DOUBLE_FLOAT_PIXEL_DATA: Final = 0x7FE00009
_KEYWORDS: Final = (PIXEL_DATA, FLOAT_PIXEL_DATA, DOUBLE_FLOAT_PIXEL_DATA)
_ALLOCATED: Final = {PIXEL_DATA: (1, 8, 16, 32, 64), FLOAT_PIXEL_DATA: (32,), DOUBLE_FLOAT_PIXEL_DATA: (64,)}


@dataclass(frozen=True, slots=True)
class PixelFormat:
    rows: int
    columns: int
    frames: int
    samples: int  # per pixel: 1 or 3 (4 where a file brings alpha)
    allocated: int  # bits per sample in the file
    stored: int
    high_bit: int
    signed: bool
    planar: bool  # colour by plane
    photometric: str
    keyword: int  # which element holds the pixels

    @property
    def is_float(self) -> bool:
        return self.keyword != PIXEL_DATA

    @property
    def is_inverted(self) -> bool:
        return self.photometric == "MONOCHROME1"


def read_pixel_format(item: str, root: Attributes, max_pixels: int, max_frames: int) -> PixelFormat:
    """Raises :class:`~caseindex.errors.InputRejected`: ``no_pixels``, ``undecodable_pixels`` for a description that
    contradicts itself, ``too_large``."""
    keyword = next((tag for tag in _KEYWORDS if tag in root), None)
    if keyword is None:
        raise InputRejected(item, "no_pixels")

    def value(tag: int, default: int | None = None) -> int:
        found = root.integer(tag, "US")
        if found is None:
            if default is None:
                raise InputRejected(item, "undecodable_pixels", f"no usable ({tag >> 16:04x},{tag & 0xFFFF:04x})")
            return default
        return found

    samples = value(0x00280002, 1)
    allocated = value(0x00280100, {FLOAT_PIXEL_DATA: 32, DOUBLE_FLOAT_PIXEL_DATA: 64}.get(keyword))
    found = PixelFormat(
        rows=value(0x00280010),
        columns=value(0x00280011),
        frames=max(1, root.integer(0x00280008) or 1),
        samples=samples,
        allocated=allocated,
        stored=value(0x00280101, allocated),
        high_bit=value(0x00280102, value(0x00280101, allocated) - 1),
        signed=value(0x00280103, 0) == 1,
        planar=value(0x00280006, 0) == 1,
        photometric=root.code(0x00280004) or ("RGB" if samples == 3 else "MONOCHROME2"),
        keyword=keyword,
    )
    if found.rows < 1 or found.columns < 1 or found.samples not in (1, 3, 4):
        raise InputRejected(
            item, "undecodable_pixels", f"{found.rows} rows, {found.columns} columns, {found.samples} samples"
        )
    if found.allocated not in _ALLOCATED[keyword]:
        raise InputRejected(item, "undecodable_pixels", f"{found.allocated} bits allocated")
    if found.rows * found.columns > max_pixels:
        raise InputRejected(item, "too_large", f"{found.rows} x {found.columns} pixels, more than {max_pixels}")
    if found.frames > max_frames:
        raise InputRejected(item, "too_large", f"{found.frames} frames, more than {max_frames}")
    if not 1 <= found.stored <= found.allocated or not found.stored - 1 <= found.high_bit < found.allocated:
        # The bits cannot be where the header puts them; whole words are the only reading left.
        found = replace(found, stored=found.allocated, high_bit=found.allocated - 1)
    return found
