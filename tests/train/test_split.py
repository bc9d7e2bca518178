from __future__ import annotations

import pytest

from caseindex.errors import TrainingError
from caseindex.train.split import Split, split_by_patient

STUDIES = {f"s{n}": f"p{n // 3}" for n in range(300)}


def test_no_patient_is_on_two_sides_and_nothing_is_lost() -> None:
    split = split_by_patient(STUDIES, validation=0.2, test=0.1, hold_out={"p0", "p1"})
    sides = [split.train, split.validation, split.test, split.held_out]
    assert sorted(study for side in sides for study in side) == sorted(STUDIES)
    patients = [{STUDIES[study] for study in side} for side in sides]
    assert sum(map(len, patients)) == len(set().union(*patients)) == 100
    assert patients[3] == {"p0", "p1"}
    assert (len(patients[1]), len(patients[2])) == (20, 10)


def test_unknown_patients_are_their_own() -> None:
    split = split_by_patient(dict.fromkeys(STUDIES), validation=0.1, test=0.1)
    assert (len(split.validation), len(split.test)) == (30, 30)


def test_a_function_of_the_seed_and_the_patients_alone() -> None:
    again = split_by_patient(dict(reversed(STUDIES.items())), seed=0)
    assert again == split_by_patient(STUDIES, seed=0)
    assert again != split_by_patient(STUDIES, seed=1)


def test_a_new_patient_moves_hardly_anybody() -> None:
    before = split_by_patient(STUDIES)
    after = split_by_patient({**STUDIES, "new": "p-new"})
    assert len(set(before.train) ^ set(after.train)) <= 7  # two patients' studies and the new one


def test_too_few_patients() -> None:
    with pytest.raises(TrainingError, match="at least 3"):
        split_by_patient({"a": "p", "b": "p", "c": "q"})


def test_rows_and_counts_of_the_sides() -> None:
    split = Split(("b", "d"), ("a",), ("c",), ("e",))
    train, validation, test = split.rows(["a", "b", "c", "d", "e"])
    assert (train.tolist(), validation.tolist(), test.tolist()) == ([1, 3], [0], [2])
    assert split.counts() == {"train": 2, "validation": 1, "test": 1, "held_out": 1}
