"""Similarities seen against the strangers that each image resembles most.

Some pictures resemble everybody's (a blurred one, a common build), and their similarity to a stranger says less than the same
similarity of a rare picture. So each image gets mean and spread of its similarities to the patients it resembles most
besides its own, and a pair's similarity is counted in those spreads, the mean of both images' views: adaptive symmetric
normalisation (Matejka et al. 2017, Interspeech), one best image a patient, so that somebody with sixty images is one voice.
The filed patient is left out, whoever it is; so this is for archives with filed patients, not for ranking without labels.
The most similar other patient is left out too: of a misfiled image that is its own, and it would make the cohort so wide
that nothing stands out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from caseindex.evaluation.identity_set import Cohort, Exclusions, IdentitySet
from caseindex.evaluation.score_counts import against_persons

SHARE: Final = 0.2  # of the other patients, those that resemble an image most
LEAST, MOST = 32, 300  # patients of a cohort
_NARROWEST: Final = 0.25  # of the median spread: an image with equal neighbours is not infinitely sure


def with_cohort(data: IdentitySet, exclusions: Exclusions = Exclusions(same_study=True)) -> IdentitySet:  # noqa: B008
    """The same images, their similarities normalised; unchanged where no image has more than LEAST other patients to be
    compared with. An image that alone has fewer gets the middle of the others' values."""
    n = len(data)
    mean, spread = np.full(n, np.nan, np.float32), np.full(n, np.nan, np.float32)
    plain = replace(data, cohort=None)
    for block in against_persons(plain, exclusions):
        best = block.best
        own = data.persons[block.rows]
        known = np.flatnonzero(own >= 0)
        best[known, own[known]] = -np.inf
        best = -np.sort(-best, axis=1)[:, 1 : 1 + max(LEAST, MOST)]
        there = np.isfinite(block.best).sum(1) - 1
        wide = np.clip((SHARE * there).astype(int), LEAST, MOST)
        for place in np.flatnonzero(there >= LEAST).tolist():
            nearest = best[place, : wide[place]]
            mean[block.rows[place]], spread[block.rows[place]] = nearest.mean(), nearest.std()
    usable = np.isfinite(mean)
    if not usable.any() or not np.nanmedian(spread) > 0:
        return plain
    mean = np.where(usable, mean, np.float32(np.nanmedian(mean)))
    spread = np.where(usable, spread, np.float32(np.nanmedian(spread)))
    return replace(plain, cohort=Cohort(mean, np.maximum(spread, _NARROWEST * np.median(spread))))
