"""The report channel: how much of a question's meaning each report asserts.

A question is a set of units: concepts (of the lexicon, in whatever language) and words that the lexicon does not know.
Each report gets, for each unit, a degree in [0, 1]: for a concept, how much the report asserts it or something narrower
(:mod:`caseindex.retrieval.analysis`); for a word, its BM25 score relative to the best one. The score of a report is the
mean of the degrees weighted by how rare the units are, with BM25 over all words of the question to order those that
say the same. A report that has nothing but the anatomy of a question about a finding is no answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from caseindex.records import Float32Array, Polarity
from caseindex.retrieval.analysis import SIDE_BITS
from caseindex.retrieval.bm25 import term_scores
from caseindex.retrieval.question import ConceptUnit, Question
from caseindex.retrieval.word_index import WordIndex

_LEXICAL_SHARE = 0.12  # of BM25 in the score of a question with concepts
_SURFACE_DEGREE = 0.5  # a concept whose very words stand in the report, though it was not recognised there
_OTHER_SIDE = 0.35  # "left" was asked and only "right" is told
_NO_SIDE = 0.75
_LEAST_COVER = 0.3  # of the question's weight, below which a report is no answer
#: What narrows a question weighs less than what it is about.
_SHARES = {"anatomy": 0.5, "modality": 0.25, "modifier": 0.25}
_WORD_SHARE = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class WordScores:
    """``scores``: [documents] float32 in [0, 1], 0 for what is no answer. ``known``: whether the archive's reports
    hold anything of the question at all."""

    scores: Float32Array
    known: bool


def score_reports(index: WordIndex, question: Question, allowed: npt.NDArray[np.bool_] | None = None) -> WordScores:
    """Every document of the index against the question. ``allowed``: mask of those that may answer."""
    count = len(index)
    if count == 0:
        return WordScores(np.zeros(0, dtype=np.float32), False)
    lexical = _Lexical(index)
    degrees: list[Float32Array] = []
    weights: list[float] = []
    core = np.zeros(count, dtype=bool)
    for unit in question.units:
        degree, uncommon = _concept_degree(index, lexical, unit)
        degrees.append(degree)
        weights.append(uncommon * unit.importance * _share(unit, question))
        if unit.core:
            core |= degree > 0.05
    for term in question.terms:
        scores, rarity = lexical.of(term)
        # A word of another language than the archive's says nothing against a report; where the question has nothing
        # else, it says that the archive does not know what is asked.
        if rarity is None:
            if not question.units:
                degrees.append(np.zeros(count, dtype=np.float32))
                weights.append(math.log(count + 1.0) + 1.0)
            continue
        degrees.append(scores / max(float(scores.max()), 1e-9))
        weights.append(rarity if not question.has_core else rarity * _WORD_SHARE)
    if not degrees:
        return WordScores(np.zeros(count, dtype=np.float32), False)
    table, weight = np.stack(degrees), np.asarray(weights, dtype=np.float32)[:, None]
    meaning = (table * weight).sum(axis=0) / weight.sum()
    cover = ((table > 0) * weight).sum(axis=0) / weight.sum()
    total = _all_words(lexical, question)
    share = _LEXICAL_SHARE if question.units else 0.5
    scores = (1 - share) * meaning + share * total
    answers = (cover >= _LEAST_COVER) & (core if question.has_core else meaning > 0)
    if allowed is not None:
        answers &= allowed
    return WordScores(np.where(answers, scores, 0.0).astype(np.float32), bool(table.any()))


def _share(unit: ConceptUnit, question: Question) -> float:
    return _SHARES.get(unit.kind, 1.0) if question.has_core else 1.0


def _concept_degree(index: WordIndex, lexical: _Lexical, unit: ConceptUnit) -> tuple[Float32Array, float]:
    degree = np.zeros(len(index), dtype=np.float32)
    documents: set[int] = set()
    for concept in unit.accepted:
        found = index.postings(concept)
        if found is None:
            continue
        values = found.absent if unit.polarity is Polarity.ABSENT else found.present
        wanted = SIDE_BITS[unit.side]
        if wanted:
            agrees = (found.sides & wanted) == wanted
            values = values * np.where(found.sides == 0, _NO_SIDE, np.where(agrees, 1.0, _OTHER_SIDE))
        np.maximum.at(degree, found.documents, values.astype(np.float32))
        documents.update(found.documents[values > 0].tolist())
    if unit.words and unit.polarity is not Polarity.ABSENT:
        whole = np.ones(len(index), dtype=bool)
        for word in unit.words:
            whole &= lexical.of(word)[0] > 0
        # The words of the concept stand in the report, apart from one another or in a form that was not recognised.
        # Where the concept was seen there, its polarity is known and decides.
        seen = np.zeros(len(index), dtype=bool)
        for concept in unit.accepted:
            found = index.postings(concept)
            if found is not None:
                seen[found.documents] = True
        whole &= ~seen
        degree[whole] = np.maximum(degree[whole], _SURFACE_DEGREE)
        documents.update(np.flatnonzero(whole).tolist())
    return degree, math.log(1 + len(index) / (1 + len(documents))) + 0.5


class _Lexical:
    """BM25 scores of single terms, computed once."""

    def __init__(self, index: WordIndex) -> None:
        self._index = index
        self._known: dict[str, tuple[Float32Array, float | None]] = {}

    def of(self, term: str) -> tuple[Float32Array, float | None]:
        """(scores [documents], rarity); rarity is ``None`` for a term of no report."""
        if term not in self._known:
            number = self._index.vocabulary.get(term)
            count = len(self._index)
            if number is None:
                self._known[term] = (np.zeros(count, dtype=np.float32), None)
            else:
                scores = term_scores(self._index.bm25_folder, number, count)
                self._known[term] = (scores, math.log(1 + count / (1 + int((scores > 0).sum()))) + 0.5)
        return self._known[term]


def _all_words(lexical: _Lexical, question: Question) -> Float32Array:
    asserted = [word for unit in question.units if unit.polarity is not Polarity.ABSENT for word in unit.words]
    total = sum(
        (lexical.of(word)[0] for word in dict.fromkeys([*asserted, *question.terms])),
        start=np.zeros(len(lexical._index), dtype=np.float32),
    )
    best = float(total.max()) if total.size else 0.0
    return total / best if best > 0 else total
