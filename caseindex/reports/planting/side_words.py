"""A report with left and right exchanged, word by word, in the letter case that stood there."""

from __future__ import annotations

import re
from typing import Final

from caseindex.records import Language, Side
from caseindex.reports.sides.laterality import find_sides

#: Left beginnings and their right ones; endings are alike ("левой", "правой").
_STEMS: Final[dict[Language, tuple[tuple[str, str], ...]]] = {
    Language.ENGLISH: (("left", "right"), ("lt", "rt"), ("lul", "rul"), ("lll", "rll"), ("levo", "dextro"), ("l", "r")),
    Language.RUSSIAN: (
        ("слева", "справа"),
        ("влево", "вправо"),
        ("лев", "прав"),
        ("лсма", "псма"),
        ("лвса", "пвса"),
        ("sin", "dex"),
    ),
    Language.CHINESE: (("左", "右"),),
}


def sides_swapped(text: str, language: Language) -> str:
    """``text`` with every word of one side turned into the other's; bilateral ones stay.

    >>> sides_swapped("Гематома слева. Левая лобная доля.", Language.RUSSIAN)
    'Гематома справа. Правая лобная доля.'
    """
    parts, position = [], 0
    for start, end, side in find_sides(text, language):
        if side is Side.BOTH or start < position:
            continue
        parts += [text[position:start], _other(text[start:end], side, language)]
        position = end
    return "".join(parts) + text[position:]


def _other(word: str, side: Side, language: Language) -> str:
    for left, right in _STEMS[language]:
        own, other = (left, right) if side is Side.LEFT else (right, left)
        if re.match(re.escape(own), word, re.IGNORECASE):
            return _in_case_of(word[: len(own)], other) + word[len(own) :]
    return word


def _in_case_of(model: str, word: str) -> str:
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word.capitalize() if model[:1].isupper() else word
