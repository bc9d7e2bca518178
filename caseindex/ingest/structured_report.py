"""The text of a DICOM structured report: its content tree, read in order. PS3.3 C.17.3.

Names of persons (PNAME) and the observation context are left out: who observed, who was observed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from caseindex.ingest.attributes import Attributes

_CONTENT: Final = 0x0040A730
_VALUE_TYPE: Final = 0x0040A040
_DEEPEST: Final = 32
_LONGEST: Final = 1_000_000  # characters


def report_text(root: Attributes) -> str | None:
    """Lines of ``Concept: value``; ``None`` where the tree holds no free text."""
    if _VALUE_TYPE not in root and _CONTENT not in root:
        return None
    lines: list[str] = []
    length = 0
    has_text = False
    for line, free in _lines(root, 0):
        lines.append(line)
        has_text |= free
        length += len(line)
        if length > _LONGEST:
            break
    return "\n".join(lines).strip() if has_text else None


def _lines(node: Attributes, depth: int) -> Iterator[tuple[str, bool]]:
    if depth > _DEEPEST:
        return
    for item in node.items(_CONTENT):
        if item.code(0x0040A010) == "HAS OBS CONTEXT":
            continue
        kind = item.code(_VALUE_TYPE)
        concept = _meaning(item.first(0x0040A043))
        value = _value(item, kind)
        if kind == "CONTAINER":
            if concept:
                yield f"{concept}:", False
        elif value:
            yield (f"{concept}: {value}" if concept else value), kind == "TEXT"
        yield from _lines(item, depth + 1)


def _meaning(code: Attributes | None) -> str | None:
    return code.text(0x00080104) if code is not None else None


def _value(item: Attributes, kind: str | None) -> str | None:
    if kind == "TEXT":
        return item.text(0x0040A160)
    if kind == "CODE":
        return _meaning(item.first(0x0040A168))
    if kind == "NUM":
        measured = item.first(0x0040A300)
        number = measured.number(0x0040A30A) if measured is not None else None
        if measured is None or number is None:
            return None
        unit = measured.first(0x004008EA)
        sign = (unit.text(0x00080100) or "") if unit is not None else ""
        return f"{number:g} {sign}".strip() if sign != "1" else f"{number:g}"
    return None
