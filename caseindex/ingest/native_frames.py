"""Frames of uncompressed pixel data, as stored. PS3.5 8.1.1, 8.2; annex D for the packing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from caseindex.errors import InputRejected
from caseindex.ingest.pixel_format import DOUBLE_FLOAT_PIXEL_DATA, FLOAT_PIXEL_DATA, PixelFormat

Stored = npt.NDArray[Any]


def native_frames(
    item: str, data: bytes, shape: PixelFormat, *, little_endian: bool, vr: str | None, wanted: range
) -> Iterator[tuple[int, Stored, str]]:
    """(frame, [rows, columns] or [rows, columns, samples], photometric interpretation) of each frame in ``wanted``.

    What lies beyond the end of ``data`` raises ``undecodable_pixels`` when its turn comes.
    """
    order = "<" if little_endian else ">"
    if not little_endian and shape.allocated == 8 and vr == "OW":
        # 8-bit samples in swapped 16-bit words.
        even = data if len(data) % 2 == 0 else data + b"\0"
        data = np.frombuffer(even, np.uint16).byteswap().tobytes()
    samples = shape.rows * shape.columns * shape.samples
    photometric = shape.photometric
    packed_422 = (
        photometric == "YBR_FULL_422"
        and shape.allocated == 8
        and shape.samples == 3
        and shape.columns % 2 == 0
        and len(data) < samples * shape.frames  # some files say 422 and hold every chroma sample
    )
    bits = (samples // 3 * 2 if packed_422 else samples) * shape.allocated
    for frame in wanted:
        start, end = frame * bits, (frame + 1) * bits
        if (end + 7) // 8 > len(data):
            raise InputRejected(
                item,
                "undecodable_pixels",
                f"{len(data)} bytes of pixel data, {(shape.frames * bits + 7) // 8} needed for {shape.frames} frame(s)",
            )
        if shape.allocated == 1:
            packed = np.frombuffer(data, np.uint8, (end + 7) // 8 - start // 8, start // 8)
            flat: Stored = np.unpackbits(packed, bitorder="little")[start % 8 : start % 8 + samples]
        else:
            flat = np.frombuffer(data, _dtype(shape, order), bits // shape.allocated, start // 8)
        if packed_422:
            flat = _expand_422(flat)
        yield frame, _shaped(flat, shape, by_plane=shape.planar and not packed_422), photometric


def _dtype(shape: PixelFormat, order: str) -> np.dtype:
    if shape.keyword == FLOAT_PIXEL_DATA:
        return np.dtype(order + "f4")
    if shape.keyword == DOUBLE_FLOAT_PIXEL_DATA:
        return np.dtype(order + "f8")
    return np.dtype(f"{order}{'i' if shape.signed else 'u'}{shape.allocated // 8}")


def _expand_422(flat: Stored) -> Stored:
    """Y1 Y2 Cb Cr -> Y1 Cb Cr Y2 Cb Cr (PS3.3 C.7.6.3.1.2)."""
    quads = flat.reshape(-1, 4)
    return quads[:, [0, 2, 3, 1, 2, 3]].reshape(-1)


def _shaped(flat: Stored, shape: PixelFormat, by_plane: bool) -> Stored:
    if shape.samples == 1:
        return flat.reshape(shape.rows, shape.columns)
    if by_plane:
        return flat.reshape(shape.samples, shape.rows, shape.columns).transpose(1, 2, 0)
    return flat.reshape(shape.rows, shape.columns, shape.samples)


def significant_bits(stored: Stored, shape: PixelFormat) -> Stored:
    """The values without what else lies in their words: overlay planes or padding above the high bit, unused bits
    below. Copies only where there is something to clear."""
    if stored.dtype.kind not in "iu" or shape.allocated == 1:
        return stored
    shift = shape.high_bit + 1 - shape.stored
    if shift == 0:
        if shape.stored >= stored.dtype.itemsize * 8:
            return stored
        low, high = (
            (-(1 << shape.stored - 1), (1 << shape.stored - 1) - 1) if shape.signed else (0, (1 << shape.stored) - 1)
        )
        if stored.dtype.kind == ("i" if shape.signed else "u") and stored.min() >= low and stored.max() <= high:
            return stored
    spare = stored.dtype.itemsize * 8 - shape.stored - shift
    kind = "i" if shape.signed else "u"
    words = np.ascontiguousarray(stored).astype(f"{kind}{stored.dtype.itemsize}", copy=False)
    return (words << spare) >> (spare + shift)
