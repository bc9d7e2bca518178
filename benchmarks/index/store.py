"""The record store: records put per second, embeddings scanned against a bare memory copy, random access.

python -m benchmarks.index.store [--vectors 1000000] [--dim 512]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from caseindex.index.store import LmdbStore
from caseindex.records import Image, ItemKind


def seconds(run: Callable[[], object], times: int = 3) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--folder", type=Path, help="where to write, instead of the temporary folder")
    arguments = parser.parse_args()
    count, dim, batch = arguments.vectors, arguments.dim, 10_000
    drawn = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        store = LmdbStore(Path(name) / "cases.lmdb")
        put_s = embed_s = 0.0
        for start in range(0, count, batch):
            images = [
                Image(
                    image_uid=f"1.2.826.0.1.3680043.{n}",
                    study_uid=f"1.2.826.{n // 4}",
                    series_uid=f"1.2.826.9.{n // 2}",
                    patient_id=f"P{n // 8}",
                    file=f"study{n // 4}/{n}.dcm",
                    source=f"/archive/study{n // 4}/{n}.dcm",
                    modality="CT",
                    rows=512,
                    columns=512,
                    file_sha256=f"{n:064x}",
                    pixel_sha256=f"{n + 1:064x}",
                )
                for n in range(start, min(count, start + batch))
            ]
            vectors = drawn.normal(size=(len(images), dim)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            begin = time.perf_counter()
            store.put(images=images)
            middle = time.perf_counter()
            store.put_embeddings("m", ItemKind.IMAGE, [image.image_uid for image in images], vectors)
            put_s += middle - begin
            embed_s += time.perf_counter() - middle
        source = np.ones((65536, dim), np.float32)
        with store.read() as reader:

            def scan() -> None:
                for _ in reader.embedding_blocks("m", ItemKind.IMAGE):
                    pass

            def copy() -> None:
                for _ in range(0, count, 65536):
                    np.empty_like(source)[:] = source

            scan()  # the file is in the page cache from here on
            scan_s, copy_s = seconds(scan), seconds(copy)
            ids = drawn.integers(1, count + 1, 1000)
            random_s = seconds(lambda: reader.embeddings_of("m", ItemKind.IMAGE, ids))
        size = (store.path / "data.mdb").stat().st_size
        store.close()
    print(
        json.dumps(
            {
                "vectors": count,
                "dim": dim,
                "records_per_s": round(count / put_s),
                "embeddings_per_s": round(count / embed_s),
                "scan_s": round(scan_s, 3),
                "memory_copy_s": round(copy_s, 3),
                "scan_over_copy": round(scan_s / copy_s, 2),
                "random_1000_ms": round(1000 * random_s, 2),
                "bytes_over_vectors": round(size / (4 * count * dim), 3),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
