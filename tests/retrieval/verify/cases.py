"""An archive without pictures: 150 patients whose embeddings show what their reports say, so that every answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from caseindex.encoders.model import load_model
from caseindex.index.archive import Archive
from caseindex.records import Image, ItemKind, Language, Report, Sex, Study

DIM, GRID = 2048, 448
#: finding -> (its direction in the embedding, sentence with a side or without)
FINDINGS = {
    "pleural_effusion": (0, "{Side} pleural effusion."),
    "pneumothorax": (1, "{Side} pneumothorax."),
    "cardiomegaly": (2, "Cardiomegaly."),
}
PATIENTS = 150


def vector(finding: str | None, side: str | None, rng: np.random.Generator) -> np.ndarray:
    """[2048] unit: noise, a direction for the finding, and more in the left or right column of the 2 x 2 grid."""
    out = rng.normal(0, 0.01, DIM)
    if finding is not None:
        out[100 * FINDINGS[finding][0] : 100 * FINDINGS[finding][0] + 100] += 0.08
    if side is not None:
        grid = out[-GRID:].reshape(112, 2, 2)
        grid[:, :, 0 if side == "left" else 1] += 0.05
    return (out / np.linalg.norm(out)).astype(np.float32)


def report(finding: str | None, side: str | None) -> str:
    if finding is None:
        return "FINDINGS: The lungs are clear. No pleural effusion.\nIMPRESSION: No acute abnormality."
    told = FINDINGS[finding][1].format(Side=(side or "").capitalize())
    denied = "No pneumothorax." if finding != "pneumothorax" else "No pleural effusion."
    return f"FINDINGS: {told} {denied}\nIMPRESSION: {told}"


def make_archive(folder: Path) -> Archive:
    """Patients p000, p001, ... with study sNNN, image iNNN and report rNNN; every fifth is normal. p000's report is of
    another case: a left effusion is told of a heart that is large."""
    archive, _ = Archive.create(folder)
    rng = np.random.default_rng(0)
    studies, images, reports, vectors = [], [], [], []
    names = list(FINDINGS)
    for number in range(PATIENTS):
        finding = None if number % 5 == 4 else names[number % 5 % 3]
        side = None if finding in (None, "cardiomegaly") else ("left", "right")[number // 5 % 2]
        told, told_side = ("pleural_effusion", "left") if number == 2 else (finding, side)
        patient = f"p{number:03d}"
        studies.append(Study(study_uid=f"s{number:03d}", patient_id=patient))
        images.append(
            Image(
                image_uid=f"i{number:03d}",
                study_uid=f"s{number:03d}",
                file=f"{number}.png",
                source=f"/nowhere/{number}.png",
                patient_id=patient,
                modality="DX",
                body_part="CHEST",
                sex=Sex.FEMALE,
                age_years=50.0,
                pixel_sha256=f"{number:064d}",
            )
        )
        reports.append(
            Report(
                report_uid=f"r{number:03d}",
                study_uid=f"s{number:03d}",
                text=report(told, told_side),
                file="reports.csv",
                patient_id=patient,
                language=Language.ENGLISH,
            )
        )
        vectors.append(vector(finding, side, rng))
    archive.store.put(studies=studies, images=images, reports=reports)
    model = load_model(archive.models_dir, "imagenet")
    archive.store.name_model(model.fingerprint, "imagenet")
    archive.store.put_embeddings(
        model.fingerprint, ItemKind.IMAGE, [one.image_uid for one in images], np.stack(vectors)
    )
    return archive
