"""Misfiled images made on purpose: a few examinations of known patients are given to other patients, in memory only.

The wrong patient of an examination is drawn among all the others who have an image that it can be compared with, each as
probable as the next; real mix-ups are likelier among patients of one day and ward, which an archive's records seldom say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from caseindex.evaluation.identity_set import IdentitySet
from caseindex.records import Int64Array

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Planting:
    """``persons``: [n] the patients as they are filed now; ``planted``: [n] the images that were moved and can be told
    to be in the wrong place; ``moved``: [n] all that were moved, with the rest of their examinations; ``measured``: [n]
    the planted ones, and those that are filed right and may be counted as such. Nobody lost more than one examination,
    or was given more than one."""

    persons: Int64Array
    planted: Mask
    moved: Mask
    measured: Mask


def able(data: IdentitySet) -> Int64Array:
    """Rows of the images that can be planted: of a patient with an image of another study that they can be compared
    with, and without a pixel-identical copy in the archive (which would be found for another reason)."""
    single = np.bincount(data.copies, minlength=1)[data.copies] == 1
    return np.array([row for rows in _per_person(data) for row in rows if single[row] and _mates(data, row, rows)], int)


def plant(data: IdentitySet, rate: float, generator: np.random.Generator, among: Mask | None = None) -> Planting:
    """Moves whole examinations (what is taken together is misfiled together) until ``rate`` of the images of known
    patients are moved, or nobody is left to take from or give to. ``among``: [n] the images that are measured on
    (default: all); the others are only there."""
    if not 0 < rate < 1:
        raise ValueError(f"a rate is between 0 and 1, not {rate}")
    among = np.ones(len(data), bool) if among is None else among
    wanted = max(1, round(rate * int(((data.persons >= 0) & among).sum())))
    persons, moved = data.persons.copy(), np.zeros(len(data), bool)
    givers, takers = set[int](), set[int]()
    can = able(data)
    can = can[among[can]]
    alike = _takers_by_kind(data)
    partners = data.partners()
    for row in generator.permutation(can).tolist():
        if moved.sum() >= wanted:
            break
        owner = int(data.persons[row])
        # Whoever lost an examination is given none: the two would be told from one another only.
        if owner in givers or owner in takers:
            continue
        there = alike[int(data.kinds[row])]
        barred = {owner, *partners[owner].tolist(), *givers, *takers}
        there = there[~np.isin(there, list(barred))]
        if not len(there):
            continue
        taker = int(generator.choice(there))
        together = np.flatnonzero((data.studies == data.studies[row]) & (data.persons == owner))
        persons[together], moved[together] = taker, True
        givers.add(owner)
        takers.add(taker)
    planted = moved & np.isin(np.arange(len(data)), can)
    return Planting(persons, planted, moved, among & (planted | ~moved))


def _per_person(data: IdentitySet) -> Iterator[Int64Array]:
    order = np.argsort(data.persons, kind="stable")
    order = order[data.persons[order] >= 0]
    if len(order):
        yield from np.split(order, np.flatnonzero(np.diff(data.persons[order])) + 1)


def _mates(data: IdentitySet, row: int, rows: Int64Array) -> bool:
    return bool(((data.kinds[rows] == data.kinds[row]) & (data.studies[rows] != data.studies[row])).any())


def _takers_by_kind(data: IdentitySet) -> dict[int, Int64Array]:
    known = data.persons >= 0
    return {
        kind: np.unique(data.persons[known & (data.kinds == kind)]) for kind in np.unique(data.kinds[known]).tolist()
    }
