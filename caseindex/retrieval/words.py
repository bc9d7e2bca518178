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

from caseindex.records import Float32Array, Int64Array, Polarity
from caseindex.retrieval.analysis import SIDE_BITS
from caseindex.retrieval.bm25 import term_scores
from caseindex.retrieval.normality import NORMAL
from caseindex.retrieval.question import ConceptUnit, Question
from caseindex.retrieval.word_index import WordIndex

_LEXICAL_SHARE = 0.12  # of BM25 in the score of a question with concepts
_OTHER_SIDE = 0.35  # "left" was asked and only "right" is told
_NO_SIDE = 0.75
_NARROWER = 0.85  # a kind of what was asked for: a right answer, behind those that are just that
_WORDS_DEGREE = 0.25  # of the words of a concept that no report asserts
_BROADER_DEGREE = 0.25  # of the kind of a concept that no report names itself
_BESIDE, _ELSEWHERE = 0.6, 0.2  # a place told in the next sentence, and in another one
_LEAST_DEGREE = 0.2  # of what a question is about: a mention in the history alone is more, a denied one less
_LEAST_COVER = 0.3  # of the question's weight, below which a report is no answer
#: What narrows a question weighs less than what it is about.
_SHARES = {"anatomy": 0.8, "modality": 0.25, "modifier": 0.25}
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
    found = [_concept_degree(index, unit, lexical) for unit in question.units]
    _require_nearness(question, found)
    degrees = [one.degree for one in found]
    weights = [
        one.rarity * unit.importance * _share(unit, question) for one, unit in zip(found, question.units, strict=True)
    ]
    for term in question.terms:
        scores, rarity = lexical.of(term)
        # A word of another language than the archive's says nothing against a report; where the question has nothing
        # else, it says that the archive does not know what is asked.
        if rarity is None and not question.units:
            degrees.append(np.zeros(count, dtype=np.float32))
            weights.append(math.log(count + 1.0) + 1.0)
        if rarity is not None:
            degrees.append(scores / max(float(scores.max()), 1e-9))
            weights.append(rarity if not question.has_core else rarity * _WORD_SHARE)
    if not degrees:
        return WordScores(np.zeros(count, dtype=np.float32), False)
    table, weight = np.stack(degrees), np.asarray(weights, dtype=np.float32)[:, None]
    meaning = (table * weight).sum(axis=0) / weight.sum()
    cover = ((table > 0) * weight).sum(axis=0) / weight.sum()
    core = [one.degree > _LEAST_DEGREE for one, unit in zip(found, question.units, strict=True) if unit.core]
    share = _LEXICAL_SHARE if question.units else 0.5
    scores = (1 - share) * meaning + share * _all_words(lexical, question)
    answers = (cover >= _LEAST_COVER) & (np.any(core, axis=0) if core else meaning > 0)
    if allowed is not None:
        answers &= allowed
    return WordScores(np.where(answers, scores, 0.0).astype(np.float32), bool(table.any()))


def _share(unit: ConceptUnit, question: Question) -> float:
    return _SHARES.get(unit.kind, 1.0) if question.has_core else 1.0


@dataclass(slots=True, eq=False)
class _Found:
    """A unit in every document: ``degree`` [documents] float32; ``sentences`` [documents] int64, the bits of those that
    assert it (0: unknown)."""

    degree: Float32Array
    sentences: Int64Array
    rarity: float


def _concept_degree(index: WordIndex, unit: ConceptUnit, lexical: _Lexical) -> _Found:
    degree = np.zeros(len(index), dtype=np.float32)
    sentences = np.zeros(len(index), dtype=np.int64)
    _gather(index, unit, unit.accepted & {unit.concept}, 1.0, degree, sentences)
    _gather(index, unit, unit.accepted - {unit.concept}, _NARROWER, degree, sentences)
    if not degree.any():
        # No report asserts it: what the lexicon calls its kind answers in part ("occlusion" for an occlusion of a
        # cerebral artery), in the place that is meant: a mass of the breast is no answer about the kidney; and so does
        # a report that holds the question's own words.
        _gather(index, unit, unit.broader, _BROADER_DEGREE, degree, sentences)
        if unit.places:
            degree[~_names_any(index, unit.places)] = 0.0
        if unit.core and unit.polarity is not Polarity.ABSENT:
            np.maximum(degree, _WORDS_DEGREE * lexical.all_of(unit.words), out=degree)
    # The first assertion of a finding says most; that it is repeated says little more.
    degree = np.sqrt(degree)
    return _Found(degree, sentences, math.log(1 + len(index) / (1 + int((degree > 0).sum()))) + 0.5)


def _names_any(index: WordIndex, concepts: frozenset[str]) -> npt.NDArray[np.bool_]:
    """[documents]: those that name one of ``concepts``."""
    named = np.zeros(len(index), dtype=np.bool_)
    for concept in concepts:
        found = index.postings(concept)
        if found is not None:
            named[found.documents] = True
    return named


def _gather(
    index: WordIndex,
    unit: ConceptUnit,
    concepts: frozenset[str],
    factor: float,
    degree: Float32Array,
    sentences: Int64Array,
) -> None:
    """Adds the postings of ``concepts`` to the two arrays [documents]."""
    wanted = SIDE_BITS[unit.side]
    for concept in concepts:
        found = index.postings(concept)
        if found is None:
            continue
        values = factor * (found.absent if unit.polarity is Polarity.ABSENT else found.present)
        if wanted:
            agrees = (found.sides & wanted) == wanted
            values = values * np.where(found.sides == 0, _NO_SIDE, np.where(agrees, 1.0, _OTHER_SIDE))
        np.maximum.at(degree, found.documents, values.astype(np.float32))
        np.bitwise_or.at(sentences, found.documents, found.sentences)


def _require_nearness(question: Question, found: list[_Found]) -> None:
    """A place, or an attribute, counts whole only in a sentence that asserts what the question is about, less in the
    sentence beside it: "tumour" here and "cerebellum" there is no tumour of the cerebellum."""
    core = [
        one.sentences
        for one, unit in zip(found, question.units, strict=True)
        if unit.core and unit.concept != NORMAL  # a verdict on the whole study, which names no place
    ]
    if not core:
        return
    about = np.bitwise_or.reduce(core)
    for one, unit in zip(found, question.units, strict=True):
        if unit.core or unit.kind == "modality":
            continue
        known = (about != 0) & (one.sentences != 0)
        same = (about & one.sentences) != 0
        beside = ((about & (one.sentences << 1)) | (about & (one.sentences >> 1))) != 0
        one.degree *= np.where(~known | same, 1.0, np.where(beside, _BESIDE, _ELSEWHERE)).astype(np.float32)


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

    def all_of(self, terms: tuple[str, ...]) -> Float32Array:
        """[documents]: 1 where a report holds every one of the terms, else 0."""
        held = [self.of(term)[0] > 0 for term in terms]
        count = len(self._index)
        return np.all(held, axis=0).astype(np.float32) if held else np.zeros(count, dtype=np.float32)


def _all_words(lexical: _Lexical, question: Question) -> Float32Array:
    asserted = [
        word for unit in question.units if unit.polarity is not Polarity.ABSENT for word in (*unit.words, *unit.names)
    ]
    total = sum(
        (lexical.of(word)[0] for word in dict.fromkeys([*asserted, *question.terms])),
        start=np.zeros(len(lexical._index), dtype=np.float32),
    )
    best = float(total.max()) if total.size else 0.0
    return total / best if best > 0 else total
