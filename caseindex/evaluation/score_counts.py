"""How similar one person's images are to the person's others, and to strangers: counts per similarity, at three levels.

What a decision is taken on is seldom one pair of images (:func:`image_against_image`). An image is held against a
*patient* (the most similar of the patient's images counts), and a patient against another patient. The most similar of several strangers is more similar
than one stranger, so each level has counts of its own (the third in :mod:`caseindex.evaluation.closeness`). Similarities are counted in 4096 bins over [-1, 1].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from caseindex.evaluation.identity_set import DEFAULT_EXCLUSIONS, Exclusions, IdentitySet, blocks
from caseindex.records import Float32Array, Int64Array

BINS = 4096

Counts = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCounts:
    """``genuine``, ``impostor``: [BINS] counts; ``persons``: how many gave the genuine ones."""

    genuine: Counts
    impostor: Counts
    persons: int


def bins_of(similarity: npt.NDArray[np.floating]) -> Int64Array:
    """Bins of similarities; -inf goes to the lowest."""
    return np.clip((np.nan_to_num(similarity.astype(np.float64), neginf=-1) + 1) * (BINS / 2), 0, BINS - 1).astype(
        np.int64
    )


def centres() -> npt.NDArray[np.float64]:
    """[BINS] similarity in the middle of each bin."""
    return np.asarray((np.arange(BINS) + 0.5) / (BINS / 2) - 1, np.float64)


def best_of_persons(similarity: Float32Array, persons: Int64Array) -> tuple[Int64Array, Float32Array]:
    """([p] numbers of the persons, ascending; [..., p] similarity of each one's most similar image). ``similarity``:
    [..., n]; ``persons``: [n]."""
    if not len(persons):
        return np.empty(0, np.int64), np.empty((*similarity.shape[:-1], 0), np.float32)
    order = np.argsort(persons, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(persons[order]) != 0])
    best = np.maximum.reduceat(similarity[..., order], starts, axis=-1)
    return persons[order][starts], np.asarray(best, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class AgainstPersons:
    """Of some images: ``rows``: [b]; ``best``: [b, persons] similarity of the person's most similar image that counts,
    -inf where there is none."""

    rows: Int64Array
    best: Float32Array


def against_persons(
    data: IdentitySet, exclusions: Exclusions = DEFAULT_EXCLUSIONS, rows: Int64Array | None = None
) -> Iterator[AgainstPersons]:
    """Streams :class:`AgainstPersons` for ``rows`` (default: all), a bounded number of rows at a time."""
    order = np.argsort(data.persons, kind="stable")
    order = order[data.persons[order] >= 0]
    sorted_persons = data.persons[order]
    starts = np.flatnonzero(np.r_[True, np.diff(sorted_persons) != 0]) if len(order) else np.empty(0, np.int64)
    names = sorted_persons[starts]
    count = int(data.persons.max(initial=-1)) + 1
    for block in blocks(data, exclusions, rows):
        best = np.full((len(block.rows), count), -np.inf, np.float32)
        if len(order):
            masked = np.where(block.counted, block.similarity, -np.inf)[:, order]
            best[:, names] = np.maximum.reduceat(masked, starts, axis=1)
        yield AgainstPersons(block.rows, best)


def image_against_image(data: IdentitySet, exclusions: Exclusions) -> ScoreCounts:
    """Every two strangers' images once, and every image with each other one of its person: these weigh one together, so
    that a person with sixty images does not speak for all."""
    genuine, impostor = np.zeros(BINS), np.zeros(BINS)
    persons: set[int] = set()
    columns = np.arange(len(data))
    for block in blocks(data, exclusions):
        bins = bins_of(block.similarity)
        strange = block.counted & ~block.same & (columns[None, :] > block.rows[:, None])
        impostor += np.bincount(bins[strange], minlength=BINS)
        mates = block.same.sum(1)
        weights = np.repeat(1 / np.maximum(mates, 1), mates)  # row by row, as the mask below reads
        genuine += np.bincount(bins[block.same], weights, minlength=BINS)
        persons |= set(data.persons[block.rows[mates > 0]].tolist())
    return ScoreCounts(genuine, impostor, len(persons))


def image_against_person(data: IdentitySet, exclusions: Exclusions) -> ScoreCounts:
    """Every image against its own patient (its other images, of other studies where ``exclusions`` say so), and against
    every other patient."""
    genuine, impostor = np.zeros(BINS), np.zeros(BINS)
    persons: set[int] = set()
    for block in against_persons(data, exclusions):
        own = data.persons[block.rows]
        known = np.flatnonzero(own >= 0)
        mine = block.best[known, own[known]]
        there = np.isfinite(mine)
        genuine += np.bincount(bins_of(mine[there]), minlength=BINS)
        persons |= set(own[known][there].tolist())
        others = block.best[known].copy()
        others[np.arange(len(known)), own[known]] = -np.inf
        impostor += np.bincount(bins_of(others[np.isfinite(others)]), minlength=BINS)
    return ScoreCounts(genuine, impostor, len(persons))
