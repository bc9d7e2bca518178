"""Damages the files of a vector index thousands of times and compares every answer with brute force.

    python benchmarks/index/damage.py [--times 2000] [--output FILE]

Each time one file of the index of a small archive (manifest, CURRENT, vectors, ids, faiss structure) is truncated, has
a bit flipped, is emptied, exchanged for another, deleted, partly zeroed, lengthened, replaced by the same file of
another archive, or of an older version; then the index is opened through the archive, and a search is compared with
brute force. Expected: 0 wrong answers, 0 other errors.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from caseindex.index.search_index import open_index
from caseindex.index.store import LmdbStore
from caseindex.index.vectors.catalogue import BACKENDS
from caseindex.records import Image, ItemKind
from caseindex.settings import Settings

DIM = 16
WAYS = ("truncated", "bit flipped", "emptied", "exchanged", "deleted", "zeroed", "lengthened", "foreign", "outdated")


def archive(folder: Path, count: int, seed: int) -> tuple[Any, np.ndarray]:
    vectors = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    store = LmdbStore(folder / "cases.lmdb")
    uids = [f"{number:05d}" for number in range(count)]
    store.put(images=[Image(image_uid=uid, study_uid="s", file=uid, source=uid) for uid in uids])
    store.put_embeddings("model", ItemKind.IMAGE, uids, vectors)
    return SimpleNamespace(path=folder, store=store, indexes_dir=folder / "indexes", settings=Settings()), vectors


def brute_force(vectors: np.ndarray, queries: np.ndarray, k: int) -> list[list[int]]:
    similarity = queries.astype(np.float64) @ vectors.astype(np.float64).T
    return (np.argsort(-similarity, axis=1, kind="stable")[:, :k] + 1).tolist()


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")


def damaged(path: Path, way: str, rng: np.random.Generator, others: dict[str, list[Path]], mine: list[Path]) -> None:
    data = bytearray(path.read_bytes())
    path.unlink()
    if way == "truncated":
        data = data[: int(rng.integers(len(data) + 1))]
    elif way == "bit flipped" and data:
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    elif way == "emptied":
        data.clear()
    elif way == "exchanged":
        choice = [other for other in mine if other != path]
        data = bytearray(choice[int(rng.integers(len(choice)))].read_bytes())
    elif way == "zeroed" and data:
        start = int(rng.integers(len(data)))
        data[start : start + 4096] = bytes(len(data[start : start + 4096]))
    elif way == "lengthened":
        data += rng.bytes(int(rng.integers(1, 64)))
    elif way in ("foreign", "outdated"):
        same = [other for other in others[way] if other.name == path.name]
        data = bytearray(same[0].read_bytes()) if same else data
    if way != "deleted":
        path.write_bytes(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=2000, help="for each backend")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "damage.json")
    given = parser.parse_args()
    logging.getLogger("caseindex").addHandler(warnings := _Counting())
    logging.getLogger("caseindex").propagate = False
    rng = np.random.default_rng(0)
    results: dict[str, Any] = {}
    for backend in BACKENDS:
        with tempfile.TemporaryDirectory() as temporary:
            results[backend] = run(Path(temporary), backend, given.times, rng, warnings)
            print(json.dumps({backend: results[backend]}), flush=True)
    wrong = sum(result["wrong_answers"] + result["other_errors"] for result in results.values())
    document = {
        "command": f"python benchmarks/index/damage.py --times {given.times}",
        "times": sum(result["times"] for result in results.values()),
        "wrong": wrong,
        "results": results,
    }
    given.output.parent.mkdir(exist_ok=True)
    given.output.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    sys.exit(1 if wrong else 0)


def run(folder: Path, backend: str, times: int, rng: np.random.Generator, warnings: _Counting) -> dict[str, Any]:
    for name in ("mine", "foreign", "older"):
        (folder / name).mkdir()
    other, _ = archive(folder / "foreign", 500, seed=2)
    open_index(other, "model", ItemKind.IMAGE, DIM, backend)
    mine, vectors = archive(folder / "mine", 500, seed=1)
    open_index(mine, "model", ItemKind.IMAGE, DIM, backend)
    shutil.copytree(mine.indexes_dir, folder / "older" / "indexes")
    extra = np.eye(3, DIM, dtype=np.float32)
    uids = [f"new{number}" for number in range(3)]
    mine.store.put(images=[Image(image_uid=uid, study_uid="s", file=uid, source=uid) for uid in uids])
    mine.store.put_embeddings("model", ItemKind.IMAGE, uids, extra)
    vectors = np.vstack([vectors, extra])
    open_index(mine, "model", ItemKind.IMAGE, DIM, backend)
    others = {"foreign": files_of(other.indexes_dir), "outdated": files_of(folder / "older")}
    queries = rng.standard_normal((4, DIM)).astype(np.float32)
    queries = np.vstack([queries, extra])
    expected = brute_force(vectors, queries, 10)
    ways: Counter[str] = Counter()
    files: Counter[str] = Counter()
    wrong = errors = 0
    warnings.count = 0
    for time in range(times):
        way = WAYS[time % len(WAYS)]
        current = files_of(mine.indexes_dir)
        path = current[int(rng.integers(len(current)))]
        ways[way] += 1
        files[path.name] += 1
        damaged(path, way, rng, others, current)
        try:
            index = open_index(mine, "model", ItemKind.IMAGE, DIM, backend)
            wrong += index.search(queries, 10).ids.tolist() != expected
        except Exception as error:
            errors += 1
            print(f"{backend}: {path.name} {way}: {type(error).__name__}: {error}", file=sys.stderr)
    return {
        "times": times,
        "wrong_answers": int(wrong),
        "other_errors": errors,
        "rebuilt_with_a_warning": warnings.count,
        "ways": dict(ways),
        "files": dict(files),
    }


class _Counting(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += "Building it again" in record.getMessage()


if __name__ == "__main__":
    main()
