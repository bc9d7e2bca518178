"""Images that are probably filed under the wrong patient, and whose they probably are.

For each image: how similar is it to the other images of its patient (of other studies, where there are: pictures of one
examination were misfiled together), and to every other patient? Both become likelihood ratios, and Bayes weighs three
explanations: filed right; of another patient here; of somebody who is not here. Where an image and its most similar mate
do not fit together, the mate may as well be the one that is misfiled, and that is weighed too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from caseindex.encoders.calibration import Calibration
from caseindex.evaluation.identity_set import Exclusions, IdentitySet, compared_within
from caseindex.evaluation.score_counts import against_persons
from caseindex.records import Float32Array, Int64Array
from caseindex.retrieval.identity import posterior

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MisfiledScores:
    """Row-aligned with the images. ``own``: similarity to the own patient's most similar other image, NaN where there is
    none; ``other``: to the most similar other patient, whose number is ``other_person`` (-1: none);
    ``evidence``: log-likelihood ratio of the most similar other patient minus that of the own, which ranks;
    ``probability``: that it is misfiled, ``towards``: that it belongs to ``other_person``; NaN without calibration."""

    own: Float32Array
    other: Float32Array
    other_person: Int64Array
    evidence: Floats
    probability: Floats
    towards: Floats


def misfiled_scores(
    data: IdentitySet,
    calibration: Calibration | None,
    *,
    prior: float = 4e-5,
    exclusions: Exclusions = Exclusions(same_study=True),  # noqa: B008
) -> MisfiledScores:
    """Of every image of a known patient; the others get NaN. Without a calibration, ``evidence`` is the difference of the
    similarities."""
    n = len(data)
    own = np.full(n, np.nan, np.float32)
    other = np.full(n, np.nan, np.float32)
    other_person = np.full(n, -1, np.int64)
    summed = np.full(n, -np.inf)
    filed_rows = []
    patients = len(np.unique(data.persons[data.persons >= 0]))
    for block in against_persons(data, exclusions):
        known = np.flatnonzero(data.persons[block.rows] >= 0)
        if not len(known):
            continue
        rows, filed = block.rows[known], data.persons[block.rows[known]]
        best = block.best[known]
        mine = best[np.arange(len(rows)), filed].copy()
        best[np.arange(len(rows)), filed] = -np.inf
        place = best.argmax(1)
        strongest = best[np.arange(len(rows)), place]
        found = np.isfinite(strongest)
        own[rows] = np.where(np.isfinite(mine), mine, np.nan)
        other[rows] = np.where(found, strongest, np.nan)
        other_person[rows] = np.where(found, place, -1)
        filed_rows.append(rows)
        if calibration is not None:
            ratios = np.where(np.isfinite(best), calibration.log_ratio(best), -np.inf)
            summed[rows] = np.logaddexp.reduce(ratios, axis=1)
    evidence, probability, towards = (np.full(n, np.nan) for _ in range(3))
    rows = np.concatenate(filed_rows) if filed_rows else np.empty(0, np.int64)
    if calibration is None:
        # Nothing to compare the image with says nothing: as if its patient's images were like a stranger's.
        evidence[rows] = np.where(np.isfinite(own[rows]), other[rows] - own[rows], -1.0)
        return MisfiledScores(own, other, other_person, evidence, probability, towards)
    own_ratio, other_ratio = calibration.log_ratio(own), calibration.log_ratio(other)
    evidence[rows] = (other_ratio - own_ratio)[rows]
    mates = _mates(data, exclusions, calibration, posterior.elsewhere(summed, patients, prior))
    chance, toward = posterior.misfiled(own_ratio, other_ratio, summed, patients, prior, mates)
    probability[rows] = chance[rows]
    towards[rows] = np.where(other_person >= 0, toward, 0.0)[rows]
    return MisfiledScores(own, other, other_person, evidence, probability, towards)


def _mates(data: IdentitySet, exclusions: Exclusions, calibration: Calibration, elsewhere: Floats) -> posterior.Mates:
    n = len(data)
    rest, mate_rest, mate_elsewhere = np.zeros(n), np.zeros(n), np.full(n, -np.inf)
    order = np.argsort(data.persons, kind="stable")
    order = order[data.persons[order] >= 0]
    for rows in np.split(order, np.flatnonzero(np.diff(data.persons[order])) + 1):
        if len(rows) < 2:
            continue
        inner = np.where(compared_within(data, rows, exclusions), data.similarities(rows, rows), -np.inf)
        mate, places = inner.argmax(1), np.arange(len(rows))
        has = np.isfinite(inner[places, mate])
        without, of_mate = inner.copy(), inner[mate].copy()
        without[places, mate], of_mate[places, places] = -np.inf, -np.inf
        chosen = rows[has]
        rest[chosen] = calibration.log_ratio(without.max(1))[has]
        mate_rest[chosen] = calibration.log_ratio(of_mate.max(1))[has]
        mate_elsewhere[chosen] = elsewhere[rows[mate[has]]]
    return posterior.Mates(rest, mate_rest, mate_elsewhere)
