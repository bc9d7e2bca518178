"""Flips single bits of the records' file, one per trial; prints how each was answered.

    python -m benchmarks.durability.damage [--trials 400]

`found`: `check` names it. `refused`: the store does not open. `harmless`: in bytes that nothing uses (gaps of pages,
LMDB's free list, the older of its two heads), every record and embedding reads as before. `wrong_answer` must be 0.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ASK = """
import hashlib, sys
from pathlib import Path
from caseindex.errors import CaseindexError
from caseindex.index.archive import Archive
from caseindex.index.checking import Severity, check
from caseindex.records import ItemKind
try:
    archive = Archive.open(Path(sys.argv[1]))
    found = [one for one in check(archive) if one.severity is Severity.ERROR]
    if found:
        print("found")
        sys.exit()
    total = hashlib.sha256()
    with archive.store.read() as reader:
        for records in (reader.images(), reader.all_series(), reader.studies(), reader.reports()):
            for record in records:
                total.update(repr(record).encode("utf-8", "backslashreplace"))
        for kind in ItemKind:
            for block in reader.embedding_blocks("f" * 64, kind):
                total.update(block.ids.tobytes() + block.vectors.tobytes())
    print(total.hexdigest())
except CaseindexError:
    print("refused")
"""


def ask(archive: Path) -> str:
    done = subprocess.run([sys.executable, "-c", ASK, str(archive)], capture_output=True, text=True, check=False)
    return done.stdout.strip() or f"crashed {done.returncode}"


def main() -> None:
    from caseindex.index.archive import Archive
    from tests.durability import writer

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=400)
    arguments = parser.parse_args()
    drawn = random.Random(0)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        whole, copy = Path(name) / "whole", Path(name) / "copy"
        archive, _ = Archive.create(whole)
        for step in range(60):
            if writer.kind(step) != "remove":
                writer.do(archive, step)
        archive.store.close()
        before = ask(whole)
        size = (whole / "cases.lmdb" / "data.mdb").stat().st_size
        for _ in range(arguments.trials):
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(whole, copy)
            with (copy / "cases.lmdb" / "data.mdb").open("r+b") as file:
                position = drawn.randrange(size)
                file.seek(position)
                byte = file.read(1)[0]
                file.seek(position)
                file.write(bytes([byte ^ 1 << drawn.randrange(8)]))
            answer = ask(copy)
            if answer == before:
                counts["harmless"] += 1
            elif answer in ("found", "refused") or answer.startswith("crashed"):
                counts[answer] += 1
            else:
                counts["wrong_answer"] += 1
    print(json.dumps({"trials": arguments.trials, "file_bytes": size, **dict(sorted(counts.items()))}, indent=2))


if __name__ == "__main__":
    main()
