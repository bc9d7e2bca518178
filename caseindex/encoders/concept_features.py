"""A text as concepts of the lexicon: which it asserts and which it denies, the same in every language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from caseindex.records import Float32Array, Polarity

#: Weights beside a finding that is asserted outright (1.0).
UNCERTAIN, BROADER, PLACE = 0.5, 0.5, 0.5


@dataclass(frozen=True, slots=True)
class Concepts:
    """``asserted`` and ``denied``: concept id -> weight in (0, 1]; ``findings`` the ids asserted as findings, as
    written, without what they imply."""

    asserted: dict[str, float]
    denied: dict[str, float]
    findings: frozenset[str]


def concepts_of(text: str) -> Concepts:
    """What ``text`` says, by the lexicon and the rules of negation.

    A finding that is asserted implies its broader concepts at half weight; anatomy, modality and the like that are
    merely named count half. Denied findings imply nothing.
    """
    from caseindex.reports.lexicon import load_lexicon
    from caseindex.reports.statements import statements

    lexicon = load_lexicon()
    asserted: dict[str, float] = {}
    denied: dict[str, float] = {}
    findings: set[str] = set()

    def add(to: dict[str, float], concept: str, weight: float) -> None:
        to[concept] = max(weight, to.get(concept, 0.0))

    stated: set[str] = set()
    for statement in statements(text):
        stated.add(statement.finding)
        if statement.polarity is Polarity.ABSENT:
            add(denied, statement.finding, 1.0)
            continue
        weight = UNCERTAIN if statement.polarity is Polarity.UNCERTAIN else 1.0
        add(asserted, statement.finding, weight)
        findings.add(statement.finding)
    for mention in lexicon.mentions(text):
        if mention.concept not in stated:
            add(asserted, mention.concept, PLACE)
    for concept, weight in list(asserted.items()):
        for ancestor in lexicon.ancestors(concept):
            add(asserted, ancestor, BROADER * weight)
    return Concepts(asserted, denied, frozenset(findings))


class ConceptFeatures:
    """Text -> [2 * len(vocabulary)] float32: asserted, then denied, scaled to unit length (zero where nothing is
    recognised). Concepts beyond the ``vocabulary`` that the model was trained with are left out."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.vocabulary = tuple(vocabulary)
        self._place = {concept: place for place, concept in enumerate(self.vocabulary)}

    def __len__(self) -> int:
        return len(self.vocabulary)

    def __call__(self, text: str) -> Float32Array:
        return self.vector(concepts_of(text))

    def vector(self, concepts: Concepts) -> Float32Array:
        out = np.zeros(2 * len(self.vocabulary), np.float32)
        for offset, found in ((0, concepts.asserted), (len(self.vocabulary), concepts.denied)):
            for concept, weight in found.items():
                place = self._place.get(concept)
                if place is not None:
                    out[offset + place] = weight
        norm = float(np.linalg.norm(out))
        return out / np.float32(norm) if norm > 0 else out
