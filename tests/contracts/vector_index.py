"""What every :class:`~caseindex.protocols.VectorIndex` does, compared by value with brute force in numpy.

A test module inherits :class:`VectorIndexContract` and gives a ``harness``; the reference below shares no code with the
package: cosine in float64, rounded to float32, ordered by similarity and then id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caseindex.errors import IndexDamaged, IndexMismatch, VectorIndexError


def brute_force(
    held: dict[int, np.ndarray], queries: np.ndarray, k: int, allowed: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """([queries, k] ids, similarities), -1 and -inf where there are fewer."""
    ids = np.array(sorted(held if allowed is None else set(held) & {int(one) for one in allowed}), np.int64)
    found = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    if len(ids):
        gallery = unit(np.stack([held[int(one)] for one in ids]))
        for row, query in enumerate(unit(queries)):
            similarity = np.clip(gallery.astype(np.float64) @ query.astype(np.float64), -1, 1).astype(np.float32)
            order = np.lexsort((ids, -similarity))[:k]
            found[row, : len(order)] = ids[order]
            scores[row, : len(order)] = similarity[order]
    return found, scores


def unit(vectors: np.ndarray) -> np.ndarray:
    wide = vectors.astype(np.float64)
    return (wide / np.sqrt((wide * wide).sum(axis=1, keepdims=True))).astype(np.float32)


@dataclass
class Truth:
    """The exact vectors that approximate indexes re-score with."""

    held: dict[int, np.ndarray] = field(default_factory=dict)

    def __call__(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = [int(one) for one in ids if int(one) in self.held]
        if not found:
            return np.empty(0, np.int64), np.empty((0, 0), np.float32)
        return np.array(found, np.int64), np.stack([self.held[one] for one in found])


@dataclass(frozen=True)
class Harness:
    make: Callable[[int, Truth], Any]
    open: Callable[[Path, bool, Truth], Any]
    exact: bool
    recall: float = 1.0  # at 10, on clustered vectors


def filled(harness: Harness, ids: np.ndarray, vectors: np.ndarray) -> tuple[Any, Truth]:
    truth = Truth({int(one): vector for one, vector in zip(ids, vectors, strict=True)})
    index = harness.make(vectors.shape[1], truth)
    index.add(ids, vectors)
    return index, truth


def clustered(count: int, dim: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((max(1, count // 40), dim))
    spread = 0.6 * rng.standard_normal((count, dim))
    return (centres[rng.integers(len(centres), size=count)] + spread).astype(np.float32)


# One test for several implementations: the harness is the same for all examples of one class.
_INHERITED = [HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]

# Few distinct small whole numbers: many equal directions, opposite ones and ties at the k-th place.
_vectors = st.integers(1, 6).flatmap(
    lambda dim: st.lists(
        st.lists(st.integers(-2, 2), min_size=dim, max_size=dim).filter(any), min_size=1, max_size=40
    ).map(lambda rows: np.array(rows, np.float32))
)


class VectorIndexContract:
    @pytest.fixture
    def harness(self) -> Harness:
        raise NotImplementedError

    @given(vectors=_vectors, k=st.integers(1, 50), seed=st.integers(0, 2**32 - 1), steps=st.integers(1, 4))
    @settings(max_examples=60, deadline=None, suppress_health_check=_INHERITED)
    def test_small_equals_brute_force_with_ties_filters_and_removals(
        self, harness: Harness, vectors: np.ndarray, k: int, seed: int, steps: int
    ) -> None:
        """Small sets are exact in every implementation: also an approximate one scores few vectors exactly."""
        rng = np.random.default_rng(seed)
        ids = rng.choice(200, len(vectors), replace=False).astype(np.int64)
        truth = Truth()
        index = harness.make(vectors.shape[1], truth)
        held: dict[int, np.ndarray] = {}
        for part in np.array_split(np.arange(len(ids)), steps):
            for at in part:
                held[int(ids[at])] = truth.held[int(ids[at])] = vectors[at]
            index.add(ids[part], vectors[part])
            if held and rng.random() < 0.5:
                gone = rng.choice(list(held), rng.integers(0, len(held) + 1), replace=False)
                assert index.remove(np.append(gone, [777, 777])) == len(gone)
                for one in gone:
                    del held[int(one)]
            assert len(index) == len(held)
            allowed = None if rng.random() < 0.4 else rng.integers(0, 220, rng.integers(0, 120))
            queries = vectors[rng.integers(len(vectors), size=3)] + rng.integers(-1, 2, (3, vectors.shape[1]))
            queries = queries[np.abs(queries).sum(axis=1) > 0].astype(np.float32)
            answer = index.search(queries, k, allowed)
            expected_ids, expected = brute_force(held, queries, k, allowed)
            np.testing.assert_array_equal(answer.ids, expected_ids)
            np.testing.assert_array_equal(answer.similarities, expected)
            assert answer.ids.dtype == np.int64
            assert answer.similarities.dtype == np.float32

    def test_many_with_equal_vectors(self, harness: Harness) -> None:
        """6,000 vectors of which 3,000 are the same: the lowest ids of the equal ones come first."""
        vectors = clustered(6000, 16)
        vectors[1000:4000] = vectors[1000]
        ids = np.random.default_rng(1).permutation(6000).astype(np.int64)
        index, truth = filled(harness, ids, vectors)
        answer = index.search(vectors[1000:1001], 5)
        expected_ids, expected = brute_force(truth.held, vectors[1000:1001], 5)
        np.testing.assert_array_equal(answer.similarities, expected)
        if harness.exact:
            np.testing.assert_array_equal(answer.ids, expected_ids)

    @pytest.mark.parametrize("share", [1.0, 0.9, 0.3, 0.02, 0.0005])
    def test_filters_on_many(self, harness: Harness, share: float) -> None:
        vectors = clustered(20_000, 32)
        ids = np.arange(20_000, dtype=np.int64) * 3 + 1
        index, truth = filled(harness, ids, vectors)
        rng = np.random.default_rng(2)
        allowed = ids[rng.random(len(ids)) < share]
        queries = vectors[rng.integers(len(vectors), size=30)] + 0.1 * rng.standard_normal((30, 32)).astype(np.float32)
        answer = index.search(queries, 10, allowed)
        expected_ids, expected = brute_force(truth.held, queries, 10, allowed)
        _compare(harness, answer, expected_ids, expected)
        assert np.isin(answer.ids[answer.ids >= 0], allowed).all()

    def test_a_filter_far_from_the_query_gives_k(self, harness: Harness) -> None:
        """The allowed lie on the other side of the sphere: k asked are k given."""
        rng = np.random.default_rng(3)
        near = rng.standard_normal((12_000, 24)) * 0.2 + np.eye(24)[0] * 3
        far = rng.standard_normal((6_000, 24)) * 0.2 - np.eye(24)[0] * 3
        vectors = np.vstack([near, far]).astype(np.float32)
        ids = np.arange(18_000, dtype=np.int64)
        index, _ = filled(harness, ids, vectors)
        answer = index.search(vectors[:5], 50, ids[12_000:])
        assert (answer.ids >= 12_000).all()
        assert np.isfinite(answer.similarities).all()
        assert all(len(set(row)) == 50 for row in answer.ids.tolist())

    def test_recall_and_order(self, harness: Harness) -> None:
        vectors = clustered(20_000, 48)
        ids = np.arange(1, 20_001, dtype=np.int64)
        index, truth = filled(harness, ids, vectors)
        rng = np.random.default_rng(4)
        queries = vectors[::500] + 0.2 * rng.standard_normal((40, 48)).astype(np.float32)
        answer = index.search(queries, 10)
        _compare(harness, answer, *brute_force(truth.held, queries, 10))
        gone = np.unique(answer.ids[:, 0])
        assert index.remove(gone) == len(gone)
        for one in gone:
            del truth.held[int(one)]
        again = index.search(queries, 10)
        assert not np.isin(again.ids, gone).any()
        _compare(harness, again, *brute_force(truth.held, queries, 10))

    def test_save_and_open(self, harness: Harness, tmp_path: Path) -> None:
        vectors = clustered(5_000, 20)
        ids = np.arange(5_000, dtype=np.int64)
        index, truth = filled(harness, ids, vectors)
        index.remove(ids[:50])
        queries = vectors[:20]
        before = index.search(queries, 7)
        index.save(tmp_path / "one")
        for mmap in (True, False):
            opened = harness.open(tmp_path / "one", mmap, truth)
            assert len(opened) == 4_950
            after = opened.search(queries, 7)
            np.testing.assert_array_equal(after.ids, before.ids)
            np.testing.assert_array_equal(after.similarities, before.similarities)
            extra = clustered(30, 20, seed=9)
            numbers = np.arange(9_000, 9_030, dtype=np.int64)
            truth.held.update(zip(numbers.tolist(), extra, strict=True))
            opened.add(numbers, extra)
            opened.remove(np.array([60, 61]))
            opened.save(tmp_path / f"two-{mmap}")
            again = harness.open(tmp_path / f"two-{mmap}", True, truth)
            assert len(again) == 4_978
            assert again.search(extra, 1).ids[:, 0].tolist() == numbers.tolist()
            assert not np.isin([60, 61], again.search(vectors[60:62], 20).ids).any()
        with pytest.raises((IndexDamaged, FileExistsError)):
            harness.open(tmp_path / "absent", True, truth)

    def test_empty(self, harness: Harness, tmp_path: Path) -> None:
        index = harness.make(4, Truth())
        answer = index.search(np.ones((2, 4), np.float32), 3)
        assert answer.ids.tolist() == [[-1] * 3] * 2
        assert np.isneginf(answer.similarities).all()
        index.add(np.empty(0, np.int64), np.empty((0, 4), np.float32))
        assert len(index) == 0
        assert index.remove(np.array([1, 2])) == 0
        index.save(tmp_path / "empty")
        assert len(harness.open(tmp_path / "empty", True, Truth())) == 0

    def test_nothing_allowed_and_no_queries(self, harness: Harness) -> None:
        index, _ = filled(harness, np.array([5, 6]), np.eye(2, dtype=np.float32))
        for allowed in (np.empty(0, np.int64), np.array([1, 99, -1])):
            assert (index.search(np.ones((1, 2), np.float32), 2, allowed).ids == -1).all()
        assert index.search(np.empty((0, 2), np.float32), 2).ids.shape == (0, 2)

    def test_add_after_remove_finds_the_new_vector(self, harness: Harness) -> None:
        index, truth = filled(harness, np.array([5, 6]), np.eye(2, dtype=np.float32))
        index.remove(np.array([5]))
        truth.held[5] = np.array([-1, 0], np.float32)
        index.add(np.array([5]), np.array([[-1, 0]], np.float32))
        answer = index.search(np.array([[-1, 0]], np.float32), 2)
        assert answer.ids.tolist() == [[5, 6]]
        assert answer.similarities.tolist() == [[1.0, 0.0]]

    @pytest.mark.parametrize("k", [0, -1, 1.5, True])
    def test_k_has_to_be_a_positive_whole_number(self, harness: Harness, k: Any) -> None:
        index, _ = filled(harness, np.array([5]), np.ones((1, 2), np.float32))
        with pytest.raises(ValueError, match="k must be"):
            index.search(np.ones((1, 2), np.float32), k)

    def test_wrong_dimension(self, harness: Harness) -> None:
        index, _ = filled(harness, np.array([5]), np.ones((1, 2), np.float32))
        with pytest.raises(IndexMismatch, match="3 dimensions"):
            index.search(np.ones((1, 3), np.float32), 1)
        with pytest.raises(IndexMismatch, match="embed"):
            index.add(np.array([6]), np.ones((1, 3), np.float32))
        with pytest.raises(ValueError, match="shape"):
            index.search(np.ones(2, np.float32), 1)
        assert len(index) == 1

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 0.0])
    def test_vectors_without_a_direction(self, harness: Harness, bad: float) -> None:
        index, _ = filled(harness, np.array([5]), np.ones((1, 2), np.float32))
        given_vectors = np.array([[1, 0], [0, bad]], np.float32)
        with pytest.raises(VectorIndexError, match="vector 1 of 2"):
            index.add(np.array([6, 7]), given_vectors)
        with pytest.raises(VectorIndexError, match="query 1 of 2"):
            index.search(given_vectors, 1)
        assert len(index) == 1
        assert index.search(np.ones((1, 2), np.float32), 2).ids.tolist() == [[5, -1]]

    def test_extreme_lengths(self, harness: Harness) -> None:
        vectors = np.array([[1e-40, 0], [0, 3e38], [3e38, 3e38]], np.float32)
        index, _ = filled(harness, np.array([1, 2, 3]), vectors)
        answer = index.search(vectors, 1)
        assert answer.ids[:, 0].tolist() == [1, 2, 3]
        np.testing.assert_array_equal(answer.similarities[:, 0] >= 0.9999998, True)

    @pytest.mark.parametrize(
        ("ids", "words"),
        [
            ([5], "in the index already"),
            ([7, 7], "twice"),
            ([-1], "negative"),
            ([[1]], "one-dimensional"),
            ([1.5], "whole"),
        ],
    )
    def test_ids_that_cannot_be(self, harness: Harness, ids: Any, words: str) -> None:
        index, _ = filled(harness, np.array([5]), np.ones((1, 2), np.float32))
        with pytest.raises(ValueError, match=words):
            index.add(np.array(ids), np.ones((len(ids), 2), np.float32))
        with pytest.raises(ValueError, match="2 ids for 1"):
            index.add(np.array([8, 9]), np.ones((1, 2), np.float32))
        assert len(index) == 1

    def test_ids_of_64_bits(self, harness: Harness) -> None:
        ids = np.array([2**62, 3, 2**40], np.int64)
        index, _ = filled(harness, ids, np.eye(3, dtype=np.float32))
        assert index.search(np.eye(3, dtype=np.float32), 1, ids).ids[:, 0].tolist() == ids.tolist()
        assert index.remove(np.array([2**62])) == 1
        with pytest.raises(ValueError, match="already"):
            index.add(np.array([2**40]), np.ones((1, 3), np.float32))

    def test_the_callers_arrays_stay_his(self, harness: Harness) -> None:
        vectors = np.array([[3, 0], [0, 4]], np.float32)
        ids = np.array([1, 2])
        queries = np.array([[2, 1]], np.float32)
        index, _ = filled(harness, ids, vectors)
        index.search(queries, 1)
        np.testing.assert_array_equal(vectors, [[3, 0], [0, 4]])
        np.testing.assert_array_equal(queries, [[2, 1]])


def _compare(harness: Harness, answer: Any, expected_ids: np.ndarray, expected: np.ndarray) -> None:
    if harness.exact:
        np.testing.assert_array_equal(answer.ids, expected_ids)
        np.testing.assert_array_equal(answer.similarities, expected)
        return
    assert ((answer.ids >= 0) == (expected_ids >= 0)).all()
    wanted = int((expected_ids >= 0).sum())
    hits = sum(
        len(set(got) & set(want) - {-1}) for got, want in zip(answer.ids.tolist(), expected_ids.tolist(), strict=True)
    )
    assert hits >= harness.recall * wanted
    assert (np.diff(answer.similarities, axis=1)[np.isfinite(answer.similarities[:, 1:])] <= 0).all()
    for row in range(len(answer.ids)):
        exact = dict(zip(expected_ids[row].tolist(), expected[row].tolist(), strict=True))
        for one, score in zip(answer.ids[row].tolist(), answer.similarities[row].tolist(), strict=True):
            if one in exact:
                assert score == exact[one]  # re-scored exactly
