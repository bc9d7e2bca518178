"""A report as features of a linear classifier: hashed n-grams of lemmas, and what it states, apart by where it stands.

A label of the kind "first diagnosis of the conclusion" depends on place: the first sentence of the conclusion, the whole
conclusion and the rest of the report have features of their own. Words are lemmas, so that "ишемического инсульта" is
"ишемический инсульт"; findings of the lexicon with their polarity are the same for every wording and language. Hashing
(Weinberger et al. 2009) needs no dictionary of a hospital's words, so that none of them lies in the model's file.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from caseindex.records import Float32Array, Int64Array, Polarity, Statement

BUCKETS = 1 << 15
_CONCLUSION = frozenset({"impression", "diagnosis"})
_N = (1, 2, 3)  # lengths of n-grams
_BROADER = 0.5  # weight of a concept that another implies
GROUPS = ("lead words", "lead findings", "conclusion words", "conclusion findings", "other words", "other findings")


@dataclass(frozen=True, slots=True)
class Features:
    """``places``: [n] buckets in [0, :data:`BUCKETS`); ``values``: [n]; ``groups``: [n] places in :data:`GROUPS`. The
    values of one group have length 1 together."""

    places: Int64Array
    values: Float32Array
    groups: Int64Array


def features_of(text: str) -> Features:
    """Of one report, in any of the three languages; a text without a conclusion is one."""
    from caseindex.reports.statements import statements

    parts = _parts(text)
    stated = statements(text)
    places, values, groups = [], [], []
    for number, spans in enumerate(parts):
        found = [item for item in stated if any(start <= item.start < end for start, end in spans)]
        words = {f"{number}w {gram}": 1.0 for start, end in spans for gram in _grams(text[start:end])}
        for group, weighted in ((2 * number, words), (2 * number + 1, _findings(number, found))):
            length = sum(value**2 for value in weighted.values()) ** 0.5
            for name, value in weighted.items():
                places.append(zlib.crc32(name.encode()) % BUCKETS)
                values.append(value / length)
                groups.append(group)
    return Features(np.array(places, np.int64), np.array(values, np.float32), np.array(groups, np.int64))


def _parts(text: str) -> tuple[list[tuple[int, int]], ...]:
    """Spans of the conclusion's first sentence, of the conclusion, and of the rest."""
    from caseindex.reports.text.sections import sections
    from caseindex.reports.text.sentences import sentences

    found = sections(text)
    conclusion = [part for part in found if part.name in _CONCLUSION] or found
    lead = [
        (part.start + start, part.start + end)
        for part in conclusion[:1]
        for start, end in sentences(text[part.start : part.end])
    ][:1]
    rest = [(part.start, part.end) for part in found if part not in conclusion]
    return lead, [(part.start, part.end) for part in conclusion], rest


def _grams(text: str) -> Iterable[str]:
    from caseindex.reports.text.tokens import tokens

    words = [token.norm for token in tokens(text, stop_words=True) if not token.norm[:1].isdigit()]
    for n in _N:
        for start in range(len(words) - n + 1):
            yield " ".join(words[start : start + n])


def _findings(number: int, found: list[Statement]) -> dict[str, float]:
    """Findings by polarity, the first that is not denied once more, what they imply, and how they changed."""
    from caseindex.reports.lexicon import load_lexicon

    lexicon = load_lexicon()
    out: dict[str, float] = {}
    first = _first(found)
    for item in found:
        out[f"{number}f {item.polarity} {item.finding}"] = 1.0
        if item.change is not None:
            out[f"{number}c {item.change}"] = 1.0
        if item.polarity is not Polarity.ABSENT:
            for broader in lexicon.ancestors(item.finding):
                out.setdefault(f"{number}f {item.polarity} {broader}", _BROADER)
    if first is not None:
        out[f"{number}1 {first.finding}"] = 1.0
        for broader in lexicon.ancestors(first.finding):
            out.setdefault(f"{number}1 {broader}", _BROADER)
    elif found:
        out[f"{number}1 nothing"] = 1.0
    return out


def _first(found: list[Statement]) -> Statement | None:
    """The first finding that is not denied; one that a later, narrower one specifies is not meant by itself ("blood along
    the convexity: subarachnoid haemorrhage")."""
    from caseindex.reports.lexicon import load_lexicon

    asserted = [item for item in found if item.polarity is not Polarity.ABSENT]
    implied = {broader for item in asserted for broader in load_lexicon().ancestors(item.finding)}
    return next((item for item in asserted if item.finding not in implied), None)
