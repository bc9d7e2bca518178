"""How alike two patients are as a whole, against loops over patients and images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from caseindex.evaluation import closeness as module
from caseindex.evaluation.closeness import closeness, closeness_matrix, person_against_person
from caseindex.evaluation.identity_set import Exclusions, IdentitySet
from caseindex.evaluation.score_counts import BINS, bins_of, centres
from tests.evaluation.drawn_identity import counts, drawn, exclusions, sets, similarity


def histogram(values: list[float]) -> np.ndarray:
    return np.bincount(bins_of(np.array(values, np.float32)), minlength=BINS).astype(float)


def by_loops(data: IdentitySet, left_out: Exclusions, one: int, two: int) -> float:
    """Each image's like on the other side, one by one."""
    scores = similarity(data)
    likes: dict[int, list[float]] = {one: [], two: []}
    for mine, other in ((one, two), (two, one)):
        for row in np.flatnonzero(data.persons == mine).tolist():
            found = [
                float(scores[row, column])
                for column in np.flatnonzero(data.persons == other).tolist()
                if counts(data, left_out, row, column)
            ]
            likes[mine] += [max(found)] if found else []
    if not likes[one]:
        return -np.inf
    return max(*likes[one], *likes[two]) / 2 + (float(np.mean(likes[one])) + float(np.mean(likes[two]))) / 4


@settings(max_examples=20, deadline=None)
@given(sets, exclusions)
def test_every_two_patients(data: IdentitySet, left_out: Exclusions) -> None:
    matrix = closeness_matrix(data, left_out)
    assert np.array_equal(matrix, matrix.T)
    for one in range(len(matrix)):
        assert matrix[one, one] == -np.inf
        for two in range(one):
            assert matrix[one, two] == pytest.approx(by_loops(data, left_out, one, two), abs=1e-6)
    apart = matrix[np.triu_indices(len(matrix), 1)]
    found = person_against_person(data, left_out)
    assert np.array_equal(found.impostor, histogram(apart[np.isfinite(apart)].tolist()))


def test_one_lucky_pair_is_less_than_all_images_alike() -> None:
    lucky = np.array([[0.9, 0.1], [0.1, 0.0]], np.float32)
    alike = np.array([[0.8, 0.7], [0.75, 0.8]], np.float32)
    assert closeness(lucky) < closeness(alike)
    assert closeness(np.array([[-np.inf]], np.float32)) == -np.inf
    assert closeness(np.array([[0.3]], np.float32)) == pytest.approx(0.3)


def test_of_very_many_patients_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    data = drawn(3, n=120, persons=30, kinds=1, unknown=0, possibly_same=frozenset({(3, 29), (1, 2)}))
    monkeypatch.setattr(module, "MOST_PATIENTS", 10)
    found = person_against_person(data, Exclusions(), seed=1)
    assert 43 <= found.impostor.sum() <= 45  # pairs of 10, less those that may be the same
    whole = closeness_matrix(data, Exclusions())
    assert not found.impostor[histogram(whole[np.isfinite(whole)].tolist()) == 0].any()
    assert np.array_equal(found.impostor, person_against_person(data, Exclusions(), seed=1).impostor)


def test_a_person_of_two_images_is_cut_between_them() -> None:
    """Then nothing is left to chance: its own two images are the two halves."""
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(20, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    persons = np.r_[np.repeat(np.arange(8), 2), [8, 9, 10, -1]]
    data = IdentitySet(vectors, persons, np.zeros(20, int), np.arange(20), np.arange(20))
    found = person_against_person(data, Exclusions(), seed=5)
    scores = similarity(data)
    assert found.persons == 8
    assert np.array_equal(found.genuine, histogram([float(scores[2 * one, 2 * one + 1]) for one in range(8)]))


def test_halves_are_drawn_anew_by_the_seed_and_lie_within_the_similarities() -> None:
    data = drawn(8, n=120, persons=15, kinds=1, unknown=0)
    first = person_against_person(data, Exclusions(), seed=0)
    assert np.array_equal(first.genuine, person_against_person(data, Exclusions(), seed=0).genuine)
    assert not np.array_equal(first.genuine, person_against_person(data, Exclusions(), seed=1).genuine)
    scores = similarity(data)
    own = [
        float(scores[i, j])
        for i in range(120)
        for j in range(120)
        if data.persons[i] == data.persons[j] and counts(data, Exclusions(), i, j)
    ]
    assert min(own) <= centres()[first.genuine > 0].min() + 0.01
    assert centres()[first.genuine > 0].max() - 0.01 <= max(own)
    assert first.genuine.sum() == first.persons == 15


def test_nobody_has_two_images() -> None:
    data = drawn(9, n=5, persons=5, kinds=1, unknown=0)
    alone = IdentitySet(data.vectors, np.arange(5), data.kinds, data.studies, np.arange(5))
    found = person_against_person(alone, Exclusions())
    assert found.persons == 0
    assert found.genuine.sum() == 0
    assert found.impostor.sum() == 10
