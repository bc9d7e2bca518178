"""Sides as Chinese says them: of two places in a list, of the clause behind ("肺气肿，两上肺为主"), of what came last.

What names no side of its own takes the one of the clause before it where it only gives a name to what is seen there:
"双肾囊肿，右肾中份结节，错构瘤可能" is a hamartoma on the right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from caseindex.records import Side
from caseindex.reports.sides.laterality import SideSpan

Named = tuple[str, int, int]  # concept, start, end

_LISTED = re.compile(r"[^，,。；;：:]{0,12}[及和与、]")  # from one side of a list to the next
_COMMA = re.compile("[，,。；;：:]")
_MAINLY = re.compile(  # "，两上肺为主", "（双下肺明显）"
    r"[，,（(]\s*(?:以|主要位于|主要分布于?|多位于|位于|分布于)?[双两][^，,。；;（()）]{0,8}?(?:为主|为著|为甚|明显|显著|较重|多见|居多|为多|著)(?=[，,。；;)）]|$)"
    r"|[，,（(]\s*(?:主要位于|主要分布于?|分布于)[双两]"
)
_LARGEST = re.compile(r"[，,、]?(?:其中)?[（(]?")  # "肺大泡（右尖最大）": where the largest of several is
_MORE = re.compile("侧?[较更]?(?:著|重|明显|显著)")
_LOOKS = re.compile(r"\d|边[界缘]|强化|密度|信号|形态|回声")  # a clause of what the finding before it looks like
_IS_LARGEST = re.compile(r"[^，,。；;)）]{0,7}(?:最大|较大|大者|为大|者约?[\d.])")


def of_both(
    sentence: str, start: int, end: int, sides: Sequence[SideSpan], places: Sequence[Named], findings: Sequence[Named]
) -> bool:
    """Whether the finding at ``start`` to ``end`` is said of a place on the left and of one on the right: "右肺动脉及左下肺动脉见充盈
    缺损"; not "左肾及右侧输尿管结石", where each organ has its own."""
    if len(sides) < 2:
        return False
    before = [entry for entry in sides if entry[1] <= start]
    if len(before) < 2 or {before[-1][2], before[-2][2]} != {Side.LEFT, Side.RIGHT}:
        return False
    (_, first, _), (left, second, _) = before[-2:]
    if not _LISTED.fullmatch(sentence, first, left) or _COMMA.search(sentence, second, start):
        return False
    if any(first <= at < start for _, at, _ in findings):
        return False
    return (
        left - first == 1
        or "见" in sentence[start:end]
        or any(first <= at and sentence[at:finish] in sentence[start:end] for _, at, finish in places)
        or any(left <= at and second < finish <= start for _, at, finish in places)
    )


def is_mainly_of_both(sentence: str, end: int) -> bool:
    """Whether the clause behind a finding that ends at ``end`` says of which parts on both sides it mainly is."""
    return _MAINLY.match(sentence, end) is not None


def is_of_the_largest(sentence: str, end: int, side: SideSpan) -> bool:
    """Whether a side behind a finding that ends at ``end`` only says where the largest of several is."""
    left, right, _ = side
    return (
        left >= end
        and _LARGEST.fullmatch(sentence, end, left) is not None
        and _IS_LARGEST.match(sentence, right) is not None
    )


def last_named(sentence: str, start: int, sides: Sequence[SideSpan]) -> Side | None:
    """The side that the last clause before ``start`` names, if it names one and is the clause right before; both where
    "both are" stands in between ("均考虑转移")."""
    marks = [match.start() for match in _COMMA.finditer(sentence, 0, start)]
    if not marks:
        return None
    for begin, finish in zip([-1, *marks][-2::-1], marks[::-1], strict=True):
        here = [(right, side) for left, right, side in sides if begin < left < finish]
        named = {side for right, side in here if not _MORE.match(sentence, right)}
        if not here and _LOOKS.search(sentence, max(begin, 0), finish):
            continue
        if named or not here:
            return named.pop() if len(named) == 1 else None
    return None
