"""Kills or fails the writer, then asks the archive whether all that was acknowledged is there and nothing came back."""

from __future__ import annotations

import os
import random
import select
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from caseindex.errors import CaseindexError
from caseindex.index.archive import Archive
from caseindex.index.byte_search import ByteSearch
from caseindex.index.checking import Severity, check
from caseindex.records import ItemKind
from tests.durability import writer

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Outcome:
    """Counts over many runs. ``problems`` is what must stay empty."""

    runs: int = 0
    killed: int = 0
    failed_clearly: int = 0
    finished: int = 0
    acknowledged: int = 0
    problems: list[str] = field(default_factory=list)


def run_writer(archive: Path, first: int, steps: int, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.durability.writer", str(archive), str(first), str(steps)],
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def acknowledged(output: str) -> list[int]:
    return [int(line.split()[1]) for line in output.splitlines() if line.startswith("ok ") and line[3:].isdigit()]


def verify(folder: Path, done: set[int], tried: set[int]) -> list[str]:
    """What is wrong with the archive, after steps ``done`` were acknowledged and ``tried`` may have happened."""
    if not (folder / "archive.toml").exists():
        return ["acknowledged steps, and no archive"] if done else []
    wrong: list[str] = []
    try:
        archive = Archive.open(folder)
        wrong += [f"check: {one}" for one in check(archive) if one.severity is Severity.ERROR]
        with archive.store.read() as reader:
            for step in sorted(done):
                wrong += _verify_step(reader, step, done, tried)
        if archive.store.notes():
            wrong.append("a removal was left unfinished after opening")
        archive.store.close()
    except CaseindexError as error:
        return [*wrong, f"cannot be opened: {error}"]
    gone = [step for step in done if writer.kind(step) == "remove"]
    if gone:
        search = ByteSearch([writer.patient(writer.target(step)).encode() for step in gone[-50:]])
        wrong += [f"{found!r} came back" for found in search.within_file(folder / "cases.lmdb" / "data.mdb")]
    return wrong


def _verify_step(reader: object, step: int, done: set[int], tried: set[int]) -> list[str]:
    what = writer.kind(step)
    put = step if what == "put" else writer.target(step)
    removals = {one for one in tried if writer.kind(one) == "remove" and writer.target(one) == put}
    removed = removals & done
    here = [reader.image(uid) is not None for uid in writer.uids(put)]  # type: ignore[attr-defined]
    if what == "remove" or removed:
        return [f"step {step}: removed and here again"] if any(here) else []
    if what == "put" and not all(here) and not (removals and not any(here)):
        return [f"step {step}: acknowledged and lost"]
    if what == "embed" and any(here):
        for uid, vector in zip(writer.uids(put), writer.vectors(put), strict=True):
            found = reader.embedding(writer.FINGERPRINT, ItemKind.IMAGE, uid)  # type: ignore[attr-defined]
            if found is None or not np.array_equal(found, vector):
                return [f"step {step}: embedding lost"]
    return []


def kill_at_random(folder: Path, runs: int, seed: int, longest_s: float = 0.4) -> Outcome:
    """One archive; a writer is started, killed at a random moment, and the next goes on where it was."""
    drawn = random.Random(seed)
    outcome = Outcome()
    done: set[int] = set()
    tried: set[int] = set()
    first = 0
    for _ in range(runs):
        child = run_writer(folder, first, 1000, {})
        assert child.stdout is not None
        # The interpreter has started and the first step is done. Only waited for: what `readline` takes into its
        # buffer beyond the line would be missing from `communicate`, and steps that were acknowledged with it.
        select.select([child.stdout], [], [])
        time.sleep(drawn.uniform(0, longest_s))
        child.kill()
        output, errors = child.communicate()
        steps = acknowledged(output)
        outcome.runs += 1
        outcome.killed += child.returncode == -9
        outcome.acknowledged += len(steps)
        done |= set(steps)
        first = max(done, default=-1) + 1
        tried |= set(steps) | {first}
        if child.returncode != -9:
            outcome.problems.append(f"the writer ended by itself: {errors[-500:]}")
        outcome.problems += verify(folder, done, tried)
        first += len(writer.KINDS) - first % len(writer.KINDS)  # a new round: the interrupted step stays undecided
    return outcome


def fault_at_each(folder: Path, library: Path, fault: str, calls: range, steps: int = 6) -> Outcome:
    """For each n a fresh archive: the n-th file-changing call kills the writer or fails with ``fault``; then the
    archive is verified, the same steps are run without a fault, and it is verified again."""
    outcome = Outcome()
    for call in calls:
        archive = folder / f"{fault}-{call}"
        environment = {
            "LD_PRELOAD": str(library),
            "FAULT_AT": str(call),
            "FAULT_WITH": fault,
            "FAULT_UNDER": str(archive),
        }
        child = run_writer(archive, 0, steps, environment)
        output, errors = child.communicate(timeout=120)
        steps_done = set(acknowledged(output))
        outcome.runs += 1
        outcome.acknowledged += len(steps_done)
        outcome.killed += child.returncode == -9
        outcome.finished += child.returncode == 0
        outcome.failed_clearly += child.returncode == 3
        where = f"{fault} at call {call}"
        if child.returncode not in (0, 3, -9):
            outcome.problems.append(f"{where}: {errors[-800:]}")
        tried = set(range(min(steps, max(steps_done, default=-1) + 2)))
        outcome.problems += [f"{where}: {one}" for one in verify(archive, steps_done, tried)]
        again = run_writer(archive, 0, steps, {})
        output, errors = again.communicate(timeout=120)
        if again.returncode != 0:
            outcome.problems.append(f"{where}, run again: {output[-200:]} {errors[-800:]}")
        outcome.problems += [
            f"{where}, run again: {one}" for one in verify(archive, set(acknowledged(output)), set(range(steps)))
        ]
    return outcome


def count_calls(folder: Path, library: Path, steps: int = 6) -> int:
    """How many file-changing calls the undisturbed writer makes."""
    archive, counted = folder / "count", folder / "count.txt"
    environment = {
        "LD_PRELOAD": str(library),
        "FAULT_AT": "0",
        "FAULT_UNDER": str(archive),
        "FAULT_COUNT": str(counted),
    }
    child = run_writer(archive, 0, steps, environment)
    output, errors = child.communicate(timeout=120)
    if child.returncode != 0:
        raise RuntimeError(output + errors)
    return max(map(int, counted.read_text().split()))


def build_library(folder: Path) -> Path | None:
    """The fault library; ``None`` where there is no C compiler."""
    import shutil

    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    library = folder / "fault.so"
    source = Path(__file__).with_name("fault.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library
