"""A question in words, read: the concepts that it names (in any language), their polarity and side, and the words left."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from caseindex.records import Language, Polarity, Side
from caseindex.retrieval.analysis import Mention, concept_rows, denied_spans, mentions
from caseindex.retrieval.normality import NORMAL, asks_for_normal, place_of, without_the_word

if TYPE_CHECKING:
    from caseindex.reports.text.tokens import Token

#: Kinds of concepts that a case is about; the others (places, modalities, attributes) narrow a question.
CORE_KINDS = frozenset({"finding", "device", "procedure"})
_OR = re.compile(
    r"\b(?:or|and other|and another|или|либо|и друг\w+|и ин(?:ые|ых|ая|ой|ое))\b|或|以及其他|及其他|和其他",
    re.IGNORECASE,
)
_LISTED = re.compile(r"\s*[,;/、，；]\s*")
_OF_A_REPORT = 8  # concepts of a report that ask for its like
_ASSERTED = 0.5  # how much a report has to assert them


_SIDE_NAMES = {
    Language.ENGLISH: {Side.LEFT: "left", Side.RIGHT: "right", Side.BOTH: "both sides"},
    Language.RUSSIAN: {Side.LEFT: "слева", Side.RIGHT: "справа", Side.BOTH: "с обеих сторон"},
    Language.CHINESE: {Side.LEFT: "左侧", Side.RIGHT: "右侧", Side.BOTH: "双侧"},
}


@dataclass(frozen=True, slots=True)
class ConceptUnit:
    """A concept that the question names. ``accepted``: it and everything narrower. ``words``: the normal forms of the
    question's own words for it. ``kind``: of the lexicon. ``importance``: its share beside the others, 1 unless the
    question is a report. ``broader``: the kinds right above it, and what it is composed of beside a place. ``names``: the normal
    forms of its preferred names in every language, for the terms of reports in another language than the question's.
    ``places``: where a finding of one organ is, and everything narrower; empty where it may be anywhere."""

    concept: str
    accepted: frozenset[str]
    words: tuple[str, ...]
    kind: str
    polarity: Polarity = Polarity.PRESENT
    side: Side | None = None
    importance: float = 1.0
    broader: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    places: frozenset[str] = frozenset()

    @property
    def core(self) -> bool:
        return self.kind in CORE_KINDS


@dataclass(frozen=True, slots=True)
class Question:
    """``terms``: the normal forms of the words that no concept covers."""

    text: str
    language: Language | None
    units: tuple[ConceptUnit, ...]
    terms: tuple[str, ...]

    @property
    def has_core(self) -> bool:
        return any(unit.core for unit in self.units)

    def names(self) -> list[str]:
        """The concepts by their preferred names in the question's language, with their side, a denied one with a minus."""
        from caseindex.reports.lexicon import load_lexicon
        from caseindex.reports.text.languages import detect

        language = self.language or detect(self.text) or Language.ENGLISH
        found = []
        for unit in self.units:
            name = load_lexicon().concept(unit.concept).name(language)
            if unit.side is not None:
                name = f"{name}, {_SIDE_NAMES[language][unit.side]}"
            found.append(f"− {name}" if unit.polarity is Polarity.ABSENT else name)
        return found


@lru_cache(maxsize=256)
def read_question(text: str, language: Language | None = None) -> Question:
    """The question's concepts and remaining words. A concept beside a narrower one of its own is left out: who asks
    for "stroke, ischaemic stroke" asks for the latter. As an alternative it stays: "meningioma or another tumour",
    "sinusitis, opacified sinuses"; a report of the narrower one answers both and comes first."""
    from caseindex.reports.text.tokens import tokens

    words = tokens(text, language)
    units: dict[str, ConceptUnit] = {}
    found = mentions(text, language)
    for mention in found:
        here = tuple(token.norm for token in words if mention.start <= token.start < mention.end)
        units.setdefault(mention.concept, _unit(mention, here))
    asked = set(units)
    kept = {
        name: unit
        for name, unit in units.items()
        if all(_alternatives(text, found, unit, units[other]) for other in (unit.accepted & asked) - {name})
    }
    covered = [(mention.start, mention.end) for mention in found]
    rest = [token for token in words if not any(start <= token.start < end for start, end in covered)]
    # Who asks for a fracture "without displacement" does not ask for the word.
    denied = denied_spans(text, language, found)
    asserted = [token for token in rest if not any(start <= token.start < end for start, end in denied)]
    rest = asserted if asserted or kept else rest
    if any(unit.side for unit in kept.values()) or (kept and not any(unit.core for unit in kept.values())):
        # Told by the units, or nothing that a report could be about by itself.
        sides = _of_side(text, language)
        rest = [token for token in rest if not any(start <= token.start < end for start, end in sides)]
    if asks_for_normal(text) and not any(unit.core for name, unit in kept.items() if name != NORMAL):
        kept, rest = _of_normal(text, language, kept, rest)
    return Question(text, language, tuple(kept.values()), tuple(dict.fromkeys(token.norm for token in rest)))


def _of_side(text: str, language: Language | None) -> list[tuple[int, int]]:
    """Where the question's words for left, right and both stand."""
    from caseindex.reports.sides.laterality import find_sides
    from caseindex.reports.text.languages import detect

    spoken = language or detect(text)
    return [(start, end) for start, end, _ in find_sides(text, spoken)] if spoken else []


def _of_normal(
    text: str, language: Language | None, units: dict[str, ConceptUnit], rest: list[Token]
) -> tuple[dict[str, ConceptUnit], list[Token]]:
    """The units and words of a question for what is normal: the concept, and the places and examinations beside it."""
    units = dict(units)
    if NORMAL not in units:
        units[NORMAL] = _unit(Mention(NORMAL, 0, 0, Polarity.PRESENT, None, 1.0), ())
    plain = without_the_word(text)
    for mention in mentions(plain, language):
        unit = _unit(mention, ())
        if not unit.core:
            units.setdefault(mention.concept, unit)
    for place in [place for name in units if (place := place_of(name)) is not None]:
        units.setdefault(place, _unit(Mention(place, 0, 0, Polarity.PRESENT, None, 1.0), ()))
    return units, [token for token in rest if plain[token.start : token.end].strip()]


def _alternatives(text: str, found: list[Mention], broader: ConceptUnit, narrower: ConceptUnit) -> bool:
    """Whether the two stand as alternatives: joined by "or" or "and other", or listed with words of their own each."""
    for one in (mention for mention in found if mention.concept == broader.concept):
        for other in (mention for mention in found if mention.concept == narrower.concept):
            between = text[min(one.end, other.end) : max(one.start, other.start)]
            if _OR.search(between):
                return True
            if _LISTED.fullmatch(between) and not set(broader.words) & set(narrower.words):
                return True
    return False


def question_of_report(text: str, language: Language | None = None) -> Question:
    """What a report asks for when it is the question: the findings that it asserts most, without its other words."""
    found = mentions(text, language)
    by_concept = {mention.concept: mention for mention in found if mention.polarity is Polarity.PRESENT}
    rows = [row for row in concept_rows(found) if row.concept in by_concept and row.present >= _ASSERTED]
    units = []
    for row in sorted(rows, key=lambda row: -row.present):
        unit = _unit(by_concept[row.concept], (), importance=row.present)
        if unit.core:
            units.append(unit)
    return Question(text, language, tuple(units[:_OF_A_REPORT]), ())


def _unit(mention: Mention, words: tuple[str, ...], importance: float = 1.0) -> ConceptUnit:
    from caseindex.reports.lexicon import load_lexicon
    from caseindex.reports.text.tokens import tokens

    lexicon = load_lexicon()
    names = (tokens(name[0]) for name in lexicon.concept(mention.concept).names.values() if name)
    return ConceptUnit(
        mention.concept,
        frozenset(lexicon.expand(mention.concept)),
        words,
        str(lexicon.concept(mention.concept).kind),
        mention.polarity,
        mention.side,
        importance,
        frozenset(lexicon.concept(mention.concept).broader) | _parts(mention.concept)[0],
        tuple(dict.fromkeys(token.norm for name in names for token in name)),
        _parts(mention.concept)[1],
    )


@lru_cache(maxsize=1024)
def _parts(concept: str) -> tuple[frozenset[str], frozenset[str]]:
    """What the lexicon composes the concept of: (findings of any place, the places with everything narrower)."""
    from caseindex.reports.lexicon import load_lexicon
    from caseindex.reports.table import ConceptKind, rows

    lexicon = load_lexicon()
    named = {part for row in rows() if row.id == concept for parts in row.composed for part in parts}
    places = {part for part in named if lexicon.concept(part).kind is ConceptKind.ANATOMY}
    return frozenset(named - places), frozenset(narrower for part in places for narrower in lexicon.expand(part))
