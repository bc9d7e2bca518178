"""The witnesses as they are fitted to an archive: asked together, each gives its numbers of each case."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from caseindex.index.comparable import kind_of
from caseindex.records import Float32Array
from caseindex.retrieval.verify.claims import Claims
from caseindex.retrieval.verify.consistency import checked
from caseindex.retrieval.verify.evidence import Evidence, evidence
from caseindex.retrieval.verify.expectation import Expectation, crowd_score
from caseindex.retrieval.verify.filed import Filed
from caseindex.retrieval.verify.neighbours import Gallery, Near, nearest
from caseindex.retrieval.verify.pair_space import PairSpace


@dataclass(frozen=True)
class Witnesses:
    """``pair``: where the archive uses a model that compares words with images."""

    expectation: Expectation
    gallery: Gallery
    pair: PairSpace | None = None

    def evidences(
        self,
        filed: Sequence[Filed],
        claims: Sequence[Claims],
        vectors: Float32Array,
        pair_vectors: Sequence[Float32Array | None] | None = None,
    ) -> tuple[list[Evidence], Near]:
        """[n] cases: ``filed`` with the claims of their reports and the mean vectors [n, dim] of their images."""
        patients = [one.patient for one in filed]
        kinds = [kind_of(one.images[0]) for one in filed]
        folds = np.array([one.fold for one in filed], np.int64)
        seen = self.expectation.seen(vectors, folds)
        near = self._near(filed, vectors)
        crowd = crowd_score(self.expectation, seen, claims, patients, kinds)
        pair = np.full(len(filed), math.nan)
        if self.pair is not None and pair_vectors is not None:
            pair = self.pair.scores(
                pair_vectors,
                [one.report.text for one in filed],
                patients,
                kinds,
                [one.report.study_uid for one in filed],
            )
        base = self.expectation.base.astype(np.float64)
        found = [
            evidence(
                claims[row],
                checked(one, claims[row]),
                self.expectation.targets,
                base,
                seen,
                near,
                row,
                crowd=float(crowd[row]),
                pair=float(pair[row]),
            )
            for row, one in enumerate(filed)
        ]
        return found, near

    def _near(self, filed: Sequence[Filed], vectors: Float32Array) -> Near:
        inputs = self.expectation.centring(vectors)
        queries = inputs / np.maximum(np.linalg.norm(inputs, axis=1, keepdims=True), 1e-12)
        patients = np.array([one.patient for one in filed], dtype=object)
        studies = np.array([one.report.study_uid for one in filed], dtype=object)
        return nearest(self.gallery, queries.astype(np.float32), patients, studies, self.expectation.base)
