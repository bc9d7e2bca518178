"""Every image asks: ranks, MAP@R and R-precision against sorting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from caseindex.evaluation.identity_ranking import pair_search, ranked
from caseindex.evaluation.identity_set import Exclusions, IdentitySet
from tests.evaluation.drawn_identity import counts, drawn, exclusions, sets, similarity


def by_hand(data: IdentitySet, left_out: Exclusions, query: int) -> tuple[int, float, float] | None:
    """(rank of the first own image, MAP@R, R-precision), from one sorted list; a stranger of equal similarity first."""
    scores = similarity(data)[query]
    others = [row for row in range(len(data)) if counts(data, left_out, query, row)]
    own = {row for row in others if data.persons[row] == data.persons[query]}
    if not own:
        return None
    order = sorted(others, key=lambda row: (-scores[row], row in own))
    right = [row in own for row in order]
    precisions = [sum(right[: place + 1]) / (place + 1) if right[place] else 0.0 for place in range(len(own))]
    return right.index(True) + 1, sum(precisions) / len(own), sum(right[: len(own)]) / len(own)


@settings(max_examples=30, deadline=None)
@given(sets, exclusions)
def test_against_sorting_by_hand(data: IdentitySet, left_out: Exclusions) -> None:
    found = ranked(data, left_out)
    expected = {row: answer for row in range(len(data)) if (answer := by_hand(data, left_out, row)) is not None}
    assert found.queries.tolist() == list(expected)
    assert found.first.tolist() == [answer[0] for answer in expected.values()]
    assert found.map_at_r == pytest.approx([answer[1] for answer in expected.values()])
    assert found.r_precision == pytest.approx([answer[2] for answer in expected.values()])
    assert found.persons.tolist() == data.persons[found.queries].tolist()
    assert found.gallery == int((data.persons >= 0).sum())


def on_a_circle(*degrees: float, persons: list[int]) -> IdentitySet:
    angles = np.radians(degrees)
    n = len(degrees)
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    return IdentitySet(vectors, np.array(persons), np.zeros(n, int), np.arange(n), np.arange(n))


def test_map_at_r_of_a_worked_example() -> None:
    """The query has three own images at ranks 1, 3 and 5: MAP@R = (1/1 + 0 + 2/3) / 3, R-precision 2/3."""
    data = on_a_circle(0, 1, 2, 3, 4, 5, persons=[0, 0, 1, 0, 2, 0])
    found = ranked(data, queries=np.array([0]))
    assert found.first.tolist() == [1]
    assert found.map_at_r.tolist() == pytest.approx([(1 + 2 / 3) / 3])
    assert found.r_precision.tolist() == pytest.approx([2 / 3])
    assert found.top(1).tolist() == [1.0]


def test_a_stranger_of_equal_similarity_stands_first() -> None:
    data = on_a_circle(0, 5, 5, persons=[0, 0, 1])
    found = ranked(data, queries=np.array([0]))
    assert found.first.tolist() == [2]
    assert found.map_at_r.tolist() == [0.0]
    assert found.top(1).tolist() == [0.0]
    assert found.top(5).tolist() == [1.0]


def test_images_alone_are_distractors_and_do_not_ask() -> None:
    data = on_a_circle(0, 10, 3, 90, persons=[0, 0, 1, 2])
    found = ranked(data)
    assert found.queries.tolist() == [0, 1]
    assert found.gallery == 4
    assert found.first.tolist() == [2, 2]


def test_the_pair_protocol_of_all_patients_by_hand() -> None:
    """Everybody asks, one pair each: the gallery is the pairs, and the rank of the pair can be counted."""
    generator = np.random.default_rng(0)
    vectors = np.repeat(generator.normal(size=(30, 5)), 2, axis=0) + generator.normal(size=(60, 5))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    data = IdentitySet(vectors, np.repeat(np.arange(30), 2), np.zeros(60, int), np.arange(60), np.arange(60))
    found, persons, size = pair_search(data, queries=30, gallery=None, seed=4)
    assert size == 30
    assert sorted(persons.tolist()) == list(range(30))
    scores = similarity(data)
    # Which image asks is drawn: the two ways round bound what was found.
    ways = np.array(
        [
            [
                sum(scores[ask, other] >= scores[ask, mate] for other in answering if other != mate) + 1
                for ask, mate in ((2 * one, 2 * one + 1), (2 * one + 1, 2 * one))
                for answering in [range(60)]
            ]
            for one in persons.tolist()
        ]
    )
    for n, row in found.items():
        assert row.shape == (30,)
        # A gallery of one image a person never ranks a pair worse than one of both images does.
        assert (row >= (ways.max(1) <= n)).all()
    assert found[30].tolist() == [1.0] * 30
    assert found[1].sum() <= found[5].sum() <= found[10].sum()


def test_the_pair_protocol_holds_as_many_queries_and_images_as_asked() -> None:
    data = drawn(1, n=400, persons=120, kinds=1, unknown=0)
    found, persons, size = pair_search(data, queries=25, gallery=60, seed=0)
    assert len(persons) == len(set(persons.tolist())) == 25
    assert size == 60
    assert all(len(row) == 25 for row in found.values())
    again, same, _ = pair_search(data, queries=25, gallery=60, seed=0)
    assert same.tolist() == persons.tolist()
    assert all((again[n] == found[n]).all() for n in found)
    _, others, _ = pair_search(data, queries=25, gallery=60, seed=1)
    assert others.tolist() != persons.tolist()
    _, _, whole = pair_search(data, queries=25, gallery=None, seed=0)
    assert whole == len(np.unique(data.persons))


def test_the_pair_protocol_finds_perfect_pairs_and_not_random_ones() -> None:
    perfect = drawn(2, n=300, persons=100, kinds=1, unknown=0, spread=0.01, dim=32)
    found, _, _ = pair_search(perfect, queries=50, gallery=None, seed=0)
    assert found[1].mean() == 1.0
    blind = drawn(2, n=300, persons=100, kinds=1, unknown=0, spread=1e6, dim=32)
    found, _, size = pair_search(blind, queries=50, gallery=None, seed=0, exclusions=Exclusions())
    assert found[5].mean() < 0.3
    assert size == len(np.unique(blind.persons))


def test_pairs_of_one_study_copies_and_kinds_are_no_pairs() -> None:
    vectors = np.eye(8, dtype=np.float32)
    persons = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    kinds = np.array([0, 1, 0, 0, 0, 0, 0, 0])
    studies = np.array([0, 1, 2, 2, 4, 5, 6, 7])
    copies = np.array([0, 1, 2, 3, 4, 4, 6, 7])
    data = IdentitySet(vectors, persons, kinds, studies, copies)
    _, asking, _ = pair_search(data, queries=8, gallery=None, seed=0, exclusions=Exclusions(same_study=True))
    assert asking.tolist() == [3]
    _, asking, _ = pair_search(data, queries=8, gallery=None, seed=0, exclusions=Exclusions(copies=False))
    assert sorted(asking.tolist()) == [1, 2, 3]


def test_nobody_to_ask_is_no_error() -> None:
    data = on_a_circle(0, 40, persons=[0, 1])
    found, persons, size = pair_search(data, queries=3, gallery=None, seed=0)
    assert not len(persons)
    assert size == 2
    assert all(not len(row) for row in found.values())
    assert not len(ranked(data).queries)
