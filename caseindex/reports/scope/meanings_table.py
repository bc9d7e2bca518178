"""Words that mean another finding, or none, beside other words: ``data/meanings_en.tsv``, ``data/meanings_ru.tsv``.

A "filling defect" in the bile duct is a stone, a "body mass index" no mass; "ВМК в полости матки" is a device, "ВМК в лобной доле"
a bleeding. (Chinese: :mod:`caseindex.reports.names.chinese_meanings`.)

Columns: ``finding``, as which the words are named; ``words``, a pattern that they begin with; ``beside``, a pattern of what stands
near them, empty for anything; ``without``, of what does not; ``meant``, the finding (``none`` for nothing); ``example``. Case counts
only where a pattern says so. The first row that fits decides.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from caseindex.records import Language
from caseindex.reports.lexicon import Mention

NOTHING: Final = "none"
_DATA = Path(__file__).parents[1] / "data"
_FLAGS = re.IGNORECASE | re.DOTALL


class _Row(NamedTuple):
    words: re.Pattern[str]
    beside: re.Pattern[str]
    without: re.Pattern[str] | None
    meant: str


def meanings_file(language: Language) -> Path:
    """The table of English or Russian."""
    return _DATA / f"meanings_{language.value}.tsv"


@lru_cache(maxsize=2)
def _rows(language: Language) -> dict[str, list[_Row]]:
    rows: dict[str, list[_Row]] = {}
    for line in meanings_file(language).read_text(encoding="utf-8").splitlines()[1:]:
        finding, words, beside, without, meant, _ = line.split("\t")
        patterns = (re.compile(words, _FLAGS), re.compile(beside, _FLAGS))
        rows.setdefault(finding, []).append(_Row(*patterns, re.compile(without, _FLAGS) if without else None, meant))
    return rows


@lru_cache(maxsize=2)
def findings_with_meanings(language: Language) -> frozenset[str]:
    """Those whose words may mean something else."""
    return frozenset(_rows(language))


def meant_beside(mention: Mention, near: str, language: Language) -> str:
    """The finding that the words of a mention mean in the text ``near`` them; :data:`NOTHING` where they are none."""
    for row in _rows(language).get(mention.concept, ()):
        fits = row.words.match(mention.text) and row.beside.search(near)
        if fits and not (row.without and row.without.search(near)):
            return row.meant
    return mention.concept
