"""A small archive in three languages, with pictures that can be told apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from caseindex.index.archive import Archive
from caseindex.records import Image, Language, Report, Sex, Study
from caseindex.settings import Settings, dump_settings

#: study -> (language, report, labels)
REPORTS: dict[str, tuple[Language, str, tuple[str, ...]]] = {
    "ru-ischaemic": (
        Language.RUSSIAN,
        "Описание: зона пониженной плотности в бассейне левой СМА.\nЗаключение: Ишемический инсульт в бассейне левой СМА.",
        ("stroke",),
    ),
    "en-ischaemic": (
        Language.ENGLISH,
        "Findings: Hypodensity of the insula.\nImpression: Acute MCA territory infarction.",
        ("stroke",),
    ),
    "zh-ischaemic": (Language.CHINESE, "影像所见：左侧基底节区低密度影。\n诊断意见：缺血性脑卒中。", ("stroke",)),
    "ru-denied": (
        Language.RUSSIAN,
        "Описание: очаговых изменений не выявлено.\nЗаключение: Без признаков ишемического инсульта и кровоизлияния.",
        ("normal",),
    ),
    "en-denied": (
        Language.ENGLISH,
        "Findings: Normal brain.\nImpression: No evidence of infarction or hemorrhage.",
        ("normal",),
    ),
    "en-meningioma": (
        Language.ENGLISH,
        "Findings: Extra-axial mass along the falx with a dural tail.\nImpression: Meningioma.",
        ("meningioma",),
    ),
    "en-effusion-left": (
        Language.ENGLISH,
        "Findings: Moderate left pleural effusion.\nImpression: Left pleural effusion.",
        ("effusion",),
    ),
    "en-effusion-right": (
        Language.ENGLISH,
        "Findings: Moderate right pleural effusion.\nImpression: Right pleural effusion.",
        ("effusion",),
    ),
    "ru-haemorrhage": (
        Language.RUSSIAN,
        "Заключение: Геморрагический инсульт правой гемисферы с прорывом крови в желудочки.",
        ("haemorrhage",),
    ),
    "ru-haemorrhage-only": (
        Language.RUSSIAN,
        "Заключение: Геморрагический инсульт левой гемисферы. Желудочки не расширены.",
        ("haemorrhage",),
    ),
}


def picture(seed: int) -> np.ndarray:
    """[96, 96] uint8: smooth noise of its own, and a bright ellipse."""
    rng = np.random.default_rng(seed)
    noise = cv2.resize(rng.integers(0, 120, (6, 6)).astype(np.uint8), (96, 96), interpolation=cv2.INTER_CUBIC)
    cv2.ellipse(noise, (48, 48), (20 + seed % 9, 30), 15 * seed, 0, 360, 230, -1)
    return noise


def make_archive(folder: Path) -> Archive:
    """The archive of :data:`REPORTS`: a patient and a study for each, with two pictures."""
    from caseindex.ingest.decode import RenderOptions, decode

    folder.mkdir()
    (folder / "archive.toml").write_text(dump_settings(Settings()), "utf-8")
    (folder / "pictures").mkdir()
    archive = Archive.open(folder)
    images, studies, reports = [], [], []
    for number, (study, (language, text, labels)) in enumerate(REPORTS.items()):
        patient = f"P{number:02d}"
        studies.append(Study(study_uid=study, patient_id=patient, date=f"2024-{number + 1:02d}-05"))
        reports.append(
            Report(
                report_uid=f"r-{study}",
                study_uid=study,
                text=text,
                file=f"{study}.txt",
                patient_id=patient,
                language=language,
            )
        )
        for view in range(2):
            file = folder / "pictures" / f"{study}-{view}.png"
            cv2.imwrite(str(file), picture(10 * number + view))
            (decoded,) = decode(str(file), str(file), RenderOptions())
            images.append(
                Image(
                    image_uid=f"{study}-{view}",
                    study_uid=study,
                    file=f"{study}-{view}.png",
                    source=str(file),
                    patient_id=patient,
                    modality="CT" if number % 2 == 0 else "MR",
                    body_part="CHEST" if "effusion" in study else "HEAD",
                    view="AXIAL",
                    sex=Sex.FEMALE if number % 2 else Sex.MALE,
                    age_years=30.0 + number,
                    labels=labels,
                    content_score=0.5 + 0.1 * view,
                    pixel_sha256=decoded.image.pixel_sha256,  # type: ignore[union-attr]
                    date=f"2024-{number + 1:02d}-05",
                )
            )
    archive.store.put(images=images, studies=studies, reports=reports)
    return archive


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Shared and not to be written to."""
    made = make_archive(tmp_path_factory.mktemp("search") / "archive")
    yield made
    made.store.close()


@pytest.fixture
def own_archive(tmp_path: Path) -> Iterator[Archive]:
    """One that a test may change."""
    made = make_archive(tmp_path / "archive")
    yield made
    made.store.close()
