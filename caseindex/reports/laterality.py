"""Left, right or both: the side of a finding, read from its clause."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from caseindex.records import Language, Side

_WORDS = {
    Language.ENGLISH: re.compile(
        r"\b(?P<both>bilateral(?:ly)?|both|bibasilar|biapical|bihilar|bifrontal|right greater than left"
        r"|left greater than right|(?:right|left) and (?:\w+ )?(?:right|left)|either (?=side|lung|breast|kidney|eye|ear|hip|knee)"
        r"|r ?> ?l|l ?> ?r)\b"
        r"|\b(?P<left>left(?:[- ]sided|ward)?|lt|LUL|LLL|levo\w+|L(?= (?:MCA|PCA|ACA|ICA|CPA)\b))\b(?! (?:ventric|atri|heart))"
        r"|\b(?P<right>right(?:[- ]sided|ward)?|rt|RUL|RML|RLL|dextro\w+|R(?= (?:MCA|PCA|ACA|ICA|CPA)\b))\b"
        r"(?! (?:ventric|atri|heart))"
    ),
    Language.RUSSIAN: re.compile(
        r"\b(?P<both>с (?:обеих|двух) сторон|двух?сторонн\w+|билатеральн\w+|об(?:е|а|еих|оих|еими|оими)"
        r"|слева и справа|справа и слева|больше (?:справа|слева)|D ?> ?S|S ?> ?D)\b"
        r"|\b(?P<left>слева|влево|лев(?:ый|ая|ое|ого|ому|ым|ом|ой|ую|ые|ых|ыми)|левосторонн\w+|ЛСМА|ЛВСА|sin)\b"
        r"(?! (?:желудоч(?!к\w* (?:голов|мозга))|предсерд))"
        r"|\b(?P<right>справа|вправо|прав(?:ый|ая|ое|ого|ому|ым|ом|ой|ую|ые|ых|ыми)|правосторонн\w+|ПСМА|ПВСА|dex)\b"
        r"(?! (?:желудоч(?!к\w* (?:голов|мозга))|предсерд))",
        re.IGNORECASE,
    ),
    Language.CHINESE: re.compile(
        r"(?P<both>双侧?|两侧?|雙側?|兩側?)|(?P<left>左(?![心房室]))|(?P<right>右(?![心房室]))"
    ),
}
_CLAUSE = re.compile(
    r"[,;，；。、:：]|(?<!consistent )(?<!compatible )\bwith\b|\b(?:but|however|without|no|and the|due to|secondary to|но|однако|без)\b"
    r"|\bс (?!прав|лев|обе|двух|одной|локал|расп)"
)
_FAR = 60  # characters


@lru_cache(maxsize=4096)  # reports repeat their sentences
def find_sides(sentence: str, language: Language) -> tuple[tuple[int, int, Side], ...]:
    """(start, end, side) of the words of side in a sentence."""
    text = sentence if language is not Language.ENGLISH else _lower_first(sentence)
    return tuple((match.start(), match.end(), Side(match.lastgroup or "")) for match in _WORDS[language].finditer(text))


def side_of(
    sentence: str, start: int, end: int, sides: Sequence[tuple[int, int, Side]], others: Sequence[tuple[int, int]]
) -> Side | None:
    """The side of the mention at ``start`` to ``end``: the nearest word of side in its clause, one between it and no
    other finding. ``others``: the spans of the other findings."""
    best: tuple[int, Side] | None = None
    for left, right, side in sides:
        if left >= start and right <= end:
            distance = 0
        else:
            low, high = (right, start) if right <= start else (end, left)
            if low > high:
                distance = 0
            else:
                crossed = sum(low <= a and b <= high for a, b in others)
                if left >= end and _is_attribute(sentence, left, right, others):
                    continue  # "pneumothorax after removal of the right chest tube"
                if high - low > _FAR or _parted(sentence, low, high, crossed):
                    continue
                distance = high - low + 40 * crossed
        if best is None or distance < best[0]:
            best = distance, side
    return best[1] if best else None


def _is_attribute(sentence: str, left: int, right: int, others: Sequence[tuple[int, int]]) -> bool:
    """Whether a word of side belongs to another finding right behind it; the Russian adverbs do not."""
    if sentence[left:right].lower() in {"слева", "справа"}:
        return False
    return any(0 <= a - right <= 2 and not sentence[right:a].strip() for a, _ in others)


def side_of_place(
    place: tuple[int, int], sides: Sequence[tuple[int, int, Side]], reach: int = 1
) -> tuple[bool, Side | None]:
    """(whether one is named, the side) of an anatomy in a list: the word of side right beside it."""
    start, end = place
    for left, right, side in sides:
        if 0 <= start - right <= reach or 0 <= left - end <= reach or (left >= start and right <= end):
            return True, side
    return False, None


def _parted(sentence: str, low: int, high: int, crossed: int) -> bool:
    """Whether a clause ends between; the marks of a Chinese list ("双侧放射冠、半卵圆中心多发腔梗") end none unless another
    finding stands there."""
    return any(match.group() != "、" or crossed for match in _CLAUSE.finditer(sentence, low, high))


def _lower_first(sentence: str) -> str:
    """Words of side in lower case wherever they are written with a capital; the abbreviations keep theirs."""
    return re.sub(
        r"\b(?:Left|Right|LEFT|RIGHT|Bilateral|BILATERAL|Both|Bibasilar|Lt|Rt)\b", lambda m: m.group().lower(), sentence
    )
