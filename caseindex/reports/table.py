"""``data/lexicon.tsv`` as rows: what is written there, before any linguistics.

Columns: ``id``, ``kind``, ``broader`` (ids), ``ru``, ``en``, ``zh`` (names, the preferred one first), ``composed``
(``generic+anatomy`` pairs: a mention of the generic finding beside that anatomy means this concept). Lists are separated
by ``;``. A name that ends in ``!`` counts only in exactly this letter case.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from caseindex.errors import CaseindexError
from caseindex.records import Language

LEXICON_FILE = Path(__file__).with_name("data") / "lexicon.tsv"
COLUMNS = ("id", "kind", "broader", "ru", "en", "zh", "composed")


class ConceptKind(StrEnum):
    FINDING = "finding"  # also diseases and diagnoses: whatever a report can assert or deny
    ANATOMY = "anatomy"
    MODALITY = "modality"
    PROCEDURE = "procedure"
    MODIFIER = "modifier"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    kind: ConceptKind
    broader: tuple[str, ...]
    names: dict[Language, tuple[str, ...]]
    composed: tuple[tuple[str, str], ...]  # (generic finding, anatomy)


def _items(cell: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in cell.split(";") if item.strip())


def read_rows(text: str, name: str = "lexicon.tsv") -> list[Row]:
    """The rows of a lexicon. Raises :class:`CaseindexError` with the line of what is malformed."""
    lines = text.splitlines()
    if not lines or tuple(lines[0].split("\t")) != COLUMNS:
        raise CaseindexError(name, "the header is wrong", "the columns are " + ", ".join(COLUMNS))
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip() or line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) != len(COLUMNS):
            raise CaseindexError(f"{name}:{number}", f"{len(cells)} cells instead of {len(COLUMNS)}")
        try:
            kind = ConceptKind(cells[1])
        except ValueError:
            known = ", ".join(ConceptKind)
            raise CaseindexError(f"{name}:{number}", f"unknown kind {cells[1]!r}", f"known kinds: {known}") from None
        composed = []
        for pair in _items(cells[6]):
            generic, plus, anatomy = pair.partition("+")
            if not plus:
                raise CaseindexError(f"{name}:{number}", f"{pair!r} is not of the form generic+anatomy")
            composed.append((generic, anatomy))
        names = {language: _items(cell) for language, cell in zip(Language, cells[3:6], strict=True)}
        rows.append(Row(cells[0], kind, _items(cells[2]), names, tuple(composed)))
    return rows


@lru_cache(maxsize=1)
def rows() -> tuple[Row, ...]:
    """The rows of the shipped lexicon, read once."""
    return tuple(read_rows(LEXICON_FILE.read_text(encoding="utf-8")))
