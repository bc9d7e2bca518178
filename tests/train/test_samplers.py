from __future__ import annotations

import numpy as np

from caseindex.train.samplers.one_per_patient import one_per_patient

PATIENTS = [f"p{n}" for n in range(40)] + ["busy"] * 20


def test_every_study_once_and_no_patient_twice_in_a_batch() -> None:
    batches = one_per_patient(PATIENTS, 20, seed=0, epoch=0)
    assert sorted(np.concatenate(batches).tolist()) == list(range(60))
    for batch in batches[:2]:  # one round: 41 patients
        assert len({PATIENTS[place] for place in batch}) == len(batch)


def test_a_function_of_seed_and_epoch() -> None:
    def flat(seed: int, epoch: int) -> list[int]:
        return np.concatenate(one_per_patient(PATIENTS, 16, seed, epoch)).tolist()

    assert flat(0, 0) == flat(0, 0)
    assert len({tuple(flat(seed, epoch)) for seed in range(2) for epoch in range(3)}) == 6


def test_no_batch_of_one() -> None:
    assert [len(batch) for batch in one_per_patient(["a", "b", "c", "d", "e"], 2, 0, 0)] == [2, 3]
