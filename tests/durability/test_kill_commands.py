"""The same over the program itself: `ingest`, `embed`, `search` (which builds the indexes) and `remove`, killed or with
a failing disk in the middle, then run again: all of it is there, and what was removed stays away."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.durability import harness

PATIENTS = 4


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import cv2

    folder = tmp_path_factory.mktemp("source")
    drawn = np.random.default_rng(0)
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "patient_id", "study_id", "modality", "report"])
        for patient in range(PATIENTS):
            picture = cv2.GaussianBlur(drawn.integers(0, 255, (96, 96), np.uint8), (9, 9), 3)
            cv2.imwrite(str(folder / f"{patient}.png"), cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX))
            rows.writerow(
                [f"{patient}.png", f"PATIENT-{patient}", f"S{patient}", "CT", f"Ишемический инсульт {patient}."]
            )
    return folder


def start(archive: Path, arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "caseindex", *arguments, "--archive", str(archive)],
        cwd=harness.REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(archive: Path, *arguments: str) -> Any:
    child = start(archive, list(arguments), {})
    output, errors = child.communicate(timeout=300)
    assert child.returncode == 0, errors[-2000:]
    return json.loads(output)


def commands(source: Path) -> list[list[str]]:
    return [
        ["ingest", str(source)],
        ["embed"],
        ["search", "--image", str(source / "1.png"), "--include-own-study"],
        ["remove", "--patient", "PATIENT-0", "--yes"],
    ]


def prepared(folder: Path, source: Path, which: int) -> Path:
    """An archive on which the commands before ``which`` were run; the tests work on copies."""
    subprocess.run([sys.executable, "-m", "caseindex", "init", str(folder)], check=True, capture_output=True)
    for arguments in commands(source)[:which]:
        finish(folder, *arguments)
    return folder


def whole(archive: Path, source: Path, last: int) -> None:
    """Runs every command again from the start (`remove` may say that there is no such patient), then looks."""
    for arguments in commands(source)[: min(last, 2) + 1]:
        finish(archive, *arguments)
    if last == 3:
        child = start(archive, commands(source)[3], {})
        _, errors = child.communicate(timeout=300)
        assert child.returncode == 0 or "no such patient" in errors, errors[-2000:]
    checked = finish(archive, "check")
    assert checked == {"ok": True, "problems": []}
    found = finish(archive, "info")
    left = PATIENTS - (last == 3)
    assert (found["images"], found["patients"], found["reports"]) == (left, left, left)
    if last >= 1:
        assert max(found["embeddings"].values()) >= left
    hits = finish(archive, *commands(source)[2]) if last >= 2 else None
    assert hits is None or "PATIENT-0" not in json.dumps(hits) or last < 3


@pytest.mark.slow
@pytest.mark.parametrize("which", range(4), ids=["ingest", "embed", "search", "remove"])
def test_each_command_killed_at_random_moments(tmp_path: Path, source: Path, which: int) -> None:
    drawn = random.Random(which)
    before = prepared(tmp_path / "before", source, which)
    for run in range(25):
        archive = shutil.copytree(before, tmp_path / str(run))
        child = start(archive, commands(source)[which], {})
        time.sleep(drawn.uniform(0.2, 4.0))
        child.kill()
        child.communicate()
        whole(archive, source, which)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["kill", "ENOSPC", "EIO"])
@pytest.mark.parametrize("which", range(4), ids=["ingest", "embed", "search", "remove"])
def test_a_fault_at_each_call_of_each_command(tmp_path: Path, source: Path, which: int, fault: str) -> None:
    library = harness.build_library(tmp_path)
    if library is None:
        pytest.skip("no C compiler (cc, gcc, clang): the fault library cannot be built")
    before = prepared(tmp_path / "before", source, which)
    call, finished = 0, False
    while not finished:
        call += 1
        archive = shutil.copytree(before, tmp_path / f"{fault}-{call}")
        counted = tmp_path / "count"
        counted.unlink(missing_ok=True)
        environment = {
            "LD_PRELOAD": str(library),
            "FAULT_AT": str(call),
            "FAULT_WITH": fault,
            "FAULT_UNDER": str(archive),
            "FAULT_COUNT": str(counted),
        }
        child = start(archive, commands(source)[which], environment)
        _, errors = child.communicate(timeout=300)
        assert child.returncode in (0, 1, -9), errors[-2000:]
        assert "Traceback" not in errors, errors[-2000:]
        # Worker processes count for themselves; a process that was killed leaves no count.
        counts = [int(line) for line in counted.read_text().split()] if counted.exists() else []
        finished = child.returncode != -9 and max(counts, default=0) < call
        if call % 5 == 1 or finished:
            whole(archive, source, which)


def test_ingest_and_remove_survive_a_kill(tmp_path: Path, source: Path) -> None:
    """The short version: each of the two killed twice at different moments."""
    for run, delay in enumerate((0.5, 0.9)):
        archive = tmp_path / str(run)
        subprocess.run([sys.executable, "-m", "caseindex", "init", str(archive)], check=True, capture_output=True)
        for arguments in (commands(source)[0], commands(source)[3]):
            child = start(archive, arguments, {})
            time.sleep(delay)
            child.kill()
            child.communicate()
            if arguments[0] == "ingest":
                assert finish(archive, *arguments)["rejected"] == {}
        child = start(archive, commands(source)[3], {})
        _, errors = child.communicate(timeout=60)
        assert child.returncode == 0 or "no such patient" in errors, errors[-2000:]
        assert finish(archive, "check") == {"ok": True, "problems": []}
        assert finish(archive, "info")["patients"] == PATIENTS - 1
