"""Memory of an ingest as the number of files grows: it must be flat.

    python benchmarks/ingest/memory.py [--numbers 1000 10000 100000] [--workers N]

Small PNG files, each of its own, 1,000 to a folder. The peak of the parent is its anonymous memory: without the pages of
LMDB's map that it has looked at, which belong to the page cache, grow with the archive and are given back when memory
is short (`map_mib`). That of a worker is its resident size. Both are looked at ten times a second. Linux.
Writes ``benchmarks/ingest/results/memory.json``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import threading
from pathlib import Path

import cv2
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parent))
from rate import RESULTS, make_files, run_ingest


def make_small(folder: Path, number: int) -> None:
    inner = folder / f"{number // 1000:03}"
    inner.mkdir(exist_ok=True)
    cv2.imwrite(str(inner / f"{number:06}.png"), np.random.default_rng(number).integers(0, 256, (33, 33), np.uint8))


class PeakMemory:
    """The most of this process (anonymous; of files) and of any child (resident), in MiB, while the block runs."""

    def __enter__(self) -> PeakMemory:
        self.parent = self.mapped = self.worker = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(0.1):
            status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
            self.parent = max(self.parent, int(status["RssAnon"].split()[0]) / 1024)
            self.mapped = max(self.mapped, int(status["RssFile"].split()[0]) / 1024)
            for child in me.children(recursive=True):
                try:
                    self.worker = max(self.worker, child.memory_info().rss / 2**20)
                except psutil.Error:
                    continue


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numbers", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    found: dict[str, object] = {}
    for number in arguments.numbers:
        with tempfile.TemporaryDirectory(prefix="caseindex-bench-") as scratch:
            folder = Path(scratch) / "small"
            # In a process of its own, which takes its garbage with it.
            maker = multiprocessing.get_context("spawn").Process(target=make_files, args=(folder, make_small, number))
            maker.start()
            maker.join()
            with PeakMemory() as peak:
                rate, _ = run_ingest(folder, arguments.workers)
        found[str(number)] = {
            "parent_mib": round(peak.parent, 1),
            "map_mib": round(peak.mapped, 1),
            "worker_mib": round(peak.worker, 1),
            "files_per_s": round(rate, 1),
        }
        print(number, found[str(number)], flush=True)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "memory.json").write_text(
            json.dumps({"workers": arguments.workers, "files": found}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
