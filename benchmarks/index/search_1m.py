"""One search call on 1,000,000 x 512 clustered vectors: ours beside the bare faiss call, exact and approximate.

    python benchmarks/index/search_1m.py [--size 1000000] [--backends flat ivf-sq] [--output FILE]

Makes an archive in a temporary folder (LMDB and the index files: about 5 GB for a million), opens each index through
`open_index`, and measures single queries in alternation with the bare call in the same run: medians and their ratio.
Goals: exact within 10% of faiss; approximate with recall@10 of at least 0.95 at 20 times less time than exact, within
10% of its bare faiss call with the same parameters.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faiss
import msgspec
import numpy as np

from caseindex.index.archive import Archive
from caseindex.index.search_index import open_index
from caseindex.index.store import LmdbStore
from caseindex.index.vectors.scoring import unit
from caseindex.protocols import VectorIndex
from caseindex.records import Image, ItemKind
from caseindex.settings import Settings, dump_settings

DIM = 512
MODEL = "benchmark"
BLOCK = 25_000


class Mixture:
    """Clusters of about 50 around random centres; inside a cluster the vectors differ along 48 shared directions and,
    a little, along all: the nearest neighbours are those of the own cluster, in a meaningful order."""

    def __init__(self, size: int) -> None:
        rng = np.random.default_rng(0)
        self.centres = rng.standard_normal((max(1, size // 50), DIM), dtype=np.float32)
        self.directions = rng.standard_normal((48, DIM), dtype=np.float32)

    def drawn(self, count: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng([1, seed])
        cluster = rng.integers(len(self.centres), size=count)
        along = rng.standard_normal((count, len(self.directions)), dtype=np.float32) @ self.directions
        around = rng.standard_normal((count, DIM), dtype=np.float32)
        return unit(self.centres[cluster] + 0.1 * along + 0.25 * around, DIM)


def blocks(mixture: Mixture, size: int) -> Iterator[np.ndarray]:
    for seed, start in enumerate(range(0, size, BLOCK)):
        yield mixture.drawn(min(BLOCK, size - start), seed)


def make_archive(folder: Path, mixture: Mixture, size: int) -> Archive:
    folder.mkdir(exist_ok=True)
    (folder / "archive.toml").write_text(dump_settings(Settings()), "utf-8")
    store = LmdbStore(folder / "cases.lmdb")
    number = 0
    for vectors in blocks(mixture, size):
        uids = [f"{number + at:09d}" for at in range(len(vectors))]
        store.put(images=[Image(image_uid=uid, study_uid=uid[:-1], file="", source="") for uid in uids])
        store.put_embeddings(MODEL, ItemKind.IMAGE, uids, vectors)
        number += len(vectors)
    store.close()
    return Archive.open(folder)


def alternated(calls: dict[str, Callable[[np.ndarray], object]], queries: np.ndarray, rounds: int) -> dict[str, Any]:
    """Milliseconds of each call, one query at a time, taken in turns in a changing order."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for turn in range(rounds + 2):
        query = queries[turn % len(queries)][None]
        for name in names if turn % 2 else reversed(names):
            start = time.perf_counter()
            calls[name](query)
            if turn >= 2:
                taken[name].append(1000 * (time.perf_counter() - start))
    return {
        name: {"median_ms": float(np.median(values)), "p90_ms": float(np.percentile(values, 90)), "calls": len(values)}
        for name, values in taken.items()
    }


def bare_call(index: Any, k: int) -> Callable[[np.ndarray], object]:
    """faiss's own `search` alone on the same index, with the parameters made beforehand: comparison with every centre,
    the scan of the same lists, as many candidates. Not in it: exact scores from the archive, filters, ids."""
    pool, faiss_index = index.pool(k), index._index
    parameters = index.faiss_parameters(index.effort(k), None)
    return lambda query: faiss_index.search(query, pool, params=parameters)


def timed(make: Callable[[], VectorIndex]) -> tuple[Any, float]:
    start = time.perf_counter()
    index = make()
    return index, time.perf_counter() - start


def folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def measured(archive: Archive, mixture: Mixture, size: int, backends: list[str], rounds: int) -> dict[str, Any]:
    queries = mixture.drawn(200, seed=1_000_000)
    results: dict[str, Any] = {}
    exact, seconds = timed(lambda: open_index(archive, MODEL, ItemKind.IMAGE, DIM, "flat"))
    _, again = timed(lambda: open_index(archive, MODEL, ItemKind.IMAGE, DIM, "flat"))
    bare: Any = faiss.IndexFlatIP(DIM)
    for vectors in blocks(mixture, size):
        bare.add(vectors)
    truth = exact.search(queries, 10).ids
    calls = {"ours": lambda query: exact.search(query, 10), "faiss": lambda query: bare.search(query, 10)}
    exact_times = alternated(calls, queries, rounds)
    results["flat"] = {
        **exact_times,
        "ours_over_faiss": exact_times["ours"]["median_ms"] / exact_times["faiss"]["median_ms"],
        "build_s": seconds,
        "open_s": again,
        "equal_to_faiss": float(np.mean(bare.search(queries, 10)[1] + 1 == truth)),
    }
    bare = None
    for backend in backends:
        if backend == "flat":
            continue
        stood = any(path.name.endswith(backend) for path in (archive.indexes_dir / "vectors").iterdir())
        index, seconds = timed(lambda name=backend: open_index(archive, MODEL, ItemKind.IMAGE, DIM, name))
        index, again = timed(lambda name=backend: open_index(archive, MODEL, ItemKind.IMAGE, DIM, name))
        answer = np.vstack([index.search(query[None], 10).ids for query in queries])
        recall = np.mean(
            [len(set(got) & set(want)) / 10 for got, want in zip(answer.tolist(), truth.tolist(), strict=True)]
        )
        few = queries[: max(5, rounds // 10)]
        in_turn = alternated(
            {"ours": lambda query, index=index: index.search(query, 10), "faiss": bare_call(index, 10)},
            queries,
            10 * rounds,
        )
        exact_now = alternated({"exact": lambda query: exact.search(query, 10)}, few, len(few))["exact"]["median_ms"]
        results[backend] = {
            **in_turn,
            "ours_over_faiss": in_turn["ours"]["median_ms"] / in_turn["faiss"]["median_ms"],
            "times_faster_than_exact": exact_now / in_turn["ours"]["median_ms"],
            "recall_at_10": float(recall),
            "build_s": None if stood else seconds,
            "open_s": again,
            "parameters": {**index.parameters(), "visited": index.effort(10), "candidates": index.pool(10)},
            "tuning": msgspec.to_builtins(index.tuning),
        }
        del index
        print(json.dumps({backend: results[backend]}), flush=True)
    for path in sorted((archive.indexes_dir / "vectors").iterdir()):
        backend = next(name for name in results if path.name.endswith(name))
        results[backend]["bytes"] = folder_bytes(path)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--backends", nargs="*", default=["flat", "ivf-sq", "ivf-pq"])
    parser.add_argument("--rounds", type=int, default=40, help="exact calls; approximate ones are ten times as many")
    parser.add_argument("--threads", type=int, default=0, help="0: faiss's own choice")
    parser.add_argument("--archive", type=Path, help="keep the archive here, and use it if it is there")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    if given.threads:
        faiss.omp_set_num_threads(given.threads)
    mixture = Mixture(given.size)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.archive or Path(temporary) / "archive"
        start = time.perf_counter()
        archive = (
            Archive.open(folder) if (folder / "archive.toml").exists() else make_archive(folder, mixture, given.size)
        )
        print(f"archive of {given.size:,}: {time.perf_counter() - start:.0f} s", flush=True)
        results = measured(archive, mixture, given.size, given.backends, given.rounds)
    document = {
        "what": "one search call, k = 10, one query at a time",
        "command": f"python benchmarks/index/search_1m.py --size {given.size} --backends {' '.join(given.backends)}",
        "size": given.size,
        "dim": DIM,
        "threads": faiss.omp_get_max_threads(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "faiss": faiss.__version__,
        "load_average_1_5_15_min": os.getloadavg(),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "results": results,
    }
    output = given.output or Path(__file__).parent / "results" / f"search_{given.size}.json"
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
