"""An archive that nothing was learned from: synthetic brain CT of other persons, one examination each."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from caseindex.demo.cohort import Exam, plan
from caseindex.demo.source import COLUMNS, MANIFEST, Recipe, make_exam

SEED = 2


def first_visits(patients: int, seed: int = SEED) -> Iterator[Exam]:
    """The first examination of each, in the published shares of classes."""
    first = (exam for exam in plan(4 * patients, seed, dict(Recipe().languages)) if exam.visit == 0)
    for exam, _ in zip(first, range(patients), strict=False):
        yield exam


def draw(folder: Path, patients: int, seed: int = SEED) -> Path:
    """Writes images and manifest, unless the manifest is there already; gives the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / (MANIFEST + ".part")
    if (folder / MANIFEST).is_file():
        return folder
    with part.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for exam in first_visits(patients, seed):
            writer.writerows(make_exam(exam, folder, 1))
    part.replace(folder / MANIFEST)
    return folder
