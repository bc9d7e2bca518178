"""P persons with K images each (Hermans et al. 2017, section 2), hard neighbours together, singletons as strangers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from caseindex.records import Int64Array


def persons_by_images(
    persons: Int64Array,
    *,
    batch_persons: int,
    images: int,
    seed: int,
    epoch: int,
    singletons: float = 0.33,
    neighbours: Mapping[int, Int64Array] | None = None,
) -> list[Int64Array]:
    """Batches of image rows, [batch_persons * images] each. ``persons``: [n] number of each row's person, negative
    where unknown: those may be anybody's and are in no batch. Every person with several images comes once per epoch, at
    least.

    ``images`` rows of each person, none twice before all have come. ``singletons``: share of each batch's persons that
    have one image, which then comes ``images`` times, in other views. ``neighbours``: person -> persons that look alike
    (of a hard-negative round); half of a batch's persons are then drawn as neighbours of the other half, and only that
    other half goes through everyone: half of the persons are sure to come. A pure function of its arguments.
    """
    generator = np.random.default_rng([seed, epoch, 0xB1])
    rows_of: dict[int, list[int]] = {}
    for row, person in enumerate(persons.tolist()):
        if person >= 0:
            rows_of.setdefault(person, []).append(row)
    several = sorted(person for person, rows in rows_of.items() if len(rows) > 1)
    alone = sorted(rows[0] for rows in rows_of.values() if len(rows) == 1)
    lone = min(len(alone), round(batch_persons * singletons)) if several else batch_persons
    wanted = batch_persons - lone if several else 0
    queue = generator.permutation(np.array(several, np.int64)).tolist()
    batches = []
    count = -(-len(several) // max(1, wanted)) if several else -(-len(alone) // max(1, lone))
    for _ in range(count):
        chosen: list[int] = []
        seeds = wanted if neighbours is None else -(-wanted // 2)
        while queue and len(chosen) < seeds:
            chosen.append(queue.pop())
        if neighbours is not None:
            for person in list(chosen):
                near = [
                    other for other in neighbours.get(person, np.empty(0, np.int64)).tolist() if other not in chosen
                ]
                near = [other for other in near if len(rows_of.get(other, ())) > 1]
                if near and len(chosen) < wanted:
                    chosen.append(int(near[int(generator.integers(0, min(3, len(near))))]))
        others = [person for person in several if person not in chosen]
        lacking = min(wanted - len(chosen), len(others))
        chosen += generator.choice(np.array(others, np.int64), lacking, replace=False).tolist() if lacking > 0 else []
        rows: list[int] = []
        for person in chosen:
            mine = rows_of[person]
            left = images
            while left > 0:
                rows += generator.choice(mine, min(left, len(mine)), replace=False).tolist()
                left -= len(mine)
        for row in (
            generator.choice(np.array(alone, np.int64), lone, replace=len(alone) < lone).tolist() if lone else []
        ):
            rows += [row] * images
        batches.append(np.array(rows, np.int64))
    return batches
