"""An archive of records whose identity embeddings are given, so that every figure can be worked out beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from caseindex.encoders.model import Model
from caseindex.index.archive import Archive
from caseindex.records import Image, ItemKind, Study
from caseindex.retrieval.identity import gallery

FINGERPRINT = "ab" * 32


def make_gallery(
    folder: Path, *, patients: int = 60, images: int = 3, alone: int = 20, spread: float = 0.3, dim: int = 24
) -> Archive:
    """``patients`` with ``images`` studies of one image (the first study of every third one holds two), ``alone`` with
    one image; each image lies near its patient's direction. No pixels anywhere."""
    archive, _ = Archive.create(folder)
    generator = np.random.default_rng(0)
    records, studies, vectors = [], [], []
    for person in range(patients + alone):
        centre = generator.normal(size=dim)
        for number in range(images if person < patients else 1):
            twice = number == 0 and person < patients and person % 3 == 0
            study = f"s{person:03d}-{number}"
            studies.append(Study(study_uid=study, patient_id=f"P{person:03d}"))
            for part in range(2 if twice else 1):
                uid = f"{study}-{part}"
                records.append(
                    Image(
                        image_uid=uid,
                        study_uid=study,
                        file=f"{uid}.png",
                        source=f"/nowhere/{uid}.png",
                        patient_id=f"P{person:03d}",
                        modality="CR",
                        view="PA",
                        pixel_sha256=f"{len(records):064x}",
                    )
                )
                # Two images of one study are all but equal.
                vectors.append(vectors[-1] if part else centre + spread * np.sqrt(dim) * generator.normal(size=dim) / 2)
    archive.store.put(images=records, studies=studies)
    found = np.array(vectors, np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    archive.store.put_embeddings(FINGERPRINT, ItemKind.IMAGE, [one.image_uid for one in records], found)
    return archive


@contextmanager
def given_embeddings(dim: int = 24) -> Iterator[None]:
    """The identity model of every archive is the one whose embeddings are there already."""
    model = Model("given", FINGERPRINT, None, None, dim)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery, "identity_model", lambda *_, **__: model)
        patch.setattr(gallery, "complete_embeddings", lambda *_: None)
        yield
