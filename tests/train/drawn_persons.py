"""A small archive of drawn persons, several pictures of each: the same ribs and spots, turned, shifted, exposed anew and
half hidden by stripes that has nothing to do with the person."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Picture

from caseindex.index.archive import Archive
from caseindex.records import Image, PixelArray, Study

SIDE = 96
#: Of ``IdentitySettings``: small pictures and few steps.
SMALL = {
    "sizes": (64,),
    "dim": 32,
    "epochs": 4,
    "patience": 4,
    "batch_persons": 8,
    "learning_rate": 1e-3,
    "trunk_rate": 1e-3,
    "validation": 0.2,
    "test": 0.3,
}


def draw(person: int, picture: int, hidden: float = 0.6) -> PixelArray:
    own = np.random.default_rng([7, person])
    field = cv2.resize(own.normal(size=(9, 9)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    now = np.random.default_rng([8, person, picture])
    move = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), now.uniform(-4, 4), now.uniform(0.95, 1.05))
    move[:, 2] += now.uniform(-3, 3, 2)
    field = cv2.warpAffine(field, move, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
    y, x = np.mgrid[:SIDE, :SIDE]
    turned = now.integers(0, 4) * np.pi / 4
    pattern = 1.6 * np.sin((x * np.cos(turned) + y * np.sin(turned)) * 2 * np.pi / 8 + now.uniform(0, 6))
    chest = np.exp(-(((x - SIDE / 2) / 40) ** 2 + ((y - SIDE / 2) / 30) ** 2))
    values = 60 + 90 * chest + 28 * ((1 - hidden) * field + hidden * pattern) * now.uniform(0.8, 1.2)
    return np.clip(values + now.normal(0, 4, (SIDE, SIDE)), 0, 255).astype(np.uint8)


def make_persons(folder: Path, patients: int = 24, images: int = 3, *, hidden: float = 0.6, first: int = 0) -> Archive:
    """Patients ``p000`` on, each with ``images`` studies of one image; ``uid`` is ``PATIENT-NUMBER``."""
    folder.mkdir(parents=True)
    (folder / "archive.toml").write_text("# mine\n")
    studies, records = [], []
    for person in range(first, first + patients):
        for picture in range(images):
            uid = f"p{person:03d}-{picture}"
            file = folder / f"{uid}.png"
            Picture.fromarray(draw(person, picture, hidden)).save(file)
            studies.append(Study(study_uid=uid, patient_id=uid[:4]))
            records.append(
                Image(image_uid=uid, study_uid=uid, file=file.name, source=str(file), patient_id=uid[:4], modality="CR")
            )
    archive = Archive.open(folder)
    archive.store.put(images=records, studies=studies)
    return archive
