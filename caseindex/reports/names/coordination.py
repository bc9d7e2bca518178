"""One finding named once for several places: "переломов ребер, ключиц и грудины", "infarcts in the left thalamus and
right cerebellum", "肋骨及锁骨骨折".

The places of such a list are bound by commas and one conjunction at least; each makes a concept of its own with the
finding by the rules of ``composition.py``. A place that belongs to another finding ("киста почки и очаг печени") ends it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence, Set
from typing import NamedTuple

from caseindex.reports.text import russian

Span = tuple[str, int, int]

_LINK = re.compile(
    r"\s*(?:\([^()]{1,20}\))?(?:справа|слева|on the (?:left|right))?\s*(?P<comma>,)?\s*(?P<and>(?:and|or|nor|и|или|либо|а также)\s)?\s*(?P<words>(?:[\w-]+\s+){0,2})",
    re.IGNORECASE,
)
_CHINESE_LINK = re.compile(
    r"(?:[内外前后上下尖背基底侧]{1,3}段)?(?P<and>[、及和与或]|以及)(?:双侧|两侧|左侧|右侧|双|左|右)?"
)
_NO_LINK = re.compile(
    r"\b(?:not?|an?|another|stable|normal|unremarkable|intact|unchanged|clear|without|with|is|are|of|нет?|без|с|не)\b",
    re.IGNORECASE,
)
_SIDE = re.compile(r"left|right|both|bilateral|лев|прав|обе|左|右|双", re.IGNORECASE)
_SEVERAL_WORDS = re.compile(r"\s|[\u4e00-\u9fff]")
_APART = re.compile(r"[,;.:，。；：]|\b(?:and|or|и|или|with|с)\b", re.IGNORECASE)
_ITEM_END = re.compile(r"\s*(?:справа|слева|с обеих сторон)?\s*(?:[,.;]|$|не\s|нет\b)")
_ITEM_OVER = re.compile(r"\s*(?:[,.;)]|$)")
_INTO = re.compile(r"[\wё-]+(?:\s[а-яё]+)?\sво?\s(?:[а-яё]+\s)?(?P<place>[а-яё]+)", re.IGNORECASE)
_ADVERB = re.compile(r"\s(?:справа|слева)\b")
# "tear of the medial meniscus, ACL and PCL intact": a place of what stands before it
_IN_PHRASE = re.compile(r"\b(?:of|in|at|to) (?:the )?(?:[\w-]+ )?$", re.IGNORECASE)
_COLON = re.compile(
    r":\s*(?:(?:left|right|bilateral|both|L|R)\s)?(?:[\s\dIVX,–-]|(?<=\d)(?:st|nd|rd|th)\b)*"
)  # "переломы: 5 ребра справа, ключицы слева"
_WHOLE = frozenset(["lymphadenopathy"])  # the places are where the nodes are, and not enlarged themselves
_NEAR = 25  # characters from a finding to the first of its places


_CROSSING = re.compile(r"\bс переходом (?:на|в)\b")  # "перелом костей свода с переходом на пирамиду"


class Further(NamedTuple):
    """A concept of the same words ``start`` to ``end`` in another place."""

    concept: str
    start: int
    end: int
    place: tuple[int, int]


def further(
    text: str, named: Sequence[Span], spans: Sequence[Span], anatomy: Set[str], generic: Callable[[str], str | None],
    specific: Callable[[str, str], str | None],
) -> list[Further]:  # fmt: skip
    """What the findings among ``spans`` (in order of place, each specific already; ``named``: the same before) are in the
    other places of their lists. ``generic`` gives the finding without its place, ``specific`` puts it into one."""
    found: list[Further] = []
    for number, (concept, start, end) in enumerate(spans):
        if concept in anatomy or concept in _WHOLE:
            continue
        bare = generic(concept)
        if bare is None or (named[number][0] == concept and not _SEVERAL_WORDS.search(text, start, end)):
            continue  # "cardiomegaly and mediastinal contour": no place can be taken out of the name
        known = {concept}
        read = _CROSSING.sub(_as_joined, text) if bare == "fracture" else text
        for place, left, right, sided in _places(read, spans, number, anatomy):
            other = specific(bare, place)
            if other is not None and (other not in known or (sided and other == concept)):
                known.add(other)
                found.append(Further(other, start, end, (left, right)))
    return found


def _as_joined(crossing: re.Match[str]) -> str:
    return "и".ljust(len(crossing.group()))


def _places(text: str, spans: Sequence[Span], number: int, anatomy: Set[str]) -> Iterator[tuple[str, int, int, bool]]:
    """(anatomy, start, end, whether a side is named with it) of the places in the lists of the finding ``number``."""
    _, start, end = spans[number]
    first = number
    listed = False
    if number + 1 < len(spans):
        concept, left, right = spans[number + 1]
        listed = _COLON.fullmatch(text, end, left) is not None
        if concept in anatomy and left - end <= _NEAR and (listed or not _parted(text, end, left)):
            first, end = number + 1, right
    into = _goes_into(text, spans[number][1], spans[first][2])
    order = range(first + 1, len(spans))
    yield from _chain(text, spans, order, end, anatomy, forward=True, joined=listed, into=into)
    last = number
    if number and first == number:
        concept, left, right = spans[number - 1]
        if concept in anatomy and start - right <= _NEAR and not _parted(text, right, start):
            last, start = number - 1, left
    if last == number and russian.is_cyrillic(text[start : start + 1]):
        return  # "гидронефроз правой почки и киста левой"
    yield from _chain(text, spans, range(last - 1, -1, -1), start, anatomy, forward=False)


def _parted(text: str, start: int, end: int) -> bool:
    return bool(_APART.search(text, start, end) or _CHINESE_LINK.fullmatch(text[start:end]))


def _chain(
    text: str,
    spans: Sequence[Span],
    order: range,
    position: int,
    anatomy: Set[str],
    *,
    forward: bool,
    joined: bool = False,
    into: bool = False,
) -> list[tuple[str, int, int, bool]]:
    chain: list[tuple[str, int, int, bool]] = []
    closed = False  # an English list ends with the item behind its "and"
    for number in order:
        concept, left, right = spans[number]
        between = text[position:left] if forward else text[right:position]
        link = _LINK.fullmatch(between) or _CHINESE_LINK.fullmatch(between) if 0 < len(between) <= 40 else None
        if concept in anatomy and chain and between == " ":  # "печени и костей таза"
            position = right if forward else left
            chain.append((concept, left, right, False))
            continue
        if concept not in anatomy or link is None or not (link["and"] or link.groupdict().get("comma")):
            break
        if _NO_LINK.search(between) or (forward and _is_of_another(text, spans, number, anatomy)):
            break
        if closed or (not forward and not link["and"] and _IN_PHRASE.search(text, 0, left)):
            break
        closed = forward and (link["and"] or "").isascii() and bool(link["and"])
        # "перелом ключицы слева, лопатки справа"
        dealt = forward and _ADVERB.search(between) is not None and _ADVERB.match(text, right) is not None
        joined = joined or bool(link["and"]) or dealt or (forward and _is_mere_place(text, left, right))
        joined = joined or (into and _ITEM_OVER.match(text, right) is not None)
        if not (chain or forward or link["and"]):
            break  # "в базальных цистернах, прорыв в желудочки": the place of another clause
        sided = between + text[left:right] if forward else text[max(0, left - 12) : right]
        chain.append((concept, left, right, bool(_SIDE.search(sided))))
        position = right if forward else left
    return chain if joined else []


def _goes_into(text: str, start: int, end: int) -> bool:
    """Whether a Russian finding goes into its first place, in the accusative: "метастазы в печень, легкие"."""
    place = _INTO.fullmatch(text, start, end)
    return place is not None and russian.may_be_object(place["place"])


def _is_mere_place(text: str, start: int, end: int) -> bool:
    """Whether an item of a Russian list is a place in the genitive and no more: "переломы ребер, грудины"."""
    words = re.findall("[а-яё]+", text[start:end].lower())
    return bool(words) and _ITEM_END.match(text, end) is not None and all(map(russian.may_be_genitive, words))


def _is_of_another(text: str, spans: Sequence[Span], number: int, anatomy: Set[str]) -> bool:
    """Whether the place ``number`` stands before a finding that it belongs to ("and liver lesion")."""
    end = spans[number][2]
    if number + 1 == len(spans):
        return False
    concept, left, _ = spans[number + 1]
    return concept not in anatomy and left - end <= _NEAR and not _APART.search(text, end, left)
