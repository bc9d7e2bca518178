"""Similarities against the strangers that an image resembles most, held against the definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from caseindex.evaluation.cohort import LEAST, MOST, SHARE, with_cohort
from caseindex.evaluation.identity_set import Exclusions, IdentitySet
from tests.evaluation.drawn_identity import counts, drawn

EXCLUSIONS = Exclusions(same_study=True)


def slow(data: IdentitySet, row: int, *, filed: bool = True) -> tuple[float, float] | None:
    best: dict[int, float] = {}
    for other in range(len(data)):
        own = filed and data.persons[other] == data.persons[row]
        if counts(data, EXCLUSIONS, row, other) and not own:
            person = int(data.persons[other])
            best[person] = max(best.get(person, -2.0), float(data.vectors[row] @ data.vectors[other]))
    strangers = sorted(best.values(), reverse=True)[1 if filed else 2 :]  # the first may be the person
    if len(strangers) < LEAST:
        return None
    nearest = strangers[: int(np.clip(SHARE * len(strangers), LEAST, MOST))]
    return float(np.mean(nearest)), float(np.std(nearest))


@pytest.mark.parametrize("filed", [True, False])
@pytest.mark.parametrize("seed", [0, 1])
def test_mean_and_spread_are_of_the_nearest_strangers(seed: int, filed: bool) -> None:
    data = drawn(seed, n=160, persons=70, kinds=1, possibly_same=frozenset({(1, 2)}))
    found = with_cohort(data, EXCLUSIONS, filed=filed)
    assert found.cohort is not None
    assert found.cohort.filed is filed
    for row in np.flatnonzero(data.persons >= 0).tolist():
        expected = slow(data, row, filed=filed)
        assert expected is not None
        assert found.cohort.mean[row] == pytest.approx(expected[0], abs=1e-5)
        assert found.cohort.spread[row] >= expected[1] - 1e-5


def test_a_similarity_is_counted_in_the_spreads_of_both() -> None:
    data = with_cohort(drawn(2, n=160, persons=70, kinds=1), EXCLUSIONS)
    assert data.cohort is not None
    rows, columns = np.array([3, 8]), np.array([5, 20, 41])
    found = data.similarities(rows, columns)
    for place, row in enumerate(rows):
        for other, column in enumerate(columns):
            cosine = float(data.vectors[row] @ data.vectors[column])
            seen = [(cosine - data.cohort.mean[one]) / data.cohort.spread[one] for one in (row, column)]
            assert found[place, other] == pytest.approx(np.clip(np.mean(seen) / 16, -1, 1), abs=1e-5)


def test_a_picture_that_resembles_everybody_stands_back() -> None:
    """One image near the mean of all: with cosines it is everybody's neighbour, with cohorts it is not."""
    generator = np.random.default_rng(0)
    common = generator.normal(size=200)
    vectors = 0.5 * common + generator.normal(size=(240, 200))
    vectors[0] = common + 0.5 * generator.normal(size=200)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    rows = np.arange(240)
    data = IdentitySet(vectors, rows, np.zeros(240, np.int64), rows, rows)

    def favourite(found: np.ndarray) -> float:
        np.fill_diagonal(found, -2)
        return float((found[1:].argmax(1) == 0).mean())

    assert favourite(data.similarities(rows)) > 0.5
    assert favourite(with_cohort(data, EXCLUSIONS).similarities(rows)) < 0.2


def test_the_patient_that_a_misfiled_image_is_of_does_not_hide_it() -> None:
    """However like its true patient it is: cohort and spread are those of an image that is like nobody here."""
    data = drawn(5, n=160, persons=70, kinds=1, unknown=0, dim=24, spread=0.3)
    filed = data.persons.copy()
    row = 11
    filed[row] = (filed[row] + 1) % 70
    misfiled = replace(data, persons=filed)
    gone = data.subset(np.flatnonzero((data.persons != data.persons[row]) | (np.arange(160) == row)))
    alone = int(np.flatnonzero(gone.persons == data.persons[row])[0])
    found, expected = with_cohort(misfiled, EXCLUSIONS).cohort, with_cohort(gone, EXCLUSIONS).cohort
    assert found is not None
    assert expected is not None
    own = data.vectors[data.persons == data.persons[row]] @ data.vectors[row]
    assert np.sort(own)[-2] > found.mean[row] + 3 * found.spread[row]
    assert found.spread[row] == pytest.approx(expected.spread[alone], rel=0.1)
    assert found.mean[row] == pytest.approx(expected.mean[alone], abs=0.05)


def test_whose_it_is_has_no_part_in_the_cohort_of_one_that_asks() -> None:
    """An image filed under somebody else has the same similarities to everybody as before."""
    data = drawn(6, n=160, persons=70, kinds=1, unknown=0)
    row = 11
    other = data.persons.copy()
    other[row] = (other[row] + 1) % 70
    rows = np.arange(160)
    before = with_cohort(data, EXCLUSIONS, filed=False).cohort
    after = with_cohort(replace(data, persons=other), EXCLUSIONS, filed=False).cohort
    assert before is not None
    assert after is not None
    assert after.mean[rows == row] == before.mean[rows == row]
    assert after.spread[rows == row] == before.spread[rows == row]


def test_few_patients_are_left_as_they_are() -> None:
    data = drawn(3, n=60, persons=LEAST - 2, kinds=1)
    assert with_cohort(data, EXCLUSIONS).cohort is None
    assert np.array_equal(with_cohort(data, EXCLUSIONS).similarities(np.arange(60)), data.vectors @ data.vectors.T)


def test_a_part_of_the_images_keeps_its_cohorts() -> None:
    data = with_cohort(drawn(4, n=160, persons=70, kinds=1), EXCLUSIONS)
    rows = np.array([90, 4, 17])
    part = data.subset(rows)
    assert np.array_equal(part.similarities(np.arange(3)), data.similarities(rows, rows))
    assert with_cohort(replace(part), EXCLUSIONS).cohort is None
