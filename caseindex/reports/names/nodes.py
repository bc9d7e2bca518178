"""Lymph nodes that are enlarged because of their size: "регионарные лимфоузлы до 14 мм".

Russian reports give the size and leave the word "enlarged" out. A short axis of more than 10 mm is an enlargement
(RECIST 1.1, Eisenhauer et al. 2009); a node that is said to be normal is none, nor is a second one beside those named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from caseindex.records import Language

Span = tuple[str, int, int]

_NORMAL_MM = 10.0
_NUMBER = r"\d+(?:[.,]\d+)?"
# "паратрахеальные до 16 мм", "размерами 12х9 мм"
_SIZE = re.compile(
    rf"(?P<between>[^.;\d]{{0,70}}?)(?P<one>{_NUMBER})(?:\s*[xх×*]\s*(?P<two>{_NUMBER}))?\s*(?P<unit>мм|см)\b",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(r"\b(?:не|нет|без|обычн\w+|нормальн\w+|неизменен\w+)\b", re.IGNORECASE)
# "лимфоузлы средостения уменьшились": they are enlarged still
_CHANGED = re.compile(r"\s+(?:[а-яё]+\s+){0,3}?(?:уменьш|увелич)ил(?:ись|ся)\b", re.IGNORECASE)
# "enlarged mediastinal, hilar and axillary lymph nodes"
_ENGLISH_LIST = re.compile(
    r"(?:\s+[\w-]+,?(?: (?:and|or|&))?){0,5}\s+[\w-]+,? (?:and|or|&) (?:[\w-]+ ){1,3}?(?:lymph )?nodes?\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[;。]|\.\s|\n")


def with_enlarged_nodes(text: str, spans: list[Span], language: Language | None, named: Set[str]) -> list[Span]:
    """``spans`` and, in a Russian text, an enlargement of the nodes that are measured as large. ``named``: the concepts
    that call nodes enlarged."""
    if language is Language.ENGLISH:
        return [
            ("lymphadenopathy", start, end)
            if concept == "enlargement" and text[start:end].lower() == "enlarged" and _ENGLISH_LIST.match(text, end)
            else (concept, start, end)
            for concept, start, end in spans
        ]
    if language is not Language.RUSSIAN:
        return spans
    found = list(spans)
    for number, (concept, start, end) in enumerate(spans):
        if concept != "lymph_node" or not (_CHANGED.match(text, end) or _is_large(text, end, spans[number + 1 :])):
            continue
        left, right = _sentence(text, start)
        if not any(other in named and left <= at < right for other, at, _ in spans):
            found.append(("lymphadenopathy", start, end))
    return sorted(found, key=lambda span: (span[1], -span[2])) if len(found) > len(spans) else spans


def _is_large(text: str, end: int, later: Sequence[Span]) -> bool:
    size = _SIZE.match(text, end)
    if size is None or _OTHERWISE.search(size["between"]) or ("," in size["between"] and later):
        return False
    axes = [float(value.replace(",", ".")) for value in (size["one"], size["two"]) if value]
    return min(axes) * (10.0 if size["unit"].lower() == "см" else 1.0) > _NORMAL_MM


def _sentence(text: str, position: int) -> tuple[int, int]:
    before = [match.end() for match in _SENTENCE_END.finditer(text, 0, position)]
    after = _SENTENCE_END.search(text, position)
    return (before[-1] if before else 0), (after.start() if after else len(text))
