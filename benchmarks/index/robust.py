"""Recall of the approximate backends on vectors of other structure than `search_1m.py`'s: is the effort found anew?

    python benchmarks/index/robust.py [--size 100000] [--backends ivf-sq hnsw] [--embeddings FILE.npy ...]

Queries are new draws of the same kind, not stored vectors. Also says what share of the vectors a search compares and
how much faster than the exact one it is, one query at a time. `--embeddings` adds files of [n, dim] vectors, of which
200 become queries.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from caseindex.index.vectors.catalogue import filled
from caseindex.index.vectors.flat import FlatIndex
from caseindex.index.vectors.scoring import unit
from caseindex.protocols import EmbeddingBlock

DIM = 512
QUERIES = 200
BLOCK = 65536


def unrelated(rng: np.random.Generator, count: int, clusters: int, cosine: float) -> np.ndarray:
    """Isotropic clusters around random centres; two vectors of one have about this cosine."""
    centres = rng.standard_normal((clusters, DIM), dtype=np.float32)
    noise = np.float32((1 / cosine - 1) ** 0.5)
    return centres[rng.integers(clusters, size=count)] + noise * rng.standard_normal((count, DIM), dtype=np.float32)


def hierarchical(rng: np.random.Generator, count: int) -> np.ndarray:
    """Twenty groups of fifty groups of some hundred, each level with half the spread of the one above."""
    top = rng.standard_normal((20, DIM), dtype=np.float32)
    middle = np.repeat(top, 50, axis=0) + 0.7 * rng.standard_normal((1000, DIM), dtype=np.float32)
    low = np.repeat(middle, 10, axis=0) + 0.35 * rng.standard_normal((10_000, DIM), dtype=np.float32)
    return low[rng.integers(len(low), size=count)] + 0.17 * rng.standard_normal((count, DIM), dtype=np.float32)


def uneven(rng: np.random.Generator, count: int) -> np.ndarray:
    """Clusters from a handful to a tenth of everything, of different width, in 64 of the dimensions."""
    clusters = 2000
    share = 1 / np.arange(1, clusters + 1)
    which = rng.choice(clusters, count, p=share / share.sum())
    width = rng.uniform(0.2, 1.0, clusters).astype(np.float32)
    plane = rng.standard_normal((64, DIM), dtype=np.float32)
    centres = rng.standard_normal((clusters, 64), dtype=np.float32)
    inside = centres[which] + width[which, None] * rng.standard_normal((count, 64), dtype=np.float32)
    return inside @ plane + 0.5 * rng.standard_normal((count, DIM), dtype=np.float32)


def shapeless(rng: np.random.Generator, count: int) -> np.ndarray:
    """No structure at all, in 24 dimensions of 512: what inverted lists are worst at."""
    plane = rng.standard_normal((24, DIM), dtype=np.float32)
    return rng.standard_normal((count, 24), dtype=np.float32) @ plane


KINDS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "1,000 clusters, cosine 0.5": lambda rng, count: unrelated(rng, count, 1000, 0.5),
    "1,000 clusters, cosine 0.8": lambda rng, count: unrelated(rng, count, 1000, 0.8),
    "one cluster for 4 vectors, cosine 0.65": lambda rng, count: unrelated(rng, count, (count + QUERIES) // 4, 0.65),
    "hierarchical": hierarchical,
    "uneven": uneven,
    "shapeless": shapeless,
}


class Held:
    """The truth, in memory."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors

    def __call__(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return ids, self.vectors[ids - 1]

    def blocks(self) -> Iterator[EmbeddingBlock]:
        for start in range(0, len(self.vectors), BLOCK):
            part = self.vectors[start : start + BLOCK]
            yield EmbeddingBlock(np.arange(start + 1, start + 1 + len(part), dtype=np.int64), part)

    def sample(self, size: int) -> np.ndarray:
        size = min(size, len(self.vectors))
        return self.vectors[np.sort(np.random.default_rng(0).choice(len(self.vectors), size, replace=False))]


def milliseconds(index: Any, queries: np.ndarray) -> float:
    taken = []
    for query in queries[:50]:
        start = time.perf_counter()
        index.search(query[None], 10)
        taken.append(1000 * (time.perf_counter() - start))
    return float(np.median(taken))


def measured(vectors: np.ndarray, backends: list[str]) -> dict[str, Any]:
    vectors = unit(vectors, vectors.shape[1])
    queries, held = vectors[:QUERIES], Held(vectors[QUERIES:])
    exact = FlatIndex(vectors.shape[1])
    for block in held.blocks():
        exact.add(block.ids, block.vectors)
    truth = exact.search(queries, 100).ids
    exact_ms = milliseconds(exact, queries)
    results: dict[str, Any] = {"vectors": len(held.vectors), "dim": vectors.shape[1], "exact_ms": exact_ms}
    for backend in backends:
        start = time.perf_counter()
        index: Any = filled(backend, vectors.shape[1], len(held.vectors), held, held.blocks, held.sample)
        seconds = time.perf_counter() - start
        recalls = {}
        for k in (10, 100):
            found = index.search(queries, k).ids
            recalls[k] = np.mean([len(set(got) & set(want[:k])) / k for got, want in zip(found, truth, strict=True)])
        took = milliseconds(index, queries)
        results[backend] = {
            "recall_at_10": float(recalls[10]),
            "recall_at_100": float(recalls[100]),
            "ms": took,
            "times_faster_than_exact": exact_ms / took,
            "effort": index.effort(10),
            "most_effort": index.most_effort,
            "build_s": seconds,
            "tuning": msgspec.to_builtins(index.tuning),
        }
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--backends", nargs="*", default=["ivf-sq", "hnsw"])
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--embeddings", nargs="*", type=Path, default=[])
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "robust.json")
    given = parser.parse_args()
    results = {}
    for number, kind in enumerate(given.kinds):
        vectors = KINDS[kind](np.random.default_rng(number), given.size + QUERIES)
        results[kind] = measured(vectors, given.backends)
        print(kind, json.dumps(results[kind]), flush=True)
    for path in given.embeddings:
        vectors = np.random.default_rng(0).permutation(np.load(path))
        results[path.stem] = measured(vectors, given.backends)
        print(path.stem, json.dumps(results[path.stem]), flush=True)
    least = {name: min(one[name]["recall_at_10"] for one in results.values()) for name in given.backends}
    document = {
        "what": "recall with the effort that the index found by itself",
        "command": f"python benchmarks/index/robust.py --size {given.size} --backends {' '.join(given.backends)}",
        "cores": os.cpu_count(),
        "load_average_1_5_15_min": os.getloadavg(),
        "least_recall_at_10": least,
        "results": results,
    }
    given.output.parent.mkdir(exist_ok=True)
    given.output.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
