"""One error planted into a true report: the side exchanged, a finding put in, left out, or turned into its contrary.

The error is planted throughout the report (description and conclusion agree on it), so that only the image tells, not a
contradiction within the text. Each planted text is read again: it counts only where the reading shows what was planted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from caseindex.records import Language, Polarity, Side, Statement
from caseindex.reports.lexicon import load_lexicon
from caseindex.reports.planting.rewriting import sentence_about, with_sentence, with_spans
from caseindex.reports.planting.side_words import sides_swapped
from caseindex.reports.statements import statements
from caseindex.reports.text.languages import detect

_TRIES = 4
_NORMAL = "normal"
_CONCLUDES = frozenset({"impression", "diagnosis"})
_SIDED = (Side.LEFT, Side.RIGHT)


class TextError(StrEnum):
    SIDE = "side"
    INSERTED = "inserted"
    OMITTED = "omitted"
    NEGATED = "negated"


@dataclass(frozen=True, slots=True)
class Planted:
    """``findings``: the concepts that the error is about."""

    kind: TextError
    text: str
    findings: tuple[str, ...]


def planted(
    text: str,
    kind: TextError,
    rng: np.random.Generator,
    *,
    language: Language | None = None,
    known: Sequence[Statement] | None = None,
    findings: Mapping[str, float] | None = None,
) -> Planted | None:
    """``text`` with an error of this kind; ``None`` where it offers no place for one.

    ``known``: its statements, where they are at hand; ``findings``: concept -> how often it is inserted (for an
    insertion; what the archive reports). The same generator state gives the same text.
    """
    language = language or detect(text)
    if language is None:
        return None
    said = list(known) if known is not None else statements(text, language)
    if kind is TextError.SIDE:
        return _side(text, said, language)
    for _ in range(_TRIES):
        if kind is TextError.INSERTED:
            made = _inserted(text, said, language, rng, findings or {})
        elif kind is TextError.OMITTED:
            made = _omitted(text, said, language, rng)
        else:
            made = _negated(text, said, language, rng)
        if made is not None:
            return made
    return None


def _side(text: str, said: Sequence[Statement], language: Language) -> Planted | None:
    about = {one.finding for one in said if one.side in _SIDED and one.polarity is not Polarity.ABSENT}
    changed = sides_swapped(text, language)
    return Planted(TextError.SIDE, changed, tuple(sorted(about))) if about and changed != text else None


def _inserted(
    text: str, said: Sequence[Statement], language: Language, rng: np.random.Generator, findings: Mapping[str, float]
) -> Planted | None:
    lexicon = load_lexicon()
    taken = _related({one.finding for one in said})
    possible = sorted(name for name in findings if name not in taken and name != _NORMAL)
    if not possible:
        return None
    weights = np.array([findings[name] for name in possible], float)
    name = possible[int(rng.choice(len(possible), p=weights / weights.sum()))]
    sentence = sentence_about(lexicon.concept(name).name(language), language, present=True)
    changed = with_sentence(text, sentence)
    return _if_read(TextError.INSERTED, changed, name, Polarity.PRESENT, language)


def _omitted(text: str, said: Sequence[Statement], language: Language, rng: np.random.Generator) -> Planted | None:
    """Every sentence that asserts the finding, or what it is a kind of, goes. It is one of the conclusion where there is
    one: what is left out of the description alone is no error yet."""
    told = [one for one in said if one.polarity is Polarity.PRESENT and one.finding != _NORMAL]
    concluded = {one.finding for one in told if one.section in _CONCLUDES}
    asserted = sorted(concluded or {one.finding for one in told})
    if not asserted:
        return None
    name = asserted[int(rng.integers(len(asserted)))]
    kin = _related({name})
    spans = {(one.start, one.end): "" for one in said if one.finding in kin and one.polarity is not Polarity.ABSENT}
    changed = with_spans(text, spans)
    if not any(letter.isalnum() for letter in changed):
        return None
    left = {one.finding for one in statements(changed, language) if one.polarity is Polarity.PRESENT}
    gone = {one.finding for one in said if one.polarity is Polarity.PRESENT} - left
    return Planted(TextError.OMITTED, changed, tuple(sorted(gone))) if name in gone and not kin & left else None


def _negated(text: str, said: Sequence[Statement], language: Language, rng: np.random.Generator) -> Planted | None:
    told = sorted({(one.finding, one.polarity) for one in said if one.polarity is not Polarity.UNCERTAIN})
    told = [(name, polarity) for name, polarity in told if name != _NORMAL]
    if not told:
        return None
    name, was = told[int(rng.integers(len(told)))]
    becomes = Polarity.ABSENT if was is Polarity.PRESENT else Polarity.PRESENT
    kin = _related({name}) if was is Polarity.PRESENT else {name}
    here = sorted({(one.start, one.end, one.section) for one in said if one.finding in kin and one.polarity is was})
    first = {section: (start, end) for start, end, section in reversed(here)}  # each section says it once
    sentence = sentence_about(
        load_lexicon().concept(name).name(language), language, present=becomes is Polarity.PRESENT
    )
    changed = with_spans(
        text, {(start, end): sentence if first[section] == (start, end) else "" for start, end, section in here}
    )
    return _if_read(TextError.NEGATED, changed, name, becomes, language)


def _if_read(kind: TextError, text: str, name: str, polarity: Polarity, language: Language) -> Planted | None:
    read = {(one.finding, one.polarity) for one in statements(text, language)}
    contrary = Polarity.ABSENT if polarity is Polarity.PRESENT else Polarity.PRESENT
    return Planted(kind, text, (name,)) if (name, polarity) in read and (name, contrary) not in read else None


def _related(findings: set[str]) -> set[str]:
    """The concepts with all that are broader or narrower."""
    lexicon = load_lexicon()
    return {kin for name in findings for kin in (*lexicon.expand(name), *lexicon.ancestors(name))}
