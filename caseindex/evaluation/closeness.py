"""How alike two patients are as a whole, not only in one lucky pair of images.

Half of it is their most similar pair, half is how well each image finds its like among the other patient's. Of one person
filed under two ids, every image has its like on the other side; two strangers who once were photographed alike have not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from caseindex.evaluation.identity_set import Exclusions, IdentitySet, compared_within
from caseindex.evaluation.score_counts import BINS, ScoreCounts, against_persons, bins_of
from caseindex.records import Float32Array

MOST_PATIENTS = 8_000  # strangers among whom all pairs are counted: 32 million, in 2 GB


def closeness(inner: Float32Array) -> float:
    """``inner``: [a, b] similarities of the images of one patient to those of another, -inf where two cannot be compared.
    On the scale of the similarities; -inf where nothing can be compared.

    >>> closeness(np.array([[0.5, 0.25], [0.0, 0.25]], np.float32))
    0.4375
    """
    rows, columns = (best[np.isfinite(best)] for best in (inner.max(1), inner.max(0)))
    if not len(rows):
        return -np.inf
    return float(np.float32(rows.max() / 2 + (rows.mean(dtype=np.float64) + columns.mean(dtype=np.float64)) / 4))


def closeness_matrix(data: IdentitySet, exclusions: Exclusions) -> Float32Array:
    """[persons, persons] closeness of every two patients, symmetric; -inf on the diagonal and where nothing can be compared.
    20 bytes a pair of patients while it is made."""
    count = int(data.persons.max(initial=-1)) + 1
    best = np.full((count, count), -np.inf, np.float32)
    total, images = np.zeros((count, count), np.float64), np.zeros((count, count), np.int32)
    for block in against_persons(data, exclusions):
        own = data.persons[block.rows]
        order = np.argsort(own, kind="stable")
        order = order[own[order] >= 0]
        if not len(order):
            continue
        # A patient's images one after the other, so that each patient of the block is touched once.
        starts = np.flatnonzero(np.r_[True, np.diff(own[order]) != 0])
        names, found = own[order][starts], block.best[order]
        there = np.isfinite(found)
        best[names] = np.maximum(best[names], np.maximum.reduceat(found, starts, axis=0))
        images[names] += np.add.reduceat(there, starts, axis=0, dtype=np.int32)
        total[names] += np.add.reduceat(np.where(there, found, 0.0), starts, axis=0, dtype=np.float64)
    best = np.maximum(best, best.T)
    mean = np.divide(total, images, out=total, where=images > 0)
    found = np.where(np.isfinite(best), best / 2 + (mean + mean.T) / 4, -np.inf).astype(np.float32)
    np.fill_diagonal(found, -np.inf)
    return found


def person_against_person(data: IdentitySet, exclusions: Exclusions, *, seed: int = 0) -> ScoreCounts:
    """Strangers: every two patients (of MOST_PATIENTS drawn). One person: each patient with several images cut in two
    halves at random, as if filed under two ids."""
    generator = np.random.default_rng(seed)
    persons = np.unique(data.persons[data.persons >= 0])
    genuine = []
    for person in persons.tolist():
        rows = generator.permutation(np.flatnonzero(data.persons == person))
        if len(rows) > 1:
            counted = compared_within(data, rows, exclusions)
            inner = np.where(counted, data.similarities(rows, rows), -np.inf)
            genuine.append(closeness(inner[: len(rows) // 2, len(rows) // 2 :]))
    strangers = data
    if len(persons) > MOST_PATIENTS:
        drawn = generator.choice(persons, MOST_PATIENTS, replace=False)
        strangers = data.subset(np.flatnonzero(np.isin(data.persons, drawn))).without_gaps()
    matrix = closeness_matrix(strangers, exclusions)
    apart = matrix[np.triu_indices(len(matrix), 1)]
    found = np.array(genuine, np.float32)
    found = found[np.isfinite(found)]
    return ScoreCounts(_counted(found), _counted(apart[np.isfinite(apart)]), len(found))


def _counted(values: Float32Array) -> npt.NDArray[np.float64]:
    return np.bincount(bins_of(values), minlength=BINS).astype(np.float64)
