"""Batches of studies in which no patient appears twice, as far as the patients reach."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np

from caseindex.records import Int64Array


def one_per_patient(patients: Sequence[str], batch: int, seed: int, epoch: int) -> list[Int64Array]:
    """Indices of every study once, in shuffled batches of ``batch`` (the last one may be short, never of one).

    ``patients[i]`` is the patient of study i. Studies are dealt in rounds, one of each patient per round: two of one
    patient share a batch only where a batch reaches over the end of a round.
    """
    generator = np.random.default_rng([seed, epoch, 0x5A])
    by_patient: dict[str, list[int]] = {}
    for place in generator.permutation(len(patients)):
        by_patient.setdefault(patients[place], []).append(int(place))
    rounds = zip_longest(*by_patient.values())
    order: list[int] = []
    for members in rounds:
        present = np.array([place for place in members if place is not None], np.int64)
        order += generator.permutation(present).tolist()
    batches = [np.array(order[start : start + batch], np.int64) for start in range(0, len(order), batch)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        last = batches.pop()
        batches[-1] = np.concatenate([batches[-1], last])
    return batches
