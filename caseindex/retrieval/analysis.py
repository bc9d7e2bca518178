"""A report's text as what the word channels index: terms that it does not deny, and concepts with how much it asserts them.

A mention weighs by the section that it stands in (a diagnosis says more about the case than its history) and by its
polarity. Several mentions of one concept are joined as independent evidence (noisy or): named in the caption, the findings
and the diagnosis, a concept weighs more than named once in passing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from caseindex.records import Language, Polarity, Side, Statement

ANALYSER_VERSION = 7

#: How much one mention in a section tells of the case; a text without sections is all `findings`.
SECTION_WEIGHTS: Final[dict[str, float]] = {
    "impression": 0.9,
    "diagnosis": 0.9,
    "caption": 0.7,
    "findings": 0.6,
    # These ask, or tell of the past: what they name is uncertain already.
    "differential": 0.4,
    "indication": 0.4,
    "history": 0.4,
    "comparison": 0.3,
    "technique": 0.2,
    "recommendation": 0.2,
}
_OTHER_SECTION = 0.6
_UNCERTAIN = 0.25
_PAST = 0.5
#: An assertion in the history does not stand against a denial in what was found.
_OUTWEIGHED = 0.25
SIDE_BITS: Final[dict[Side | None, int]] = {None: 0, Side.LEFT: 1, Side.RIGHT: 2, Side.BOTH: 3}


@dataclass(frozen=True, slots=True)
class ConceptRow:
    """One concept in one report. ``present`` and ``absent`` in [0, 1]; ``sides``: bits 1 left, 2 right; ``sentences``:
    bit i where sentence i (modulo 63) asserts it."""

    concept: str
    present: float
    absent: float
    sides: int
    sentences: int = 0


@dataclass(frozen=True, slots=True)
class Analysis:
    """``terms``: (normal form, weight 1..3) of every word that is not denied, repeats included."""

    terms: tuple[tuple[str, int], ...]
    concepts: tuple[ConceptRow, ...]


@dataclass(frozen=True, slots=True)
class Mention:
    """A concept at one place of a text."""

    concept: str
    start: int
    end: int
    polarity: Polarity
    side: Side | None
    weight: float  # of the section
    sentence: int = 0  # its number in the text


def _sections(text: str) -> list[tuple[int, int, float]]:
    from caseindex.reports.text.sections import sections

    return [
        (section.start, section.end, SECTION_WEIGHTS.get(str(section.name), _OTHER_SECTION))
        for section in sections(text)
    ]


def _weight_at(places: Sequence[tuple[int, int, float]], position: int) -> float:
    for start, end, weight in places:
        if start <= position < end:
            return weight
    return _OTHER_SECTION


def mentions(text: str, language: Language | None = None) -> list[Mention]:
    """Every concept of the lexicon in ``text``, in order of place, with the polarity and side of its statement.

    Anatomy and other kinds that a report can neither assert nor deny are present.
    """
    from caseindex.reports.lexicon import load_lexicon
    from caseindex.reports.statements import statements
    from caseindex.reports.text.sentences import sentences

    places = _sections(text)
    starts = [start for start, _ in sentences(text)]
    made: dict[str, list[Statement]] = {}
    for statement in statements(text, language):
        made.setdefault(statement.finding, []).append(statement)
    found: list[Mention] = []
    for mention in load_lexicon().mentions(text, language):
        number = max(0, bisect_right(starts, mention.start) - 1)
        weight = _weight_at(places, mention.start)
        own = made.get(mention.concept, [])
        # One statement for each mention, in the same order; those of earlier sentences have been taken.
        here = [one for one in own if one.start <= mention.start < one.end]
        told = here[0] if here else None
        polarity, side = Polarity.PRESENT, None
        if told is not None:
            if len(here) > 1:  # the last one also tells of what repeats it
                own.remove(told)
            polarity, side = told.polarity, told.side
            weight *= _PAST if told.historical and weight > SECTION_WEIGHTS["history"] else 1.0
        found.append(Mention(mention.concept, mention.start, mention.end, polarity, side, weight, number))
    return found


def denied_spans(text: str, language: Language | None, found: Sequence[Mention]) -> list[tuple[int, int]]:
    """The characters of what the text denies: the concepts that it denies, every other word within the reach of a negation,
    and the words of a denial that has no reach ("перелом без смещения")."""
    from caseindex.reports.scope.cues import CueKind
    from caseindex.reports.scope.negation import Sentence
    from caseindex.reports.text.languages import detect
    from caseindex.reports.text.sentences import sentences
    from caseindex.reports.text.tokens import tokens

    spans = [(mention.start, mention.end) for mention in found if mention.polarity is Polarity.ABSENT]
    language = language or detect(text)
    if language is None:
        return spans
    known = [(mention.start, mention.end) for mention in found]
    for start, end in sentences(text):
        sentence = Sentence(text[start:end], language)
        spans += [(start + cue.start, start + cue.end) for cue in sentence.cues if cue.kind is CueKind.PSEUDO]
        if not any(cue.kind is CueKind.NEGATION for cue in sentence.cues):
            continue
        for token in tokens(sentence.text, language):
            a, b = start + token.start, start + token.end
            inside = any(left <= a < right for left, right in known)
            if not inside and sentence.assess(token.start, token.end).polarity is Polarity.ABSENT:
                spans.append((a, b))
    return spans


def concept_rows(found: Sequence[Mention]) -> list[ConceptRow]:
    """One row for each concept that is mentioned."""
    by_concept: dict[str, list[Mention]] = {}
    for mention in found:
        by_concept.setdefault(mention.concept, []).append(mention)
    rows = []
    for concept, here in by_concept.items():
        denied = max((m.weight for m in here if m.polarity is Polarity.ABSENT), default=0.0)
        not_present, sides, asserting = 1.0, 0, 0
        for mention in here:
            if mention.polarity is Polarity.ABSENT:
                continue
            weight = mention.weight * (_UNCERTAIN if mention.polarity is Polarity.UNCERTAIN else 1.0)
            if denied > mention.weight:
                weight *= _OUTWEIGHED
            not_present *= 1.0 - weight
            sides |= SIDE_BITS[mention.side]
            asserting |= 1 << (mention.sentence % 63)
        not_absent = 1.0
        for mention in here:
            if mention.polarity is Polarity.ABSENT:
                not_absent *= 1.0 - mention.weight
                if not_present == 1.0:
                    sides |= SIDE_BITS[mention.side]
        rows.append(ConceptRow(concept, 1.0 - not_present, 1.0 - not_absent, sides, asserting))
    return rows


def analyse(text: str, language: Language | None = None) -> Analysis:
    """What the word channels index of one report."""
    from caseindex.reports.text.tokens import tokens

    found = mentions(text, language)
    denied = denied_spans(text, language, found)
    places = _sections(text)
    terms = []
    for token in tokens(text, language):
        if any(start <= token.start < end for start, end in denied):
            continue
        weight = _weight_at(places, token.start)
        terms.append((token.norm, 3 if weight >= 0.85 else 2 if weight >= 0.5 else 1))
    return Analysis(tuple(terms), tuple(concept_rows(found)))
