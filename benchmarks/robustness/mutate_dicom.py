"""Damages DICOM files at random and decodes them: every outcome must be a picture or a named rejection.

    python benchmarks/robustness/mutate_dicom.py --samples FOLDER --count 5000 --jobs 2 --seed 1

Prints one JSON object: how many mutants gave pictures, were rejected by which reason, killed their worker process,
ran out of time, or ended in an exception that is no rejection (``crashes``: must be 0; each is printed with the seed
and the file that give it again). They are decoded in ingest's own pool
of workers, so a mutant that kills its worker (``worker_killed``) or never ends (``timeout``) must cost itself only.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from caseindex.ingest.workers import Lost, WorkerPool, WorkLimits

RESULTS = Path(__file__).parent / "results"

MEMORY_MB = 4096
TIMEOUT_S = 20.0
LARGEST_BYTES = 3_000_000
TAGS = [
    (0x0028, element)
    for element in (0x02, 0x04, 0x06, 0x08, 0x10, 0x11, 0x30, 0x34, 0x100, 0x101, 0x102, 0x103, 0x120, 0x1050, 0x1051,
                    0x1052, 0x1053, 0x1056, 0x1101, 0x1201, 0x3000, 0x3010)
] + [(0x0002, 0x0010), (0x0008, 0x0005), (0x0008, 0x0018), (0x0010, 0x0020), (0x0020, 0x0037), (0x5200, 0x9230), (0x7FE0, 0x0010)]  # fmt: skip
HOSTILE_TEXTS = [b"", b"1e999", b"-1", b"nan", b"2147483648", b"1\\2\\3\\4\\5\\6", b"\\\\", b"\x00" * 8, b"\xff" * 16]


def flip_bytes(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 4, 32, 256))):
        data[chance.randrange(len(data))] = chance.randrange(256)


def flip_header(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 4, 16))):
        data[chance.randrange(min(len(data), 3000))] = chance.randrange(256)


def truncate(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def cut_out(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    del data[start : start + chance.choice((1, 2, 7, 64, 1000))]


def insert(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    data[start:start] = bytes(chance.randrange(256) for _ in range(chance.choice((1, 2, 8, 100))))


def edit_value(data: bytearray, chance: random.Random) -> None:
    """Another value in an element that the decoder relies on."""
    for at in _elements(data, chance):
        for offset in range(8, 12):
            if at + offset < len(data):
                data[at + offset] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        text = chance.choice(HOSTILE_TEXTS)
        if chance.random() < 0.3:
            data[at + 8 : at + 8 + len(text)] = text


def edit_length(data: bytearray, chance: random.Random) -> None:
    for at in _elements(data, chance):
        length = chance.choice((0, 1, 3, 0xFFFF, 0xFFFFFFFF, 0x7FFFFFFF, chance.randrange(1 << 32)))
        place = at + chance.choice((4, 6, 8))
        data[place : place + 4] = struct.pack("<I", length)


def nest(data: bytearray, chance: random.Random) -> None:
    """Sequences within sequences, beyond any limit of recursion."""
    item = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    at = _elements(data, chance)[:1] or [min(len(data), 400)]
    data[at[0] : at[0]] = item * chance.choice((3, 50, 3000))


def swap(data: bytearray, chance: random.Random) -> None:
    """A piece of the file in another place."""
    size = chance.choice((4, 50, 1000))
    first, second = chance.randrange(len(data)), chance.randrange(len(data))
    data[first : first + size] = data[second : second + size]


MUTATIONS: list[Callable[[bytearray, random.Random], None]] = [
    flip_bytes, flip_header, flip_header, truncate, cut_out, insert, edit_value, edit_value, edit_length, nest, swap,
]  # fmt: skip


def _elements(data: bytearray, chance: random.Random) -> list[int]:
    found = []
    for group, element in chance.sample(TAGS, 4):
        at = data.find(struct.pack("<HH", group, element))
        if at >= 0:
            found.append(at)
    return found


def mutant(original: bytes, seed: int) -> bytes:
    """The same bytes for the same seed, on every machine."""
    chance = random.Random(seed)
    data = bytearray(original)
    for _ in range(chance.choice((1, 1, 2, 3))):
        if data:
            chance.choice(MUTATIONS)(data, chance)
    return bytes(data)


def originals(folder: Path) -> list[Path]:
    """All DICOM files of a tree that hold pixels in the clear, in a fixed order."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size <= LARGEST_BYTES:
            with path.open("rb") as file:
                data = file.read()
            if data[128:132] == b"DICM" and (b"\xe0\x7f\x10\x00" in data or b"\x7f\xe0\x00\x10" in data):
                found.append(path)
    return found


def outcome(data: bytes, scratch: Path) -> str:
    """``taken``, ``rejected:REASON``, or ``crash:EXCEPTION`` for anything else."""
    from caseindex.errors import InputRejected
    from caseindex.ingest.decode import Decoded, RenderOptions, decode

    scratch.write_bytes(data)
    try:
        for part in decode(str(scratch), "mutant.dcm", RenderOptions(max_pixels=20_000_000, max_frames=256)):
            if isinstance(part, Decoded) and (part.pixels.size == 0 or part.pixels.min() == part.pixels.max()):
                return "crash:EmptyPicture"
    except InputRejected as error:
        return f"rejected:{error.code}"
    except MemoryError:
        return "rejected:worker_killed"
    except Exception as error:  # what this program looks for
        return f"crash:{type(error).__name__}: {error}"
    return "taken"


@cache
def _originals(folder: str) -> list[Path]:
    return originals(Path(folder))


def work(job: tuple[str, int]) -> str:
    """In a worker of ingest's own pool, the one that the limits of archive.toml hold for."""
    folder, seed = job
    files = _originals(folder)
    with tempfile.TemporaryDirectory() as scratch:
        return outcome(mutant(files[seed % len(files)].read_bytes(), seed), Path(scratch) / "mutant.dcm")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", required=True, help="a folder of DICOM files to damage")
    parser.add_argument("--count", type=int, default=5000, help="mutants (default 5000)")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes (default 2)")
    parser.add_argument("--seed", type=int, default=0, help="number of the first mutant (default 0)")
    parser.add_argument("--write", action="store_true", help="keep the result in results/ beside this file")
    options = parser.parse_args()
    files = originals(Path(options.samples))
    if not files:
        print(f"no DICOM files in {options.samples}", file=sys.stderr)
        return 1
    started = time.monotonic()
    counts: collections.Counter[str] = collections.Counter()
    crashes = 0
    limits = WorkLimits(timeout_s=TIMEOUT_S, memory_mb=MEMORY_MB)
    jobs = ((options.samples, seed) for seed in range(options.seed, options.seed + options.count))
    with WorkerPool(work, options.jobs, limits) as pool:
        for done, ((_, seed), result) in enumerate(pool.run(jobs), 1):
            said = result.reason if isinstance(result, Lost) else result
            counts[said.split(" ")[0].rstrip(":") if said.startswith("crash") else said] += 1
            if said.startswith("crash") or isinstance(result, Lost):
                crashes += said.startswith("crash")
                detail = result.detail if isinstance(result, Lost) else ""
                print(f"seed {seed}, {files[seed % len(files)].name}: {said} {detail}", file=sys.stderr)
            if done % 500 == 0:
                print(f"{done} of {options.count}", file=sys.stderr)
    result_text = json.dumps(
        {
            "mutants": sum(counts.values()),
            "files": len(files),
            "crashes": crashes,
            "outcomes": dict(sorted(counts.items())),
            "seconds": round(time.monotonic() - started, 1),
        }
    )
    print(result_text)
    if options.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "mutate_dicom.json").write_text(result_text + "\n")
    return 1 if crashes or sum(counts.values()) != options.count else 0


if __name__ == "__main__":
    raise SystemExit(main())
