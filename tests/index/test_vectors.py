"""The contract of vector indexes, for each implementation."""

from __future__ import annotations

import pytest

from caseindex.index.vectors.flat import FlatIndex
from caseindex.index.vectors.hnsw import HnswIndex
from caseindex.index.vectors.ivf import IvfIndex
from tests.contracts.vector_index import Harness, VectorIndexContract


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
