"""The command: its JSON, its exit status, its words."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage


def caseindex(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "caseindex", *map(str, arguments)], capture_output=True, text=True, check=False
    )


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    assert caseindex("init", tmp_path / "archive").returncode == 0
    return tmp_path / "archive"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "pack"
    (folder / "images").mkdir(parents=True)
    with open(folder / "manifest.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "patient_id", "report"])
        for number in range(3):
            pixels = np.random.default_rng(number).integers(0, 256, (40, 40), np.uint8)
            PillowImage.fromarray(pixels).save(folder / f"images/{number}.png")
            writer.writerow([f"images/{number}.png", f"p{number}", "Ишемический инсульт." if number else ""])
        writer.writerow(["images/none.png", "p9", ""])
    return folder


def test_counts_files_and_status(archive, pack):
    done = caseindex("ingest", "--archive", archive, pack)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert {"taken", "unchanged", "rejected", "seconds"} <= set(summary)
    assert (summary["taken"], summary["unchanged"], summary["rejected"]) == (3, 0, {"missing_file": 1})
    (line,) = (archive / "rejected.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["file"] == "images/none.png"
    assert json.loads(line)["reason"] == "missing_file"
    again = json.loads(caseindex("ingest", "--archive", archive, pack).stdout)
    assert (again["taken"], again["unchanged"], again["rejected"]) == (0, 3, {"missing_file": 1})
    assert len((archive / "rejected.jsonl").read_text("utf-8").splitlines()) == 1
    info = json.loads(caseindex("info", "--archive", archive).stdout)
    assert (info["patients"], info["images"], info["reports"]) == (3, 3, 2)


def test_mistakes_end_with_one_line(archive, pack, tmp_path):
    for arguments, status, words in (
        ((tmp_path / "none",), 1, "no such file or folder"),
        ((pack, "--layout", "dicom"), 2, "Known: auto, manifest"),
        ((), 2, "nothing to take in"),
        (("--reports", tmp_path / "none.csv"), 1, "no such file"),
        ((pack, "--window", "nonsense"), 1, "nonsense"),
    ):
        done = caseindex("ingest", "--archive", archive, *arguments)
        assert done.returncode == status, (arguments, done.stderr)
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
    assert json.loads(caseindex("info", "--archive", archive).stdout)["images"] == 0


def test_help_names_every_layout():
    from caseindex.ingest.layouts.catalogue import LAYOUTS

    text = " ".join(caseindex("ingest", "--help").stdout.split())
    assert all(name in text for name in LAYOUTS)
    assert "Example:" in text


@pytest.mark.parametrize(
    ("pack", "taken", "images", "reports"),
    [
        ("head_ct_200", 152, 152, 0),
        pytest.param("covid_ct", 561, 561, 224, marks=pytest.mark.slow),
        pytest.param("medpix2", 1530, 1530, 1060, marks=pytest.mark.slow),
        pytest.param("nih1000_64px", 1000, 1000, 0, marks=pytest.mark.slow),
        pytest.param("kermany_cxr", 3001, 3001, 0, marks=pytest.mark.slow),
        pytest.param("iu_reports_text", 2927, 0, 2927, marks=pytest.mark.slow),
    ],
)
def test_real_packs(archive, shared_data, pack, taken, images, reports):
    summary = json.loads(caseindex("ingest", "--archive", archive, shared_data / pack).stdout)
    empty_reports = {"report_too_short": 21} if pack == "iu_reports_text" else {}
    assert (summary["taken"], summary["rejected"]) == (taken, empty_reports)
    info = json.loads(caseindex("info", "--archive", archive).stdout)
    assert (info["images"], info["reports"]) == (images, reports)


@pytest.mark.slow
def test_every_dicom_sample_that_decodes_is_taken_or_a_known_exception(archive, shared_data):
    """The exceptions: five copies of an object under one UID with other pixels, three pictures of one value."""
    samples = shared_data / "dicom_samples"
    summary = json.loads(caseindex("ingest", "--archive", archive, samples).stdout)
    rejected = {}
    for line in (archive / "rejected.jsonl").read_text("utf-8").splitlines():
        entry = json.loads(line)
        rejected[entry["source"]] = entry["reason"]
    with open(samples / "catalog.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 329
    inputs = summary["taken"] + summary["unchanged"] + sum(summary["rejected"].values())
    assert inputs == len(rows) + 1  # the catalogue itself
    missing = [rejected[path] for row in rows
               if row["pixels"].startswith("ok") and (path := str(samples / row["file"])) in rejected]  # fmt: skip
    assert sorted(missing) == ["constant_image"] * 3 + ["uid_conflict"] * 5
    assert set(rejected.values()).isdisjoint({"worker_killed", "timeout"})
