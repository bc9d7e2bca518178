"""Which pairs count, against one condition after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from caseindex.evaluation import identity_set
from caseindex.evaluation.identity_set import Exclusions, IdentitySet, blocks, numbered
from tests.evaluation.drawn_identity import counts, drawn, exclusions, sets, similarity


def direct(data: IdentitySet, left_out: Exclusions) -> tuple[np.ndarray, np.ndarray]:
    n = len(data)
    counted = np.array([[counts(data, left_out, one, two) for two in range(n)] for one in range(n)])
    return counted, counted & (data.persons[:, None] == data.persons[None, :])


@settings(max_examples=30, deadline=None)
@given(sets, exclusions)
def test_the_masks_of_the_blocks(data: IdentitySet, left_out: Exclusions) -> None:
    (block,) = blocks(data, left_out)
    counted, same = direct(data, left_out)
    assert np.array_equal(block.counted, counted)
    assert np.array_equal(block.same, same)
    assert np.array_equal(block.similarity, similarity(data))
    assert block.rows.tolist() == list(range(len(data)))


def test_persons_that_may_be_one_count_neither_way() -> None:
    data = drawn(3, n=60, persons=6, kinds=1, possibly_same=frozenset({(0, 1), (4, 2), (3, 3)}))
    (block,) = blocks(data, Exclusions(copies=False))
    counted, _ = direct(data, Exclusions(copies=False))
    assert np.array_equal(block.counted, counted)
    first, second = np.flatnonzero(data.persons == 0)[0], np.flatnonzero(data.persons == 1)
    assert not block.counted[first, second].any()
    assert not block.counted[second, first].any()
    assert block.counted[first, data.persons == 2].all()
    assert [partners.tolist() for partners in data.partners()] == [[1], [0], [4], [], [2], []]


def test_several_blocks_are_one_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    data = drawn(4, n=50)
    (whole,) = blocks(data, Exclusions())
    monkeypatch.setattr(identity_set, "_BLOCK_VALUES", 50 * 7)
    parts = list(blocks(data, Exclusions()))
    assert [len(part.rows) for part in parts] == [7] * 7 + [1]
    assert np.array_equal(np.concatenate([part.counted for part in parts]), whole.counted)
    assert np.array_equal(np.concatenate([part.same for part in parts]), whole.same)
    assert np.allclose(np.concatenate([part.similarity for part in parts]), whole.similarity, atol=1e-6)


def test_only_some_ask() -> None:
    data = drawn(5)
    (whole,) = blocks(data, Exclusions())
    (some,) = blocks(data, Exclusions(), np.array([30, 2, 7]))
    assert some.rows.tolist() == [30, 2, 7]
    assert np.array_equal(some.counted, whole.counted[[30, 2, 7]])


def test_a_subset_keeps_the_numbers_of_persons() -> None:
    data = drawn(6, kinds=1, possibly_same=frozenset({(1, 2)}))
    rows = np.flatnonzero(data.persons != 0)
    part = data.subset(rows)
    assert np.array_equal(part.persons, data.persons[rows])
    assert np.array_equal(part.vectors, data.vectors[rows])
    assert np.array_equal(part.studies, data.studies[rows])
    assert part.possibly_same == data.possibly_same
    last = data.subset(np.flatnonzero(data.persons == 1))
    assert [partners.tolist() for partners in last.partners()] == [[], [2], [1]]  # of 2, no image is left
    (block,) = blocks(last, Exclusions(copies=False))
    assert block.same.sum() == block.counted.sum() > 0


def test_an_empty_set_has_no_blocks() -> None:
    data = drawn(7)
    assert list(blocks(data.subset(np.empty(0, np.int64)), Exclusions())) == []
    assert replace(data, persons=np.full(len(data), -1)).partners() == []


def test_numbers_in_order_of_appearance() -> None:
    assert numbered(["x", "x", None, "a", "x", None]).tolist() == [0, 0, -1, 1, 0, -1]


@pytest.mark.parametrize(
    ("given_", "has", "lacks"),
    [
        (Exclusions(), "pixel-identical", "query's study"),
        (Exclusions(same_study=True), "query's study", "nothing"),
        (Exclusions(copies=False), "image itself", "pixel-identical"),
    ],
)
def test_what_is_left_out_is_said(given_: Exclusions, has: str, lacks: str) -> None:
    assert has in given_.words()
    assert lacks not in given_.words()
