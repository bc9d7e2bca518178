"""Lets every n-th write, fsync, rename, open, unlink of the writer fail; prints the counts.

python -m benchmarks.durability.write_failure [--faults ENOSPC EIO] [--every 1]
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
    parser.add_argument("--faults", nargs="+", default=["ENOSPC", "EIO"], choices=["ENOSPC", "EIO", "EDQUOT"])
    parser.add_argument("--every", type=int, default=1, help="fail every n-th call")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = harness.build_library(folder)
        if library is None:
            raise SystemExit("no C compiler: the fault library cannot be built")
        calls = harness.count_calls(folder, library)
        result: dict[str, object] = {"calls": calls}
        for fault in arguments.faults:
            each = range(1, calls + 3, arguments.every)
            result[fault] = asdict(harness.fault_at_each(folder, library, fault, each))
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
