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
    r"(?:%|(?:ст|степен|мм|см|мл|балл|стади)[а-яё]*\.?)\s*(?=[.,;(]|$)",
    re.IGNORECASE,
)


# "a right pleural effusion and a small left one", "контузионный очаг справа, аналогичный слева", "右侧见结节，左侧亦见类似结节"
_ANOTHER = {
    Language.ENGLISH: re.compile(
        r"\b(?:and|with|,)\s+(?:also\s+)?(?:a|an|another)\s+(?:[\w-]+\s+){0,2}(?:(?P<left>left)|(?P<right>right))(?:-sided)? one\b",
        re.IGNORECASE,
    ),
    Language.RUSSIAN: re.compile(
        r"[,;]\s*(?:а\s+)?(?:(?P<_left>слева)|(?P<_right>справа))\s*(?:[-–—]\s*)?(?:впервые\s+|вновь\s+)?(?:появил|тоже|также|аналогич|минимальн)\w*\s*(?=[.,;(]|$)"
        r"|[,;и]\s*(?:аналогичн|подобн|так(?:ой|ая|ое|ие)|сходн)\w*\s+(?:же\s+)?(?:[а-яё]+\s+){0,2}(?:(?P<left>слева)|(?P<right>справа))\b",
        re.IGNORECASE,
    ),
    Language.CHINESE: re.compile(
        r"[，,；;](?:(?P<left>左侧?)|(?P<right>右侧?))(?:亦|也|同样)(?:可?见|有)(?:类似|相似|同样)?"
    ),
}


def repeated_sides(
    sentence: str, language: Language, mentions: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, Side]]:
    """(number of the mention, side) where a clause says that the mention before it is on the other side as well."""
    for match in _ANOTHER[language].finditer(sentence):
        before = [(end, number) for number, (_, end) in enumerate(mentions) if end <= match.start()]
        if before:
            yield max(before)[1], Side((match.lastgroup or "").lstrip("_"))


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
