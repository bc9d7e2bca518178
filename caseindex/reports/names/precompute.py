"""What is derived from ``lexicon.tsv`` ahead of time, so that it loads in milliseconds.

- ``data/lemmas_ru.tsv``: the lemma of each Russian word in the names: a query in the lexicon's words needs no
  morphological analyser.
- ``data/names.json``: the names in normal form, concept by concept, with the checksum of the ``lexicon.tsv`` that they were
  made from. It comes with the package: made at the start of each command, it would double the time of a search by words.

Run ``python -m caseindex.reports.names.precompute`` after every change of ``lexicon.tsv``. Both are caches: where they are
missing or of another lexicon, loading is slower and the answers are the same; a test compares them with the truth.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from caseindex.records import Language
from caseindex.reports.names.matching import NameTable, name_table
from caseindex.reports.table import LEXICON_FILE, rows
from caseindex.reports.text import russian

NAMES_FILE = Path(__file__).parents[1] / "data" / "names.json"
_WORD = re.compile("[а-яё]+")


def lemmas() -> dict[str, str]:
    """Each word of the Russian names in lower case, ``ё`` as ``е``, with its lemma."""
    words = {
        word.replace("ё", "е")
        for row in rows()
        for name in row.names[Language.RUSSIAN]
        for word in _WORD.findall(name.lower())
    }
    return {word: russian.analysed_lemma(word) for word in sorted(words)}


def names_document() -> dict[str, Any]:
    """The content of ``names.json``."""
    made = name_table(rows())
    return {
        "lexicon_sha256": _checksum(),
        "phrases": _by_concept((concept, " ".join(norms)) for concept, norms in made.phrases),
        "exact": made.exact,
        "chinese": _by_concept((concept, name) for name, concept in made.chinese.items()),
        "words": made.words,
        "collisions": [list(collision) for collision in made.collisions],
    }


def _by_concept(named: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Each concept with its names; order stays, since the table is made row by row."""
    out: dict[str, list[str]] = {}
    for concept, name in named:
        out.setdefault(concept, []).append(name)
    return out


def read_names() -> NameTable | None:
    """The names of the shipped lexicon, or ``None`` where the file is not of this ``lexicon.tsv``."""
    try:
        import msgspec  # three times faster than `json`, which a search by words would wait for

        document = msgspec.json.decode(NAMES_FILE.read_bytes())
        if document["lexicon_sha256"] != _checksum():
            return None
        return NameTable(
            [(concept, tuple(norms.split(" "))) for concept, own in document["phrases"].items() for norms in own],
            document["exact"],
            {name: concept for concept, own in document["chinese"].items() for name in own},
            document["words"],
            [(name, one, other) for name, one, other in document["collisions"]],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _one_line_a_concept(document: dict[str, Any]) -> str:
    """As JSON whose lines change with one concept only."""

    def text(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    parts = []
    for key, value in document.items():
        lines = (
            ",\n".join(f"{text(name)}:{text(own)}" for name, own in value.items()) if isinstance(value, dict) else ""
        )
        parts.append(f"{text(key)}:{{\n{lines}}}" if lines else f"{text(key)}:{text(value)}")
    return "{\n" + ",\n".join(parts) + "}\n"


def _checksum() -> str:
    return hashlib.sha256(LEXICON_FILE.read_bytes()).hexdigest()


def main() -> None:
    russian.LEMMAS_FILE.write_text("".join(f"{word}\t{lemma}\n" for word, lemma in lemmas().items()), encoding="utf-8")
    NAMES_FILE.write_text(_one_line_a_concept(names_document()), encoding="utf-8")


if __name__ == "__main__":
    main()
