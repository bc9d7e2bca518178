"""A small archive of drawn pictures of three kinds, with a report each, and settings that suit it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Picture

from caseindex.encoders.model import load_model
from caseindex.index.archive import Archive
from caseindex.index.embed import embed
from caseindex.records import Image, ItemKind, Report, Study

SMALL = {
    "dim": 16,
    "whitened": 24,
    "vocabulary": 1500,
    "batch": 16,
    "epochs": 40,
    "patience": 40,
    "validation": 0.2,
    "test": 0.2,
}
TEXTS = {
    0: "Acute ischemic stroke in the left hemisphere.",
    1: "Subdural hematoma on the right side.",
    2: "No pathology. Normal brain.",
}


def make_archive(folder: Path, patients: int = 60) -> Archive:
    folder.mkdir()
    (folder / "archive.toml").write_text("# mine\n")
    generator = np.random.default_rng(0)
    images, studies, reports = [], [], []
    for number in range(patients):
        kind = number % 3
        y, x = np.mgrid[:64, :64]
        drawn = [x % 8 < 4, (x - 32) ** 2 + (y - 32) ** 2 < 300, y % 16 < 8][kind] * 150.0
        pixels = np.clip(drawn + generator.normal(40, 15, (64, 64)), 0, 255).astype(np.uint8)
        file = folder / f"{number}.png"
        Picture.fromarray(pixels).save(file)
        study = f"study-{number:03d}"
        studies.append(Study(study_uid=study, patient_id=f"p{number}"))
        images.append(
            Image(image_uid=f"i{number}", study_uid=study, file=file.name, source=str(file), patient_id=f"p{number}")
        )
        reports.append(Report(report_uid=f"r{number}", study_uid=study, text=f"{TEXTS[kind]} Case {number}.", file="t"))
    archive = Archive.open(folder)
    archive.store.put(images=images, studies=studies, reports=reports)
    embed(archive, load_model(archive.models_dir, "imagenet"), kinds=(ItemKind.IMAGE,))
    return archive
