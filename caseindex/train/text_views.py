"""What a report is shown as in training: whole, some sentences, or a question that it answers.

Questions are names of the concepts that the report asserts, in any of the three languages: so a Russian question is
learned from English reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from caseindex.encoders.byte_pairs import BytePairs
from caseindex.encoders.concept_features import BROADER, ConceptFeatures, Concepts, concepts_of
from caseindex.records import Float32Array
from caseindex.train.said import Said, said_in

#: Shares of the three views.
WHOLE, SENTENCES = 0.4, 0.3


@dataclass(frozen=True, slots=True)
class View:
    """One text as input. ``findings``: places in the vocabulary of the findings that it asserts. ``parts``: the
    sentences that it was joined of, if it was."""

    text: str
    tokens: tuple[int, ...]
    concepts: Float32Array  # [2 * vocabulary]
    findings: frozenset[int]
    parts: tuple[str, ...] = ()

    def said(self) -> Said:
        """What it states."""
        return frozenset().union(*(said_in(text) for text in self.parts or (self.text,)))


@dataclass(frozen=True, slots=True)
class ReportViews:
    whole: View
    sentences: tuple[View, ...]
    implied: frozenset[int]  # the findings and their broader concepts
    askable: tuple[int, ...]  # findings that a question can be made of
    asserted: tuple[tuple[int, float], ...] = ()  # (concept, weight) of everything that it asserts


class ViewMaker:
    """Turns reports into views; sentences that many reports share are analysed once."""

    def __init__(self, pieces: BytePairs, features: ConceptFeatures) -> None:
        from caseindex.reports.lexicon import load_lexicon

        self.pieces = pieces
        self.features = features
        self.place = {concept: place for place, concept in enumerate(features.vocabulary)}
        self._sentence: dict[str, View] = {}
        lexicon = load_lexicon()
        self._questions: list[list[tuple[str, tuple[int, ...]]]] = []  # by concept: each name and its tokens
        self._question_concepts: list[Float32Array] = []
        for concept in features.vocabulary:
            names = [name for group in lexicon.concept(concept).names.values() for name in group]
            self._questions.append([(name, tuple(ids)) for name, ids in zip(names, pieces.ids(names), strict=True)])
            asserted = {concept: 1.0, **dict.fromkeys(lexicon.ancestors(concept), BROADER)}
            self._question_concepts.append(features.vector(Concepts(asserted, {}, frozenset())))

    def view(self, text: str) -> View:
        return self._view(text, concepts_of(text))

    def sentence(self, text: str) -> View:
        """:meth:`view` of a sentence that may come again."""
        if text not in self._sentence:
            self._sentence[text] = self.view(text)
        return self._sentence[text]

    def _view(self, text: str, concepts: Concepts) -> View:
        findings = frozenset(self.place[item] for item in concepts.findings if item in self.place)
        return View(text, tuple(self.pieces.ids([text])[0]), self.features.vector(concepts), findings)

    def report(self, text: str) -> ReportViews:
        from caseindex.reports.text.sentences import sentences

        concepts = concepts_of(text)
        spans = [text[start:end] for start, end in sentences(text)]
        parts = [view for view in map(self.sentence, spans) if len(view.tokens) >= 3]
        whole = self._view(text, concepts)
        implied = frozenset(self.place[item] for item in concepts.asserted if item in self.place)
        askable = tuple(sorted(place for place in whole.findings if self._questions[place]))
        asserted = tuple((self.place[item], weight) for item, weight in concepts.asserted.items() if item in self.place)
        return ReportViews(whole, tuple(parts), implied | whole.findings, askable, asserted)

    def draw(self, report: ReportViews, generator: np.random.Generator, rarity: Float32Array) -> View:
        """A random view. ``rarity``: [vocabulary], how much rather a finding is asked about than a common one."""
        choice = generator.random()
        if choice < WHOLE or (choice < WHOLE + SENTENCES and not report.sentences):
            return report.whole
        if choice < WHOLE + SENTENCES or not report.askable:
            return self._some_sentences(report.sentences, generator) if report.sentences else report.whole
        weights = rarity[list(report.askable)].astype(np.float64)
        concept = int(generator.choice(report.askable, p=weights / weights.sum()))
        names = self._questions[concept]
        name, tokens = names[int(generator.integers(len(names)))]
        return View(name, tokens, self._question_concepts[concept], frozenset({concept}))

    def _some_sentences(self, parts: Sequence[View], generator: np.random.Generator) -> View:
        count = min(len(parts), int(generator.integers(1, 4)))
        chosen = [parts[place] for place in sorted(generator.choice(len(parts), count, replace=False))]
        return self.joined(chosen)

    def joined(self, parts: Sequence[View]) -> View:
        """Several sentences as one text."""
        tokens = tuple(token for part in parts for token in part.tokens)[: self.pieces.max_tokens]
        concepts = np.max([part.concepts for part in parts], axis=0)
        norm = float(np.linalg.norm(concepts))
        findings = frozenset().union(*(part.findings for part in parts))
        spoken = tuple(part.text for part in parts)
        return View(" ".join(spoken), tokens, concepts / np.float32(norm) if norm > 0 else concepts, findings, spoken)
