"""Similarities counted at three levels, against loops over images and persons."""

from __future__ import annotations

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
)
from tests.evaluation.drawn_identity import counts, exclusions, sets, similarity


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


def test_bins() -> None:
    assert bins_of(np.array([-np.inf, -1.0, 1.0, 0.0])).tolist() == [0, 0, BINS - 1, BINS // 2]
    assert np.array_equal(bins_of(centres()), np.arange(BINS))
    assert np.diff(centres()) == pytest.approx(2 / BINS)
