"""Look-up tables as DICOM stores them: descriptor (entries, first value mapped, bits per entry) and data. PS3.3
C.11.1.1 (modality), C.11.2.1.1 (VOI), C.7.6.3.1.5 and C.7.6.3.1.6 (palette)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from caseindex.ingest.attributes import Attributes


@dataclass(frozen=True, slots=True)
class LookupTable:
    """``entries``: [n] uint16 for inputs ``first``, ``first`` + 1, ...; inputs outside take the first or the last."""

    entries: npt.NDArray[np.uint16]
    first: int
    bits: int

    def __call__(self, values: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
        """[...] numbers -> [...] uint16; fractions are rounded to the nearest input."""
        at = np.clip(np.rint(values) - self.first, 0, len(self.entries) - 1).astype(np.intp)
        found: npt.NDArray[np.uint16] = self.entries[at]
        return found

    @property
    def top(self) -> int:
        """The value that stands for full output: by the descriptor, or by the data where they exceed it."""
        highest = int(self.entries.max())
        bits = self.bits if 1 <= self.bits <= 16 and highest < 1 << self.bits else max(1, highest.bit_length())
        return (1 << bits) - 1


def read_descriptor(attributes: Attributes, tag: int, signed: bool) -> tuple[int, int, int] | None:
    """(entries, first value mapped, bits) or ``None``. ``signed``: how the input of the table counts."""
    found = attributes.numbers(tag, "US")
    if len(found) != 3:
        return None
    entries, first, bits = (int(part) for part in found)
    entries &= 0xFFFF
    first = ((first & 0xFFFF) ^ 0x8000) - 0x8000 if signed else first & 0xFFFF
    return entries or 65536, first, bits & 0xFFFF


def read_entries(attributes: Attributes, tag: int, count: int, bits: int) -> npt.NDArray[np.uint16] | None:
    """[n] uint16, n <= ``count``; one byte per entry where that is what the length says, else 16-bit words."""
    vr, value = attributes.raw(tag)
    if value is None:
        return None
    if isinstance(value, bytes):
        if bits <= 8 and len(value) < 2 * count and vr in {"OW", "OB", "UN", None, "US", "SS"}:
            words = (
                np.frombuffer(value, np.uint16 if attributes.little_endian else ">u2") if len(value) % 2 == 0 else None
            )
            data: npt.NDArray[Any] = np.frombuffer(value, np.uint8)
            if words is not None and not attributes.little_endian and vr == "OW":
                data = words.astype("<u2").view(np.uint8)
            return data[:count].astype(np.uint16) if len(data) else None
        order = "<u2" if attributes.little_endian else ">u2"
        data = np.frombuffer(value[: len(value) // 2 * 2], order)
    else:
        try:
            data = np.atleast_1d(np.asarray(value, dtype=np.int64)) & 0xFFFF
        except (TypeError, ValueError, OverflowError):
            return None
    return data[:count].astype(np.uint16) if len(data) else None


def read_table(item: Attributes, signed: bool) -> LookupTable | None:
    """The table of one item of a Modality or VOI LUT Sequence; ``None`` for one that cannot be used."""
    descriptor = read_descriptor(item, 0x00283002, signed)
    if descriptor is None:
        return None
    count, first, bits = descriptor
    entries = read_entries(item, 0x00283006, count, bits)
    return None if entries is None else LookupTable(entries, first, bits)
