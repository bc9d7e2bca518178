"""One hard-negative round over a million embeddings beside the bare FAISS search of the same size.

    python benchmarks/identity/mining.py [--size 1000000] [--queries 2048] [--rounds 3] [--spread 1.0 1.4 1.8]

Embeddings of ``--size`` images of persons with 1 to 7 images each, 128 values, in a file that is mapped into memory.
They lie in clusters: 1,000 kinds of body, persons about them, images about the persons. Both sides fill an exact index
(`IndexFlatIP`) and search it for the same sample of images, evenly spread over the archive, because
all against all takes hours on two cores; the bare side does nothing else (8 neighbours each), ours also looks up every image's own images,
leaves persons out that may be the same, applies the positive-aware guard, and asks again, wider, where nobody is left.
A round's work is the same for every block of images, so the ratio of the searches is that of a whole round; filling is
once in both, and given apart. In alternation; the ratio is of the medians of the processor time, which does not count
what neighbours on the machine take.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import faiss
import numpy as np

from caseindex.records import Float32Array, Int64Array
from caseindex.train import hard_negatives as mining
from caseindex.train.hard_negatives import HardNegatives, hard_negatives, searchable

RESULT = Path(__file__).parent / "results" / "mining.json"
DIM, COUNT = 128, 8
KINDS = 1000


def write_gallery(file: Path, size: int, spread: float) -> Int64Array:
    """[size] the person of each row of ``file``, in random order. ``spread``: of a person's images, where persons of a
    kind are 1 apart."""
    generator = np.random.default_rng(0)
    persons = np.repeat(np.arange(size), generator.integers(1, 8, size))[:size]
    count = int(persons.max()) + 1
    kinds = generator.normal(size=(KINDS, DIM)).astype(np.float32)
    centres = kinds[generator.integers(0, KINDS, count)] + generator.normal(size=(count, DIM)).astype(np.float32)
    persons = generator.permutation(persons)
    rows = np.lib.format.open_memmap(file, "w+", np.float32, (size, DIM))
    for start in range(0, size, 65536):
        some = persons[start : start + 65536]
        values = centres[some] + spread * generator.normal(size=(len(some), DIM)).astype(np.float32)
        rows[start : start + len(some)] = values / np.linalg.norm(values, axis=1, keepdims=True)
    rows.flush()
    return persons


class Asked:
    """An index that counts how many queries it was asked, and how wide."""

    def __init__(self, index: Any) -> None:
        self.index = index
        self.queries: dict[int, int] = {}

    def search(self, queries: Float32Array, k: int) -> Any:
        self.queries[k] = self.queries.get(k, 0) + len(queries)
        return self.index.search(queries, k)


def filled(embeddings: Float32Array) -> Any:
    bare = faiss.IndexFlatIP(DIM)
    for start in range(0, len(embeddings), 65536):
        bare.add(np.ascontiguousarray(embeddings[start : start + 65536]))
    return bare


def bare_search(index: Any, embeddings: Float32Array, anchors: Int64Array) -> None:
    for start in range(0, len(anchors), 4096):
        index.search(np.ascontiguousarray(embeddings[anchors[start : start + 4096]]), COUNT)


def mined(index: Asked, embeddings: Float32Array, persons: Int64Array, anchors: Int64Array) -> HardNegatives:
    """The round on an index that is already filled."""
    mining.searchable = lambda *_, **__: index  # type: ignore[assignment]
    try:
        return hard_negatives(embeddings, persons, persons, anchors=anchors, count=COUNT, positive_aware=0.95)
    finally:
        mining.searchable = searchable


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spread", type=float, nargs="+", default=[1.0, 1.4, 1.8])
    parser.add_argument("--output", type=Path, default=RESULT)
    given = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for spread in given.spread:
            results[f"spread_{spread}"] = measured(Path(folder), given.size, given.queries, given.rounds, spread)
            print(json.dumps(results[f"spread_{spread}"]), flush=True)
    document = {
        "what": f"one hard-negative round, {COUNT} negatives an image, beside a bare exact search for as many neighbours",
        "command": "python benchmarks/identity/mining.py",
        "size": given.size,
        "dim": DIM,
        "queries": given.queries,
        "threads": faiss.omp_get_max_threads(),
        "machine": platform.machine(),
        "faiss": faiss.__version__,
        "results": results,
    }
    given.output.parent.mkdir(exist_ok=True)
    given.output.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    print(json.dumps(document, indent=2))


def measured(folder: Path, size: int, queries: int, rounds: int, spread: float) -> dict[str, Any]:
    file = folder / f"{spread}.npy"
    persons = write_gallery(file, size, spread)
    embeddings = np.load(file, mmap_mode="r")
    anchors = np.linspace(0, size - 1, queries).round().astype(np.int64)
    index, fill = timed(lambda: Asked(searchable(embeddings, "flat")))
    _, bare_fill = timed(lambda: filled(embeddings))
    seconds: dict[str, list[float]] = {"bare": [], "ours": []}
    extra = 0
    for number in range(rounds):
        for name in ("bare", "ours") if number % 2 == 0 else ("ours", "bare"):
            if name == "bare":
                _, took = timed(lambda: bare_search(index.index, embeddings, anchors))
            else:
                index.queries = {}
                with Peak() as peak:
                    found, took = timed(lambda: mined(index, embeddings, persons, anchors))
                extra = max(extra, peak.extra)
            seconds[name].append(took)
    file.unlink()
    ours, plain = statistics.median(seconds["ours"]), statistics.median(seconds["bare"])
    return {
        "ours_over_faiss": ours / plain,
        "median_of_ratios": statistics.median(a / b for a, b in zip(seconds["ours"], seconds["bare"], strict=True)),
        "ours_cpu_s": ours,
        "faiss_cpu_s": plain,
        "fill_cpu_s": fill,
        "faiss_fill_cpu_s": bare_fill,
        "index_mb": 4 * DIM * size / 2**20,
        "memory_beside_the_index_mb": extra / 2**20,
        "queries_by_k": {str(k): count for k, count in index.queries.items()},
        "images_with_all_negatives": float((found.rows >= 0).all(1).mean()),
        "spared_per_image": found.spared / queries,
    }


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    return work(), time.process_time() - start


class Peak:
    """The most memory of the process's own (not the mapped file) above what it held before, looked at 100 times a
    second."""

    def __enter__(self) -> Peak:
        self._done = threading.Event()
        self._before = self.extra = 0
        self._before = _own_bytes()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._done.wait(0.01):
            self.extra = max(self.extra, _own_bytes() - self._before)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


def _own_bytes() -> int:
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon")]
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    sys.exit(main())
