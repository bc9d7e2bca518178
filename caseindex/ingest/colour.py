"""Colour: palette look-up, YBR -> RGB. PS3.3 C.7.6.3.1.2 (photometric interpretation), C.7.9.2 (segmented palette)."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from caseindex.ingest.attributes import Attributes
from caseindex.ingest.lut import read_descriptor, read_entries
from caseindex.records import PixelArray

_DESCRIPTORS = (0x00281101, 0x00281102, 0x00281103)
_DATA = (0x00281201, 0x00281202, 0x00281203)
_SEGMENTED = (0x00281221, 0x00281222, 0x00281223)

YBR = frozenset({"YBR_FULL", "YBR_FULL_422"})
YBR_PARTIAL = frozenset({"YBR_PARTIAL_422", "YBR_PARTIAL_420"})


@cache
def _chroma() -> tuple[npt.NDArray[np.int32], ...]:
    """What Cr and Cb add to R, G and B, in 1/65536: exact to rounding, where float arithmetic is five times slower."""
    c = np.arange(256, dtype=np.float64) - 128.0
    return tuple(np.rint(c * factor * 65536).astype(np.int32) for factor in (1.402, -0.714136286, -0.344136286, 1.772))


def ybr_full_to_rgb(ybr: PixelArray) -> PixelArray:
    """[rows, columns, 3] full-range YCbCr -> RGB (ITU-R BT.601, JFIF)."""
    red_cr, green_cr, green_cb, blue_cb = _chroma()
    y = ybr[..., 0].astype(np.int32) * 65536 + 32768
    cb, cr = ybr[..., 1], ybr[..., 2]
    rgb = np.empty(ybr.shape, np.uint8)
    for channel, value in enumerate((y + red_cr[cr], y + green_cr[cr] + green_cb[cb], y + blue_cb[cb])):
        rgb[..., channel] = np.clip(value >> 16, 0, 255)
    return rgb


def ybr_partial_to_rgb(ybr: PixelArray) -> PixelArray:
    """[rows, columns, 3] of luma 16..235 and chroma 16..240 (retired, CCIR 601) -> RGB."""
    full = np.empty(ybr.shape, np.uint8)
    full[..., 0] = np.clip(np.rint((ybr[..., 0].astype(np.float32) - 16) * (255 / 219)), 0, 255)
    full[..., 1:] = np.clip(np.rint((ybr[..., 1:].astype(np.float32) - 128) * (255 / 224) + 128), 0, 255)
    return ybr_full_to_rgb(full)


def is_grey(pixels: PixelArray) -> bool:
    """Whether the channels of [rows, columns, 3] are equal everywhere; judged on a few pixels first."""
    if pixels.ndim != 3:
        return False
    for part in (pixels[::32, ::32], pixels):
        if (part[..., 0] != part[..., 1]).any() or (part[..., 1] != part[..., 2]).any():
            return False
    return True


def read_palette(root: Attributes, signed: bool) -> tuple[PixelArray, int] | None:
    """([entries, 3] uint8, first value mapped), or ``None`` where a channel lacks its table."""
    channels = []
    first = 0
    for descriptor_tag, data_tag, segmented_tag in zip(_DESCRIPTORS, _DATA, _SEGMENTED, strict=True):
        descriptor = read_descriptor(root, descriptor_tag, signed)
        if descriptor is None:
            return None
        count, first, bits = descriptor
        if data_tag in root:
            entries = read_entries(root, data_tag, count, bits)
        else:
            entries = _expand_segments(root, segmented_tag, count, bits)
        if entries is None:
            return None
        channels.append(_eight_bit(entries, bits))
    length = max(len(channel) for channel in channels)
    palette = np.stack([np.pad(channel, (0, length - len(channel)), mode="edge") for channel in channels], axis=1)
    return palette, first


def _eight_bit(entries: npt.NDArray[np.uint16], bits: int) -> PixelArray:
    # Descriptors that say 16 over 8-bit entries, and the reverse, are common: the data decide.
    high = entries.max(initial=0) > 255
    return (entries >> 8).astype(np.uint8) if high else entries.astype(np.uint8)


def _expand_segments(root: Attributes, tag: int, count: int, bits: int) -> npt.NDArray[np.uint16] | None:
    """Discrete (0), linear (1) and indirect (2) segments; never longer than ``count`` entries."""
    value = root.bytes_of(tag)
    if not value:
        return None
    if bits <= 8:
        codes = list(value)
    else:
        codes = np.frombuffer(value[: len(value) // 2 * 2], "<u2" if root.little_endian else ">u2").tolist()
    out: list[int] = []
    _segments(codes, 0, None, bits, out, count, 0)
    return np.asarray(out[:count], np.uint16) if out else None


def _segments(codes: list[int], at: int, number: int | None, bits: int, out: list[int], count: int, depth: int) -> None:
    while at + 2 <= len(codes) and len(out) < count and (number is None or number > 0):
        kind, length = codes[at], codes[at + 1]
        at += 2
        if kind == 0:
            out.extend(codes[at : at + length])
            at += length
        elif kind == 1:
            if at >= len(codes) or not out:
                return
            start, end = out[-1], codes[at]
            out.extend(round(start + (end - start) * step / length) for step in range(1, min(length, count) + 1))
            at += 1
        elif kind == 2 and depth == 0:
            width = 4 if bits <= 8 else 2  # the offset is 32 bits, least significant part first
            parts = codes[at : at + width]
            offset = sum(part << (32 // width * position) for position, part in enumerate(parts))
            at += width
            _segments(codes, offset, length, bits, out, count, 1)
        else:
            return
        if number is not None:
            number -= 1
