"""Pairs for the Siamese network: half of one person, half of strangers, drawn at random or mined."""

from __future__ import annotations

import numpy as np

from caseindex.records import Int64Array


def pairs_of_images(
    persons: Int64Array,
    families: Int64Array,
    *,
    batch: int,
    seed: int,
    epoch: int,
    mined: Int64Array | None = None,
) -> list[tuple[Int64Array, Int64Array]]:
    """Batches of (pairs [b, 2] of image rows, [b] 1 where the persons differ). Every image of a person with several
    comes once as the first of a pair of that person, and as many pairs of strangers come beside.

    ``families``: [n], equal for persons that may be one, which are never strangers. ``mined``: [n] the row of the
    hardest stranger of each image, -1 for none: those images' stranger is drawn at random. A pure function of its
    arguments; unknown persons (negative) are in no pair.
    """
    generator = np.random.default_rng([seed, epoch, 0xA7])
    known = np.flatnonzero(persons >= 0)
    counts = np.bincount(persons[known], minlength=int(persons.max(initial=0)) + 1)
    anchors = known[counts[persons[known]] > 1]
    if not len(anchors) or len(np.unique(families[known])) < 2:
        return []
    rows_of = {person: known[persons[known] == person] for person in np.unique(persons[anchors]).tolist()}
    mates = np.array(
        [generator.choice(rows_of[int(persons[row])][rows_of[int(persons[row])] != row]) for row in anchors]
    )
    firsts = generator.choice(known, len(anchors), replace=len(known) < len(anchors))
    strangers = np.empty(len(firsts), np.int64)
    for place, row in enumerate(firsts.tolist()):
        other = int(mined[row]) if mined is not None else -1
        while other < 0:
            drawn = int(known[generator.integers(0, len(known))])
            other = drawn if families[drawn] != families[row] else -1
        strangers[place] = other
    pairs = np.concatenate([np.stack([anchors, mates], 1), np.stack([firsts, strangers], 1)])
    different = np.repeat(np.array([0, 1], np.int64), [len(anchors), len(firsts)])
    order = generator.permutation(len(pairs))
    return [
        (pairs[order[start : start + batch]], different[order[start : start + batch]])
        for start in range(0, len(order), batch)
    ]
