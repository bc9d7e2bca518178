"""Kills the writer at random moments and at every file-changing call; prints the counts.

    python -m benchmarks.durability.kill [--runs 300] [--every 1]

What is killed: put, put_embeddings, an atomic file, remove with its compaction (tests/durability/writer.py).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.durability import harness


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300, help="kills at random moments")
    parser.add_argument("--every", type=int, default=1, help="kill at every n-th file-changing call")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = {"random": asdict(harness.kill_at_random(folder / "random", arguments.runs, seed=0))}
        library = harness.build_library(folder)
        if library is None:
            raise SystemExit("no C compiler: the fault library cannot be built")
        calls = harness.count_calls(folder, library)
        at_each = harness.fault_at_each(folder, library, "kill", range(1, calls + 3, arguments.every))
        result["at_each_call"] = {"calls": calls, **asdict(at_each)}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
