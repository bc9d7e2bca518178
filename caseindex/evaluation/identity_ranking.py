"""Every image asks for the others of its person (Musgrave et al. 2020, arXiv 2003.08505, section 3.3; Packhäuser et al.
2022): top-n recall, precision at 1, MAP@R, R-precision. Images of persons with one image are distractors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from caseindex.evaluation import ranking
from caseindex.evaluation.identity_set import DEFAULT_EXCLUSIONS, Exclusions, IdentitySet, blocks
from caseindex.records import Int64Array

TOP_N = (1, 5, 10, 15, 20, 25, 30)

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """One row per query. ``queries``: [q] image rows; ``persons``: [q]; ``first``: [q] rank (from 1) of the first image
    of the same person; ``map_at_r``, ``r_precision``: [q]. ``gallery``: how many images could be found at all."""

    queries: Int64Array
    persons: Int64Array
    first: Int64Array
    map_at_r: Values
    r_precision: Values
    gallery: int

    def top(self, n: int) -> Values:
        """[q] 1 where an image of the same person is among the first n."""
        return (self.first <= n).astype(np.float64)


def ranked(
    data: IdentitySet, exclusions: Exclusions = DEFAULT_EXCLUSIONS, queries: Int64Array | None = None
) -> Ranking:
    """Ranks of every image (or of ``queries``) that has another of its person to be found. Ties count against us."""
    rows, first, maps, precisions = [], [], [], []
    for block in blocks(data, exclusions, queries):
        totals = block.same.sum(1)
        similarity = np.where(block.counted, block.similarity, -np.inf)
        best = np.where(block.same, block.similarity, -np.inf).max(1, initial=-np.inf)
        others = block.counted & ~block.same
        # Strangers at least as similar as the best image of the person stand before it.
        before = (others & (block.similarity >= best[:, None])).sum(1)
        for place in np.flatnonzero(totals):
            total = int(totals[place])
            # A stranger with the same similarity stands first: float32 ties are not luck.
            order = np.lexsort((block.same[place], -similarity[place]))[:total]
            row = block.same[place][order]
            rows.append(int(block.rows[place]))
            first.append(int(before[place]) + 1)
            maps.append(ranking.map_at_r(row, total))
            precisions.append(ranking.r_precision(row, total))
    chosen = np.array(rows, np.int64)
    return Ranking(
        chosen,
        data.persons[chosen],
        np.array(first, np.int64),
        np.array(maps, np.float64),
        np.array(precisions, np.float64),
        int((data.persons >= 0).sum()),
    )


def pair_search(
    data: IdentitySet,
    *,
    queries: int,
    gallery: int | None,
    seed: int,
    exclusions: Exclusions = DEFAULT_EXCLUSIONS,
    tops: Sequence[int] = TOP_N,
) -> tuple[dict[int, Values], Int64Array, int]:
    """The protocol of the Siamese archive search (reference R1): ``queries`` persons give one image as the query and one
    as its pair; the gallery holds the pairs and one image of each of other persons, up to ``gallery`` images.

    Gives ({n: [queries] 1 where the pair is in the top n}, [queries] persons, images in the gallery).
    """
    generator = np.random.default_rng(seed)
    able: list[tuple[int, int]] = []
    order = generator.permutation(len(data))
    by_person: dict[int, list[int]] = {}
    for row in order.tolist():
        if data.persons[row] >= 0:
            by_person.setdefault(int(data.persons[row]), []).append(row)
    persons = generator.permutation(np.array(sorted(by_person), np.int64))
    used: set[int] = set()
    for person in persons.tolist():
        pair = _pair(data, by_person[person], exclusions)
        if pair is not None and len(able) < queries:
            able.append(pair)
            used.add(person)
    fillers = [by_person[person][0] for person in persons.tolist() if person not in used]
    wanted = len(fillers) if gallery is None else max(0, gallery - len(able))
    rows = np.array([two for _, two in able] + fillers[:wanted], np.int64)
    asking = np.array([one for one, _ in able], np.int64)
    if not len(asking):
        return {n: np.empty(0) for n in tops}, asking, len(rows)
    both = data.subset(np.concatenate([asking, rows]))
    places = np.arange(len(asking))
    first = np.empty(len(asking), np.int64)
    for block in blocks(both, exclusions, places):
        counted, same = block.counted[:, len(asking) :], block.same[:, len(asking) :]
        similarity = block.similarity[:, len(asking) :]
        mate = np.where(same, similarity, -np.inf).max(1)
        first[block.rows] = (counted & ~same & (similarity >= mate[:, None])).sum(1) + 1
    return {n: (first <= n).astype(np.float64) for n in tops}, data.persons[asking], len(rows)


def _pair(data: IdentitySet, rows: list[int], exclusions: Exclusions) -> tuple[int, int] | None:
    for place, one in enumerate(rows):
        for two in rows[place + 1 :]:
            if data.kinds[one] != data.kinds[two]:
                continue
            if exclusions.copies and data.copies[one] == data.copies[two]:
                continue
            if exclusions.same_study and data.studies[one] == data.studies[two]:
                continue
            return one, two
    return None
