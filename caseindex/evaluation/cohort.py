"""Similarities seen against the strangers that each image resembles most.

Some pictures resemble everybody's (a blurred one, a common build), and their similarity to a stranger says less than the same
similarity of a rare picture. So each image gets mean and spread of its similarities to the patients it resembles most
besides its own, and a pair's similarity is counted in those spreads, the mean of both images' views: adaptive symmetric
normalisation (Matejka et al. 2017, Interspeech), one best image a patient, so that somebody with sixty images is one voice.

The filed patient is left out, whoever it is, and the most similar other patient too: of a misfiled image that is its own,
and it would make the cohort so wide that nothing stands out. Where it is asked whose an image is (``filed=False``), nobody
may know under whom it is filed: then the two patients that it resembles most are left out, its own or not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from caseindex.evaluation.identity_set import Cohort, Exclusions, IdentitySet
from caseindex.evaluation.score_counts import against_persons
from caseindex.records import Float32Array

SHARE: Final = 0.2  # of the other patients, those that resemble an image most
LEAST, MOST = 32, 300  # patients of a cohort
_NARROWEST: Final = 0.25  # of the median spread: an image with equal neighbours is not infinitely sure


def with_cohort(
    data: IdentitySet,
    exclusions: Exclusions = Exclusions(same_study=True),  # noqa: B008
    *,
    filed: bool = True,
) -> IdentitySet:
    """The same images, their similarities normalised; unchanged where no image has more than LEAST other patients to be
    compared with. An image that alone has fewer gets the middle of the others' values. ``filed``: leave an image's filed
    patient out of its cohort; without it no label of an image has part in its own cohort."""
    n = len(data)
    mean, spread = np.full(n, np.nan, np.float32), np.full(n, np.nan, np.float32)
    plain = replace(data, cohort=None)
    for block in against_persons(plain, exclusions):
        best = block.best
        if filed:
            own = data.persons[block.rows]
            known = np.flatnonzero(own >= 0)
            best[known, own[known]] = -np.inf
        mean[block.rows], spread[block.rows] = strangers(best, left_out=1 if filed else 2)
    usable = np.isfinite(mean)
    if not usable.any() or not np.nanmedian(spread) > 0:
        return plain
    middle, width = np.float32(np.nanmedian(mean)), np.float32(np.nanmedian(spread))
    mean, spread = np.where(usable, mean, middle), np.where(usable, spread, width)
    return replace(plain, cohort=Cohort(mean, np.maximum(spread, _NARROWEST * np.median(spread)), filed))


def strangers(best: Float32Array, left_out: int) -> tuple[Float32Array, Float32Array]:
    """(mean, spread), [b] each, of each row's SHARE largest values after the ``left_out`` largest; NaN where fewer than
    LEAST are left. ``best``: [b, persons], an image's similarity to each person's most similar image; -inf where none
    counts."""
    mean, spread = np.full(len(best), np.nan, np.float32), np.full(len(best), np.nan, np.float32)
    there = np.isfinite(best).sum(1) - left_out
    wide = np.clip((SHARE * there).astype(int), LEAST, MOST)
    ordered = -np.sort(-best, axis=1)[:, left_out : left_out + MOST]
    for row in np.flatnonzero(there >= LEAST).tolist():
        nearest = ordered[row, : wide[row]]
        mean[row], spread[row] = nearest.mean(), nearest.std()
    return mean, spread
