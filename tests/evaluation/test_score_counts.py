"""Similarities counted at three levels, against loops over images and persons."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings

from caseindex.evaluation.identity_set import Exclusions, IdentitySet
from caseindex.evaluation.score_counts import (
    BINS,
    against_persons,
    bins_of,
    centres,
    image_against_image,
    image_against_person,
    person_against_person,
    person_matrix,
)
from tests.evaluation.drawn_identity import counts, drawn, exclusions, sets, similarity


def best_of_persons(data: IdentitySet, left_out: Exclusions) -> np.ndarray:
    """[n, persons] by loops."""
    scores = similarity(data)
    best = np.full((len(data), int(data.persons.max(initial=-1)) + 1), -np.inf, np.float32)
    for one in range(len(data)):
        for two in range(len(data)):
            if counts(data, left_out, one, two):
                best[one, data.persons[two]] = max(best[one, data.persons[two]], scores[one, two])
    return best


def histogram(values: list[float], weights: list[float] | None = None) -> np.ndarray:
    bins = bins_of(np.array(values, np.float32))
    return np.bincount(bins, weights if weights is not None else np.ones(len(values)), minlength=BINS)


@settings(max_examples=20, deadline=None)
@given(sets, exclusions)
def test_the_most_similar_image_of_each_person(data: IdentitySet, left_out: Exclusions) -> None:
    (found,) = against_persons(data, left_out)
    assert np.array_equal(found.best, best_of_persons(data, left_out))


@settings(max_examples=20, deadline=None)
@given(sets, exclusions)
def test_images_against_images(data: IdentitySet, left_out: Exclusions) -> None:
    """A person's images share a weight of one each among their mates; strangers count once a pair."""
    scores, n = similarity(data), len(data)
    own, weights, strange, persons = [], [], [], set()
    for one in range(n):
        mates = [two for two in range(n) if counts(data, left_out, one, two) and data.persons[one] == data.persons[two]]
        own += [float(scores[one, two]) for two in mates]
        weights += [1 / len(mates) for _ in mates]
        persons |= {int(data.persons[one])} if mates else set()
        strange += [
            float(scores[one, two])
            for two in range(one + 1, n)
            if counts(data, left_out, one, two) and data.persons[one] != data.persons[two]
        ]
    found = image_against_image(data, left_out)
    assert found.genuine == pytest.approx(histogram(own, weights))
    assert np.array_equal(found.impostor, histogram(strange))
    assert found.persons == len(persons)


@settings(max_examples=20, deadline=None)
@given(sets, exclusions)
def test_images_against_persons(data: IdentitySet, left_out: Exclusions) -> None:
    best = best_of_persons(data, left_out)
    own: list[float] = []
    strange: list[float] = []
    persons = set()
    for one, person in enumerate(data.persons.tolist()):
        for other in range(best.shape[1]) if person >= 0 else ():
            if np.isfinite(best[one, other]):
                (own if other == person else strange).append(float(best[one, other]))
                persons |= {person} if other == person else set()
    found = image_against_person(data, left_out)
    assert np.array_equal(found.genuine, histogram(own))
    assert np.array_equal(found.impostor, histogram(strange))
    assert found.persons == len(persons)


@settings(max_examples=20, deadline=None)
@given(sets, exclusions)
def test_persons_against_persons(data: IdentitySet, left_out: Exclusions) -> None:
    pairs: dict[tuple[int, int], float] = defaultdict(lambda: -np.inf)
    scores = similarity(data)
    for one in range(len(data)):
        for two in range(len(data)):
            if counts(data, left_out, one, two) and data.persons[one] != data.persons[two]:
                key = (min(data.persons[one], data.persons[two]), max(data.persons[one], data.persons[two]))
                pairs[key] = max(pairs[key], float(scores[one, two]), float(scores[two, one]))
    matrix = person_matrix(data, left_out)
    assert np.array_equal(matrix, matrix.T)
    there = np.argwhere(np.isfinite(matrix) & (np.arange(len(matrix))[:, None] < np.arange(len(matrix))))
    assert {(i, j): matrix[i, j] for i, j in there.tolist()} == {key: np.float32(value) for key, value in pairs.items()}
    assert not np.isfinite(np.diag(matrix)).any()
    assert np.array_equal(person_against_person(data, left_out).impostor, histogram(list(pairs.values())))


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


def test_halves_are_drawn_anew_by_the_seed_and_lie_among_the_person_s_similarities() -> None:
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
    assert not (first.genuine[histogram(own) == 0]).any()
    assert first.genuine.sum() == first.persons == 15


def test_nobody_has_two_images() -> None:
    data = drawn(9, n=5, persons=5, kinds=1, unknown=0)
    alone = IdentitySet(data.vectors, np.arange(5), data.kinds, data.studies, np.arange(5))
    found = person_against_person(alone, Exclusions())
    assert found.persons == 0
    assert found.genuine.sum() == 0
    assert found.impostor.sum() == 10


def test_bins() -> None:
    assert bins_of(np.array([-np.inf, -1.0, 1.0, 0.0])).tolist() == [0, 0, BINS - 1, BINS // 2]
    assert np.array_equal(bins_of(centres()), np.arange(BINS))
    assert np.diff(centres()) == pytest.approx(2 / BINS)
