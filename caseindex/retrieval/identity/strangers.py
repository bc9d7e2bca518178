"""The archive's patients as the strangers that a question's similarities are held against (:mod:`caseindex.evaluation.cohort`).

Of a large archive a sample of patients stands for all, and only the images that resemble the question most are held against
it: the others keep behind with what is usual here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from caseindex.evaluation.cohort import strangers, with_cohort
from caseindex.evaluation.identity_set import Cohort, Exclusions, IdentitySet, normalised
from caseindex.evaluation.score_counts import best_of_persons
from caseindex.records import Float32Array, Int64Array
from caseindex.retrieval.identity.evidence import FOR_ONE_ANSWER, sampled_rows

NEAREST: Final = 2000  # images of the gallery that are held against the sample, for one question


@dataclass(frozen=True, slots=True, eq=False)
class Strangers:
    """``data``: the gallery; ``rows``: those of it that the sample holds; ``seen``: the sample, its similarities normalised
    where it has patients enough, else cosines."""

    data: IdentitySet
    rows: Int64Array
    seen: IdentitySet

    @classmethod
    def of(cls, data: IdentitySet, exclusions: Exclusions, *, most: int = FOR_ONE_ANSWER) -> Strangers:
        """``data``: the gallery; ``most``: images of the sample."""
        if len(data) <= most:
            return cls(data, np.arange(len(data)), with_cohort(data, exclusions, filed=False))
        rows = sampled_rows(data, most)
        return cls(data, rows, with_cohort(data.subset(rows).without_gaps(), exclusions, filed=False))

    def of_question(self, cosines: Float32Array, allowed: npt.NDArray[np.bool_]) -> Cohort | None:
        """Of an image that may be of anybody, [1]. ``cosines``, ``allowed``: [gallery] to each image, and whether it may be
        compared. ``None`` where similarities are not normalised."""
        if self.seen.cohort is None:
            return None
        rows = self.rows[allowed[self.rows]]
        _, best = best_of_persons(cosines[None, rows], self.data.persons[rows])
        return _narrowed(*strangers(best, left_out=2), self.seen.cohort)

    def against(self, asked: Cohort, cosines: Float32Array, rows: Int64Array) -> Float32Array:
        """[rows] similarities of the gallery's ``rows`` to a question, counted in the spreads of both. ``cosines``: [rows]."""
        return normalised(cosines[None], asked, self._of_gallery(rows, cosines))[0]

    def _of_gallery(self, rows: Int64Array, cosines: Float32Array) -> Cohort:
        known = self.seen.cohort
        assert known is not None
        if len(self.rows) == len(self.data):
            return known.subset(rows)
        mean, spread = np.full((2, len(rows)), np.nan, np.float32)
        near = np.argsort(-cosines, kind="stable")[:NEAREST]
        mean[near], spread[near] = strangers(self._persons_of_sample(rows[near]), left_out=2)
        return _narrowed(mean, spread, known)

    def _persons_of_sample(self, rows: Int64Array) -> Float32Array:
        """[rows, persons of the sample] similarity to each person's most similar image of the same kind, copies aside."""
        data, sample = self.data, self.rows
        cosines = data.vectors[rows] @ data.vectors[sample].T
        counted = data.kinds[rows][:, None] == data.kinds[sample][None, :]
        counted &= data.copies[rows][:, None] != data.copies[sample][None, :]
        return best_of_persons(np.where(counted, cosines, -np.inf), data.persons[sample])[1]


def _narrowed(mean: Float32Array, spread: Float32Array, usual: Cohort) -> Cohort:
    """NaN stands for what is usual, and no spread is narrower than the narrowest there."""
    there = np.isfinite(mean)
    return Cohort(
        np.where(there, mean, np.median(usual.mean)),
        np.where(there, np.maximum(spread, usual.spread.min()), np.median(usual.spread)),
        filed=False,
    )
