"""The two packs of chest X-rays as archives: the paediatric one's test and training side (by family), and the adult one.

The paediatric pack's ids come from file names, and those of its normal pictures (`IM-0497-0001`, `IM-0497-0001-0001`,
`IM-0497-0001-0002`) number series of an export, with the suffix that equal names get in one folder: pictures that share
such an id resemble each other hardly more than strangers do (benchmarks/identity/shared_ids.py). The archives named
"persons" take them for of unknown patients.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.identity.pack import _DISEASE, DATA
from caseindex.cli.possibly_same import read_possibly_same
from caseindex.index.archive import Archive

TEST = 0.31  # families below this position are the test side, as in recipes.py
TRAINING = "training side"  # in a name: the other patients
PERSONS = "persons"  # in a name: without the ids that number series
NAMES = ("paediatric", "paediatric persons", "adult", "paediatric training side", "paediatric persons training side")
SERIES = re.compile(r"IM-\d+$")  # in an id: of an export, not of a person


def caseindex(*arguments: str | Path) -> Any:
    """What the command printed, parsed."""
    command = [sys.executable, "-m", "caseindex", *map(str, arguments), "--format", "json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def each(work: Path | None, data: Path = DATA) -> Iterator[tuple[str, Archive, list[tuple[str, str]]]]:
    """(name, archive, pairs of ids that may be one person) of what is measured on: the paediatric test side, with the ids that
    name a child, and the adults. Without ``work`` they are gone afterwards."""
    with tempfile.TemporaryDirectory() as temporary:
        for name in ("paediatric persons", "adult"):
            archive, same = make(name, work or Path(temporary), data)
            yield name, Archive.open(archive), read_possibly_same(Path(same[1])) if same else []


def make(name: str, work: Path, data: Path = DATA) -> tuple[Path, list[str]]:
    """(the archive under ``work``, made if it is not there; options that name the ids which may be one person)."""
    archive = work / name.replace(" ", "-")
    adult = name == "adult"
    source = data / ("nih1000_64px" if adult else "kermany_cxr")
    if not (archive / "archive.toml").is_file():
        subprocess.run([sys.executable, "-m", "caseindex", "init", archive], check=True, capture_output=True)
        chosen = source if adult else _side(source, work / f"{archive.name}-files", name)
        caseindex("ingest", chosen, "--archive", archive)
    if adult:
        return archive, []
    pairs = work / "possibly-same.csv"
    pairs.write_text("".join(f"{one},{two}\n" for one, two in _possibly_same(source)), "utf-8")
    return archive, ["--possibly-same", str(pairs)]


def _rows(source: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((source / "manifest.csv").read_text("utf-8").splitlines()))


def _side(source: Path, folder: Path, name: str) -> Path:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for row in _rows(source):
        family = _DISEASE.sub("", row["patient_id"])
        position = int(hashlib.sha256(f"0{family}".encode()).hexdigest()[:8], 16) / 2**32
        if (position < TEST) == (TRAINING not in name):
            shutil.copyfile(source / row["image"], folder / row["image"])
            if PERSONS in name and SERIES.search(row["patient_id"]):
                row["patient_id"] = ""
            rows.append(row)
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return folder


def _possibly_same(source: Path) -> list[tuple[str, str]]:
    ids = {row["patient_id"] for row in _rows(source)}
    return [
        (one, f"{one[:-9]}_virus") for one in sorted(ids) if one.endswith("_bacteria") and f"{one[:-9]}_virus" in ids
    ]
