"""The contract of vector indexes, for each implementation."""

from __future__ import annotations

import numpy as np
import pytest

from caseindex.index.vectors.flat import FlatIndex
from caseindex.index.vectors.hnsw import HnswIndex
from caseindex.index.vectors.ivf import IvfIndex
from tests.contracts.vector_index import Harness, Truth, VectorIndexContract, brute_force


class TestFlat(VectorIndexContract):
    @pytest.fixture
    def harness(self) -> Harness:
        return Harness(
            lambda dim, truth: FlatIndex(dim), lambda folder, mmap, truth: FlatIndex.open(folder, mmap), True
        )


class TestHnsw(VectorIndexContract):
    @pytest.fixture
    def harness(self) -> Harness:
        return Harness(
            HnswIndex, lambda folder, mmap, truth: HnswIndex.open(folder, mmap, vectors=truth), False, recall=0.97
        )


class TestIvfScalar(VectorIndexContract):
    @pytest.fixture
    def harness(self) -> Harness:
        return Harness(
            lambda dim, truth: IvfIndex(dim, truth, code="sq"),
            lambda folder, mmap, truth: IvfIndex.open(folder, mmap, vectors=truth),
            False,
            recall=0.97,
        )


class TestIvfProduct(VectorIndexContract):
    @pytest.fixture
    def harness(self) -> Harness:
        return Harness(
            lambda dim, truth: IvfIndex(dim, truth, code="pq"),
            lambda folder, mmap, truth: IvfIndex.open(folder, mmap, vectors=truth),
            False,
            recall=0.95,
        )


@pytest.mark.parametrize("code", ["sq", pytest.param("pq", marks=pytest.mark.slow)])
def test_many_small_unrelated_clusters(code: str) -> None:
    """Above 1,024 lists a graph finds the centres; clusters smaller than a list and far apart must not be lost."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((1500, 32))
    vectors = (np.repeat(centres, 30, axis=0) + 0.5 * rng.standard_normal((45_000, 32))).astype(np.float32)
    ids = np.arange(1, 45_001, dtype=np.int64)
    truth = Truth(dict(zip(ids.tolist(), vectors, strict=True)))
    index = IvfIndex(32, truth, code=code)
    index.train(vectors[:: len(vectors) // index.training_size(45_000) or 1], 45_000)
    assert index.parameters()["lists"] > 1024
    index.add(ids, vectors)
    queries = (centres[:40] + 0.5 * rng.standard_normal((40, 32))).astype(np.float32)
    expected, _ = brute_force(truth.held, queries, 10)
    found = index.search(queries, 10).ids
    hits = sum(len(set(got) & set(want)) for got, want in zip(found.tolist(), expected.tolist(), strict=True))
    assert hits >= 0.97 * 400
    gone = np.unique(expected[:, 0])
    assert index.remove(gone) == len(gone)
    assert not np.isin(index.search(queries, 10).ids, gone).any()
