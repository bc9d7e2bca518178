"""Tolerant, fast access to DICOM attributes: the raw bytes of an element, interpreted here and nowhere else.

pydicom converts an element when it is first touched: with validation, by the declared character set, with an
exception or a warning (which may quote a patient's name) for what does not fit. An archive holds all of that. Here
a value that cannot be understood is ``None``, and texts go through :mod:`caseindex.ingest.charset`.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from caseindex.ingest.charset import decode_element

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_BINARY: Final = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d", "AT": "H"}
_MAX_STRING = 1 << 20  # bytes; a longer header text is not a description of anything


@dataclass(frozen=True, slots=True)
class Attributes:
    """A data set or an item of one. ``binary`` in the methods is the VR to assume where the file does not say it."""

    dataset: Dataset
    charsets: tuple[str, ...] = ()
    little_endian: bool = True
    _elements: dict[int, Any] = field(default_factory=dict)  # as pydicom read them, under plain numbers
    _cache: dict[int, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, dataset: Dataset, little_endian: bool = True, parent: Attributes | None = None) -> Attributes:
        # pydicom's own access compares tags in Python and makes one at every question: half of the time of a header.
        elements = {int(tag): element for tag, element in dataset.items()}
        own = cls(dataset, (), little_endian, elements).strings(0x00080005)
        return cls(dataset, own or (parent.charsets if parent else ()), little_endian, elements)

    def __contains__(self, tag: int) -> bool:
        return tag in self._elements

    def raw(self, tag: int) -> tuple[str | None, Any]:
        """(VR or None, value): bytes where pydicom has not converted the element, else its value."""
        element = self._elements.get(tag)
        if element is None:
            return None, None
        try:
            return element.VR, element.value
        except Exception:  # hostile bytes raise anything
            return None, None

    def bytes_of(self, tag: int) -> bytes | None:
        value = self.raw(tag)[1]
        return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else None

    def numbers(self, tag: int, binary: str | None = None) -> tuple[float, ...]:
        """All finite values; empty where absent or where any of them is not a number."""
        vr, value = self.raw(tag)
        if value is None or value == b"" or value == "":
            return ()
        try:
            if isinstance(value, bytes):
                code = _BINARY.get(vr or "") or _BINARY.get(binary or "")
                if code is not None and vr not in {"DS", "IS"}:
                    size = struct.calcsize("<" + code)
                    order = "<" if self.little_endian else ">"
                    found: tuple[float, ...] = struct.unpack(
                        f"{order}{len(value) // size}{code}", value[: len(value) // size * size]
                    )
                else:
                    parts = value[:_MAX_STRING].replace(b",", b".").split(b"\\")
                    found = tuple(float(part.strip(b" \0")) for part in parts if part.strip(b" \0"))
            elif isinstance(value, str | int | float):
                found = (float(value),)
            else:
                found = tuple(float(part) for part in value)
        except (TypeError, ValueError, OverflowError, struct.error):
            return ()
        return found if all(math.isfinite(number) for number in found) else ()

    def number(self, tag: int, binary: str | None = None) -> float | None:
        found = self.numbers(tag, binary)
        return found[0] if found else None

    def integer(self, tag: int, binary: str | None = None) -> int | None:
        found = self.number(tag, binary)
        return int(found) if found is not None else None

    def strings(self, tag: int) -> tuple[str, ...]:
        """Backslash-separated ASCII values (CS, UI, DA, AS, ...), stripped; the position of empty ones is kept."""
        value = self.raw(tag)[1]
        if value is None:
            return ()
        if isinstance(value, bytes):
            text = value[:_MAX_STRING].decode("latin-1")
        elif isinstance(value, str):
            text = value
        else:
            try:
                text = "\\".join(str(part) for part in value)
            except TypeError:
                text = str(value)
        parts = tuple(part.strip(" \0\t\r\n") for part in text.split("\\"))
        return parts if any(parts) else ()

    def code(self, tag: int) -> str | None:
        """The first value of a code string, upper case."""
        found = self.strings(tag)
        return found[0].upper() if found and found[0] else None

    def text(self, tag: int) -> str | None:
        """A text in whatever character set it really has, stripped; control characters are dropped."""
        value = self.raw(tag)[1]
        if isinstance(value, bytes):
            text = decode_element(value[:_MAX_STRING], self.charsets)
        elif value is None:
            return None
        else:
            text = str(value)
        text = "".join(sign for sign in text if sign in "\n\t" or sign.isprintable()).strip()
        return text or None

    def items(self, tag: int) -> tuple[Attributes, ...]:
        """The items of a sequence."""
        if tag in self._cache:
            return self._cache[tag]  # type: ignore[no-any-return]
        try:
            value = self.dataset[tag].value if tag in self._elements else ()
            found = tuple(Attributes.of(item, self.little_endian, self) for item in value)
        except Exception:  # a sequence that is none, or one nested beyond the limit of recursion
            found = ()
        self._cache[tag] = found
        return found

    def first(self, tag: int) -> Attributes | None:
        found = self.items(tag)
        return found[0] if found else None
