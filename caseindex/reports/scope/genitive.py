"""What a Russian negation beyond a comma can deny: what stands in the genitive.

In "гематома справа, смещения нет" only the shift is denied, in "смещения, отека нет" both are.
"""

from __future__ import annotations

import re

from caseindex.reports.scope import russian_reach
from caseindex.reports.text import russian

_PREPOSITION = re.compile(r"\s(?:в|во|на|по|с|со|за|из|от|к)\s", re.IGNORECASE)
_DETAIL = re.compile(r"[0-9]")
_EVIDENCE = re.compile(r"данны[хе] за\s[^.;:]*$", re.IGNORECASE)  # governs the accusative: "данных за опухоль"
_WORD_BEFORE = re.compile(r"\b([а-яё]{3,})\s+$", re.IGNORECASE)
_FIRST_LONG = re.compile(r"[а-яё]{3,}", re.IGNORECASE)
_ROMAN = re.compile(r"\s*[IVX]+\b")
_FIRST_WORD = re.compile(r"[а-яё]+(?![А-ЯЁа-яё-])")


def denies_some(text: str, negation: int) -> bool:
    """Whether the negation that begins at ``negation`` denies only some of what was named before: "очаги демиелинизации,
    активных нет"."""
    words = re.findall("[а-яё]+", text[text.rfind(",", 0, negation) + 1 : negation], re.IGNORECASE)
    return bool(words) and all(map(russian.is_adjective, words))


def may_be_denied(text: str, start: int, end: int) -> bool:
    """Whether the mention at ``start`` to ``end`` can be denied from beyond a comma."""
    segment = max(text.rfind(",", 0, start), 0)
    comma = text.find(",", end)
    if _DETAIL.search(text, segment, comma if comma >= 0 else len(text)):
        return False  # "протрузии C4-C6, стеноза нет": what is measured is there
    if russian_reach.is_told_more_of(text, start, end):
        return False  # "ГПОД I ст., язвы не выявлено"
    return bool(_EVIDENCE.search(text, 0, start)) or may_be_genitive(text, start, end)


def may_be_genitive(text: str, start: int, end: int) -> bool:
    """Whether the words of the mention at ``start`` to ``end`` can stand in the genitive."""
    words = re.findall(r"[а-яёА-ЯЁ]+(?![а-яёА-ЯЁ-])", _PREPOSITION.split(text[start:end])[0])
    before = _WORD_BEFORE.search(text, 0, start)
    if before and russian.is_adjective(before[1]) and not russian.may_be_genitive(before[1]):
        return False  # "простые кисты": a nominative plural
    if not words:  # Latin letters: as the clause begins ("киста почки Bosniak I, расширения ЧЛС нет")
        first = _FIRST_LONG.search(text, max(text.rfind(mark, 0, start) for mark in ",;:.") + 1, start)
        if first is None:
            return _ROMAN.match(text, end) is None  # "Salter-Harris II, консолидации нет"
        return russian.may_be_genitive(first.group())
    return all(_is_abbreviation(word) or russian.may_be_genitive(word) for word in words)


def _is_abbreviation(word: str) -> bool:
    return word.isupper() or sum(map(str.isupper, word)) > 1  # "ПСоА"


def list_may_be_denied(text: str, start: int, end: int) -> bool:
    """Whether what stands in between belongs to one list in the genitive: in "ЦВК в ВПВ, зонд в желудке, пневмоторакса не
    видно" the tube does not."""
    if _EVIDENCE.search(text, 0, end):
        return True
    items = text[start:end].split(",")[1:-1]
    return not any(_DETAIL.search(item) for item in items) and all(
        russian.may_be_genitive(word.group()) for item in items if (word := _FIRST_WORD.match(item.strip()))
    )
