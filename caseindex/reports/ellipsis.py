"""What a clause leaves unsaid: "плевральный выпот слева, справа не определяется" also denies an effusion on the right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from caseindex.records import Language, Side

_OTHER_SIDE = {
    Language.ENGLISH: re.compile(
        r"[,;]?\s*\b(?:but |and )?(?:none|not|absent) (?:is |seen )?on the (?:(?P<left>left)|(?P<right>right))",
        re.IGNORECASE,
    ),
    Language.RUSSIAN: re.compile(
        r"[,;]\s*(?:а\s+)?(?:(?P<left>слева)|(?P<right>справа))\s*(?:[-–—]\s*)?"
        r"(?:не\s+(?:определя|выявл|визуализир|отмеч|обнаруж)\w+|нет|отсутствует)\s*(?=[.,;]|$)",
        re.IGNORECASE,
    ),
    Language.CHINESE: re.compile(r"[，,；;](?:(?P<left>左侧?)|(?P<right>右侧?))(?:未见|无)(?=[。，；]|$)"),
}


# "гонартроз справа 2 ст., слева 1 ст."
_GRADED = re.compile(
    r"[,;]\s*(?:а\s+)?(?:(?P<left>слева)|(?P<right>справа))\s*(?:[-–—]\s*|до\s+)?(?:\d+|[IVХ]+)(?:[-–.,]\d+)?\s*(?:-?[йя]\s+)?"
    r"(?:ст|степен|мм|см|балл|стади)[а-яё]*\.?\s*(?=[.,;]|$)",
    re.IGNORECASE,
)


def graded_sides(sentence: str, language: Language, mentions: Sequence[tuple[int, int]]) -> Iterator[tuple[int, Side]]:
    """(number of the mention, side) that a clause of a side and a degree says of the mention before it."""
    for match in _GRADED.finditer(sentence) if language is Language.RUSSIAN else ():
        before = [(end, number) for number, (_, end) in enumerate(mentions) if end <= match.start()]
        if before:
            yield max(before)[1], Side(match.lastgroup or "")


def denied_sides(sentence: str, language: Language, mentions: Sequence[tuple[int, int]]) -> Iterator[tuple[int, Side]]:
    """(number of the mention, side) that a clause without a finding of its own denies of the mention before it."""
    for match in _OTHER_SIDE[language].finditer(sentence):
        before = [(end, number) for number, (_, end) in enumerate(mentions) if end <= match.start()]
        if before:
            yield max(before)[1], Side(match.lastgroup or "")
