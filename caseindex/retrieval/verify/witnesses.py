"""The witnesses as they are fitted to an archive: asked together, each gives its numbers of each case."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from caseindex.index.comparable import kind_of
from caseindex.records import Float32Array
from caseindex.retrieval.verify.claims import Claims
from caseindex.retrieval.verify.classifiers import ClassSpace
from caseindex.retrieval.verify.consistency import checked
from caseindex.retrieval.verify.evidence import Evidence, evidence
from caseindex.retrieval.verify.expectation import Expectation, crowd_score
from caseindex.retrieval.verify.filed import Filed
from caseindex.retrieval.verify.neighbours import Gallery, Near, nearest
from caseindex.retrieval.verify.one_thread import one_thread
from caseindex.retrieval.verify.pair_space import PairSpace
from caseindex.retrieval.verify.rest import Rest

_LARGE = 4096  # cases; from here on a search among them is worth several threads

Maybe = Sequence[Float32Array | None]


@dataclass(frozen=True, slots=True)
class Others:
    """By row: ``pair``: [dim] image vectors of the pair model; ``classes``: [labels] square roots of the image classifier's
    probabilities. ``None`` where there is none."""

    pair: Maybe | None = None
    classes: Maybe | None = None

    def rows(self, places: Sequence[int]) -> Others:
        return Others(*(None if part is None else [part[i] for i in places] for part in (self.pair, self.classes)))


@dataclass(frozen=True)
class Witnesses:
    """``pair``: where the archive uses a model that compares words with images; ``classes``: where it has two classifiers."""

    expectation: Expectation
    gallery: Gallery
    rest: Rest
    pair: PairSpace | None = None
    classes: ClassSpace | None = None

    def evidences(
        self,
        filed: Sequence[Filed],
        claims: Sequence[Claims],
        vectors: Float32Array,
        others: Others | None = None,
    ) -> tuple[list[Evidence], Near]:
        """[n] cases: ``filed`` with the claims of their reports, the mean vectors [n, dim] of their images, and what
        other models say of these."""
        with one_thread() if len(self.gallery.vectors) < _LARGE else nullcontext():
            near = self.near(filed, vectors)
        with one_thread():
            return self._found(filed, claims, vectors, others, near), near

    def _found(
        self, filed: Sequence[Filed], claims: Sequence[Claims], vectors: Float32Array, others: Others | None, near: Near
    ) -> list[Evidence]:
        patients = [one.patient for one in filed]
        kinds = [kind_of(one.images[0]) for one in filed]
        folds = np.array([one.fold for one in filed], np.int64)
        seen = self.expectation.seen(vectors, folds)
        crowd = crowd_score(self.expectation, seen, claims, patients, kinds)
        texts = [one.report.text for one in filed]
        studies = [one.report.study_uid for one in filed]
        pair = classes = np.full(len(filed), math.nan)
        if self.pair is not None and others is not None and others.pair is not None:
            pair = self.pair.scores(others.pair, texts, patients, kinds, studies)
        if self.classes is not None and others is not None and others.classes is not None:
            classes = self.classes.scores(others.classes, texts, studies)
        base = self.expectation.base.astype(np.float64)
        targets = self.expectation.targets
        rest = self.rest(targets.rows(claims)[:, : len(targets.findings)], folds)
        rest_base = self.rest.base.astype(np.float64)
        return [
            evidence(
                claims[row],
                checked(one, claims[row]),
                self.expectation.targets,
                base,
                seen,
                near,
                row,
                rest[row],
                rest_base,
                crowd=float(crowd[row]),
                pair=float(pair[row]),
                classes=float(classes[row]),
            )
            for row, one in enumerate(filed)
        ]

    def near(self, filed: Sequence[Filed], vectors: Float32Array) -> Near:
        """The nearest images of other patients."""
        inputs = self.expectation.centring(vectors)
        queries = inputs / np.maximum(np.linalg.norm(inputs, axis=1, keepdims=True), 1e-12)
        patients = np.array([one.patient for one in filed], dtype=object)
        studies = np.array([one.report.study_uid for one in filed], dtype=object)
        return nearest(self.gallery, queries.astype(np.float32), patients, studies, self.expectation.base)
