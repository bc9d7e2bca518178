"""Sides that an English sentence deals out for a finding it has named once: "cysts, two on the right and one on the left",
"effusions: large left, small right", "lacunes in the left putamen and right thalamus".

A piece between commas or conjunctions counts where it holds a side and else nothing but degrees, numbers, sizes, changes
and places; "the right kidney is normal" holds more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from caseindex.records import Change, Polarity, Side
from caseindex.reports.lexicon import Lexicon
from caseindex.reports.scope.changes import ChangeSpan

Named = tuple[str, int, int]  # concept, start, end

_BREAK = re.compile(r"[,;:(]\s|\s[-–—]\s|\b(?:and|while|whereas|but)\b|&", re.IGNORECASE)
_JOINS = re.compile(r"(?:and|&)\s*$", re.IGNORECASE)
_SIDE = re.compile(
    r"\b(?:(?P<left>(?i:left(?:[- ]sided)?|lt)|LUL|LLL|(?<!\S)L(?=[ :]))(?! (?:ventric|atri|heart))"
    r"|(?P<right>(?i:right(?:[- ]sided)?|rt)|RUL|RML|RLL|(?<!\S)R(?=[ :])))(?!\w)(?! (?:ventric|atri|heart))"
)
# What tells that the piece speaks of one more of the same.
_STRONG = re.compile(
    r"\b(?:mild|moderate|mod|severe|marked|small(?:er)?|larger?|tiny|trace|minimal|massive|huge|subtle|complete|partial|grade|gr|stage"
    r"|one|ones|two|three|four|five|six|several|few|multiple|single|solitary|another|second|similar|also|containing|with (?:fat|bowel|omentum)|(?:more|less) pronounced)\b|\d|%",
    re.IGNORECASE,
)
_FILLING = frozenset(
    "a an the it less more under over below above on in of at to is are was were up by about approx approximately measuring measures with also but now still only"
    " side sided lobe upper lower middle mid zone pole base apex lung breast kidney hip knee region quadrant o'clock i ii iii iv v"
    " mm cm ml degree position fat bowel omentum x anterior posterior superior inferior medial lateral proximal distal apical basal"
    " terminus origin bifurcation segment level tip border junction respectively than greater lesser extent larger largest nascet ecst criteria".split()
)
_WORD = re.compile(r"[^\s/()]+")
_RESOLVED = re.compile(
    r"\b(?:(?<!not )(?:resolved|cleared)|recanali[sz]ed|passed|gone|vanished|disappeared|absent|no longer (?:seen|present|visible|evident))\b",
    re.IGNORECASE,
)
_STAYS = re.compile(
    r"\b(?:persists?|remains?|still|(?:is|are) (?:unchanged|stable|larger|smaller)|(?:has|have) (?:grown|increased|enlarged|decreased)|(?:is|are) (?:seen|present|noted|identified))\b",
    re.IGNORECASE,
)
_DOUBTED = re.compile(
    r"(?:can ?not|not) (?:be )?(?:entirely |completely )?(?:excluded|ruled out)|\b(?:possible|suspected|questionable)\b",
    re.IGNORECASE,
)
_VERBS = frozenset(
    "before previously prior then last time size number extent has have since now been recanalised recanalized passed gone vanished disappeared absent no longer visible evident change changed without resolved cleared remains remain persists persist present seen noted identified yes cannot can not be entirely"
    " completely excluded ruled out possible suspected questionable".split()
)


class Shared(NamedTuple):
    """``number`` of the finding in its sentence, and what a piece behind it says of it."""

    number: int
    side: Side
    change: Change | None
    polarity: Polarity | None  # where the piece says it
    graded: bool  # whether the piece says how much there is


def shared_sides(
    sentence: str,
    findings: Sequence[tuple[str, int, int, Side | None]],
    places: Sequence[Named],
    changes: Sequence[ChangeSpan],
    lexicon: Lexicon,
) -> Iterator[Shared]:
    """The further sides of the ``findings`` (concept, start, end, side) of a sentence; ``places``: its anatomy that no
    finding has taken already."""
    if len(_SIDE.findall(sentence)) + sum(side is None for *_, side in findings) < 2:
        return
    for number, (concept, _, end, own) in enumerate(findings):
        if own is Side.BOTH:
            continue
        stop = min((a for _, a, _, _ in findings if a >= end), default=len(sentence))
        said = list(_pieces(sentence, end, stop, places, changes, concept, lexicon))
        dealt = {side for _, side, _, _ in said} | ({own} if own is not None else set())
        for strong, side, change, polarity in said:
            if side is own or not (strong or own is not None):
                continue
            if own is not None or len(dealt) == 2 or polarity is not None or sentence[end : end + 1] == ":":
                yield Shared(number, side, change, polarity, strong)


def _pieces(
    sentence: str,
    start: int,
    stop: int,
    places: Sequence[Named],
    changes: Sequence[ChangeSpan],
    concept: str,
    lexicon: Lexicon,
) -> Iterator[tuple[bool, Side, Change | None, Polarity | None]]:
    """(whether it counts by itself, side, change, polarity) of the pieces between ``start`` and ``stop``."""
    breaks = [(match.start(), match.end()) for match in _BREAK.finditer(sentence, start, stop)]
    for (_, left), (right, _) in pairwise([*breaks, (stop, stop)]):
        if right == stop < len(sentence):
            return  # what stands before the next finding is that finding's
        sides = list(_SIDE.finditer(sentence, left, right))
        if len(sides) != 1:
            continue
        inside = [(name, a, b) for name, a, b in places if left <= a and b <= right]
        changed = [(a, b, change) for a, b, change in changes if left <= a and b <= right]
        rest = _without(
            sentence, left, right, [(a, b) for _, a, b in inside] + [(a, b) for a, b, _ in changed], sides[0]
        )
        if not _is_filling(rest) or not _fits(inside, concept, lexicon):
            continue
        polarity = _polarity(sentence[left:right])
        strong = sentence[start : start + 1] == ":" or bool(_STRONG.search(rest) or changed or polarity)
        if strong or (inside and _JOINS.search(sentence, 0, left)):
            side = Side.LEFT if sides[0]["left"] else Side.RIGHT
            yield strong, side, changed[0][2] if changed else None, polarity


def _polarity(piece: str) -> Polarity | None:
    if _RESOLVED.search(piece):
        return Polarity.ABSENT
    if _DOUBTED.search(piece):
        return Polarity.UNCERTAIN
    return Polarity.PRESENT if _STAYS.search(piece) else None


def _without(sentence: str, left: int, right: int, spans: Sequence[tuple[int, int]], side: re.Match[str]) -> str:
    letters = list(sentence[left:right])
    for a, b in [*spans, side.span()]:
        letters[a - left : b - left] = " " * (b - a)
    return "".join(letters)


def _is_filling(rest: str) -> bool:
    words = [word.strip(".,;:()<>~=").lower() for word in _WORD.findall(rest)]
    return all(not word or word in _FILLING or _STRONG.search(word) or word in _VERBS for word in words)


def _fits(inside: Sequence[Named], concept: str, lexicon: Lexicon) -> bool:
    around = lexicon.around(concept)
    return around is None or all(name in around for name, _, _ in inside)
