"""An archive of drawn persons whose identity embeddings are given, with a few things filed wrongly on purpose."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from caseindex.index.archive import Archive
from caseindex.records import Image, ItemKind, PixelArray, Sex, Study
from tests.cli.drawn_gallery import FINGERPRINT
from tests.retrieval.identity.drawn_anatomy import anatomy, another_exposure

PATIENTS, DIM = 40, 24
_MORE = {4: 3, 12: 4}  # images of a person, others have two


@dataclass(frozen=True)
class Planted:
    """``misfiled``: (image, patient it is filed under, true patient); ``two_ids``: two ids of one person; ``copies``:
    two patients that share a picture; ``within``: a patient with two copies."""

    archive: Archive
    misfiled: tuple[str, str, str]
    two_ids: tuple[str, str]
    copies: tuple[str, str]
    within: str


def _picture(person: int, number: int) -> PixelArray:
    return another_exposure(anatomy(person, 160), 100 * person + number)


def make_planted(folder: Path) -> Planted:
    archive, _ = Archive.create(folder)
    (folder / "pictures").mkdir()
    generator = np.random.default_rng(5)
    records: list[Image] = []
    studies: list[Study] = []
    vectors: list[np.ndarray] = []

    def add(uid: str, patient: str, picture: PixelArray, vector: np.ndarray, sex: Sex = Sex.FEMALE) -> None:
        file = folder / "pictures" / f"{uid}.png"
        cv2.imwrite(str(file), picture)
        studies.append(Study(study_uid=f"s-{uid}", patient_id=patient, date="2024-03-01"))
        records.append(
            Image(
                image_uid=uid,
                study_uid=f"s-{uid}",
                file=file.name,
                source=str(file),
                patient_id=patient,
                modality="CR",
                view="PA",
                sex=sex,
                date="2024-03-01",
                pixel_sha256=hashlib.sha256(picture.tobytes()).hexdigest(),
            )
        )
        vectors.append(vector)

    def near(centre: np.ndarray) -> np.ndarray:
        vector = centre + 0.17 * generator.normal(size=DIM)
        return np.asarray(vector / np.linalg.norm(vector), np.float32)

    for person in range(PATIENTS):
        centre = generator.normal(size=DIM) / np.sqrt(DIM)
        for number in range(_MORE.get(person, 2)):
            patient = f"P{person:03d}"
            if (person, number) == (4, 1):
                patient = "P009"
            if person == 12 and number > 1:
                patient = "P012-B"
            add(f"i{person:03d}-{number}", patient, _picture(person, number), near(centre))
        if person == 20:  # a copy, encoded again, under another patient's id
            code = cv2.imencode(".jpg", _picture(20, 0), [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
            add("copy", "P900", cv2.imdecode(code, cv2.IMREAD_GRAYSCALE), near(centre))
        if person == 25:
            add("again", "P025", _picture(25, 0), vectors[-2])
    archive.store.put(images=records, studies=studies)
    archive.store.put_embeddings(FINGERPRINT, ItemKind.IMAGE, [one.image_uid for one in records], np.stack(vectors))
    return Planted(archive, ("i004-1", "P009", "P004"), ("P012", "P012-B"), ("P020", "P900"), "P025")
