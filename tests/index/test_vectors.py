"""The contract of vector indexes, for each implementation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caseindex.index.vectors.flat import FlatIndex
from caseindex.index.vectors.hnsw import HnswIndex
from caseindex.index.vectors.ivf import IvfIndex
from caseindex.protocols import EmbeddingBlock
from tests.contracts.vector_index import Harness, Truth, VectorIndexContract, brute_force


class TestFlat(VectorIndexContract):
    @pytest.fixture
    def harness(self) -> Harness:
        return Harness(
            lambda dim, truth: FlatIndex(dim), lambda folder, mmap, truth: FlatIndex.open(folder, mmap), True
        )


@pytest.mark.slow  # test_vectors_archive.py has quick ones of it
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


@pytest.mark.slow
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
    """Fewer lists than clusters: the effort that was measured still finds the neighbours."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((600, 32))
    vectors = (np.repeat(centres, 30, axis=0) + 0.5 * rng.standard_normal((18_000, 32))).astype(np.float32)
    ids = np.arange(1, 18_001, dtype=np.int64)
    truth = Truth(dict(zip(ids.tolist(), vectors, strict=True)))
    index = IvfIndex(32, truth, code=code)
    index.train(vectors[::3], 18_000)
    assert 64 < index.parameters()["lists"] < 600
    index.add(ids, vectors)
    assert index.out_of_tune
    index.tune(vectors[5::50], [EmbeddingBlock(ids, vectors)])
    assert not index.out_of_tune
    assert index.tuning is not None
    assert index.tuning.of(10).recall >= 0.97
    queries = (centres[:40] + 0.5 * rng.standard_normal((40, 32))).astype(np.float32)
    expected, _ = brute_force(truth.held, queries, 10)
    found = index.search(queries, 10).ids
    hits = sum(len(set(got) & set(want)) for got, want in zip(found.tolist(), expected.tolist(), strict=True))
    assert hits >= 0.95 * 400
    gone = np.unique(expected[:, 0])
    assert index.remove(gone) == len(gone)
    assert not np.isin(index.search(queries, 10).ids, gone).any()


@pytest.mark.parametrize("make", [pytest.param(HnswIndex, marks=pytest.mark.slow), IvfIndex])
def test_the_effort_follows_the_vectors(make: type[HnswIndex | IvfIndex], tmp_path: Path) -> None:
    """Vectors without any clusters need far more effort than a few tight clusters; it is kept in the file, grows with
    k and with a filter, and is measured again when many vectors have come."""
    rng = np.random.default_rng(1)
    shapeless = rng.standard_normal((6000, 24)).astype(np.float32)
    tight = (np.repeat(rng.standard_normal((20, 24)), 300, axis=0) + 0.1 * rng.standard_normal((6000, 24))).astype(
        np.float32
    )
    ids = np.arange(1, 6001, dtype=np.int64)
    made = []
    for vectors in (shapeless, tight):
        index = make(24, Truth(dict(zip(ids.tolist(), vectors, strict=True))))
        index.train(vectors[:4096], 6000)
        index.add(ids, vectors)
        index.tune(vectors[::30], [EmbeddingBlock(ids, vectors)])
        made.append(index)
    hard, easy = made
    assert hard.tuning is not None
    assert easy.tuning is not None
    assert hard.tuning.of(10).recall >= 0.97
    assert easy.tuning.of(10).recall >= 0.97
    if make is IvfIndex:
        assert hard.effort(10) >= 4 * easy.effort(10)
    assert hard.effort(5) == hard.effort(10) <= hard.effort(100) <= hard.effort(1000)
    assert hard.effort(10, share=0.1) > hard.effort(10)
    easy.save(tmp_path / "v")
    again = make.open(tmp_path / "v", vectors=easy.vectors)
    assert again.tuning == easy.tuning
    assert not again.out_of_tune
    again.add(ids + 6000, shapeless)
    assert again.out_of_tune
