"""What a Russian clause calls by its adjective only: "слева паховая грыжа, справа бедренная" tells of two hernias."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from caseindex.records import Side
from caseindex.reports.text import russian

_KIND = re.compile(
    r"[,;]\s*(?:а\s+)?(?:(?P<left>слева)|(?P<right>справа))\s*(?:[-–—]\s*)?(?P<kind>[а-я]{4,}(?:ая|ый|ий|ое))(?=\s*(?:[,.;(\d]|$))",
    re.IGNORECASE,
)
_WORD = re.compile("[а-я]{3,}", re.IGNORECASE)


def other_kinds(sentence: str, mentions: Sequence[tuple[int, int]]) -> Iterator[tuple[int, Side, str]]:
    """(number of the mention before, side, name) of what a clause of a side calls by an adjective; the noun is that of
    the mention."""
    for match in _KIND.finditer(sentence):
        before = [(end, number) for number, (_, end) in enumerate(mentions) if end <= match.start()]
        if not before or not russian.is_adjective(match["kind"]):
            continue
        number = max(before)[1]
        start, end = mentions[number]
        nouns = [word for word in _WORD.findall(sentence[start:end]) if not russian.is_adjective(word)]
        if nouns:
            yield number, Side.LEFT if match["left"] else Side.RIGHT, f"{match['kind']} {nouns[0]}"
