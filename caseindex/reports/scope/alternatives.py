"""Findings that "or" joins: each of them is only possible."""

from __future__ import annotations

import re

from caseindex.records import Language
from caseindex.reports.scope import english_doubts

# "infiltrate or atelectasis"; not "residual or recurrent pneumonia", where it joins adjectives
OR_BEFORE = re.compile(
    r"(?<!residual )(?<!acute )(?<!new )(?<!old )(?<!mild )(?<!partial )\b(?:or|или|либо)\s+(?:(?:areas?|foci|focus|signs?|evidence) of\s+)?(?:[\w-]+\s+){0,1}$",
    re.IGNORECASE,
)
_OR_AFTER = re.compile(r"^\s*(?:and/)?(?:or|или|либо)\b", re.IGNORECASE)
_CHINESE_OR_BEFORE = re.compile("或[者为是小微]{0,2}$")
_BEFORE, _AFTER = 30, 8  # characters that are looked at


def is_alternative(text: str, start: int, end: int, language: Language) -> bool:
    """Whether the mention at ``start`` to ``end`` is one of two that "or" joins."""
    before, after = text[max(0, start - _BEFORE) : start], text[end : end + _AFTER]
    if language is Language.CHINESE:
        return _CHINESE_OR_BEFORE.search(before) is not None or after.startswith("或")
    if language is Language.ENGLISH and english_doubts.opens_alternatives(text, start, end):
        return True
    return bool(OR_BEFORE.search(before) or _OR_AFTER.search(after))
