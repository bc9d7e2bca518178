"""The pairs of an archive: studies with the images that are embedded and the reports that speak of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from caseindex.index.archive import Archive
from caseindex.records import Image, Int64Array, Report
from caseindex.train.run_folder import digest


@dataclass(frozen=True, slots=True)
class PairImage:
    """``texts``: places in :attr:`Pairs.texts` of the reports that speak of it."""

    uid: str
    study: int
    texts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """``studies[i]`` has the patient ``patients[i]`` and the images ``images_of[i]`` (places in ``images``).

    A report that names its images speaks of those, any other of all images of its study. ``texts`` are distinct:
    equal reports are one text.
    """

    studies: tuple[str, ...]
    patients: tuple[str | None, ...]
    images: tuple[PairImage, ...]
    images_of: tuple[tuple[int, ...], ...]
    texts: tuple[str, ...]

    def images_in(self, studies: Iterable[int]) -> Int64Array:
        """[n] places in :attr:`images` of those of the studies at the places ``studies``."""
        return np.array([image for study in studies for image in self.images_of[study]], np.int64)

    def texts_in(self, studies: Iterable[int]) -> list[int]:
        """Places in :attr:`texts` of what is said of these studies' images, ascending."""
        return sorted({text for image in self.images_in(studies) for text in self.images[image].texts})

    def digest(self) -> str:
        """The same pairs have the same digest."""
        return digest([self.studies, self.patients, self.texts, [asdict(item) for item in self.images]])


def read_pairs(archive: Archive) -> Pairs:
    """All studies with an image and a report that speaks of it, in the order of their UIDs."""
    studies: list[str] = []
    patients: list[str | None] = []
    images: list[PairImage] = []
    images_of: list[tuple[int, ...]] = []
    texts: dict[str, int] = {}
    with archive.store.read() as reader:
        for study in reader.studies():
            reports = [item for item in reader.reports(study_uid=study.study_uid) if item.text.strip()]
            if not reports:
                continue
            found = []
            patient = study.patient_id
            for image in reader.images(study_uid=study.study_uid):
                spoken = _speaking_of(image, reports)
                if image.represents_series and spoken:
                    patient = patient or image.patient_id
                    places = tuple(dict.fromkeys(texts.setdefault(text, len(texts)) for text in spoken))
                    found.append(PairImage(image.image_uid, len(studies), places))
            if found:
                images_of.append(tuple(range(len(images), len(images) + len(found))))
                images += found
                studies.append(study.study_uid)
                patients.append(patient)
    return Pairs(tuple(studies), tuple(patients), tuple(images), tuple(images_of), tuple(texts))


def _speaking_of(image: Image, reports: Sequence[Report]) -> list[str]:
    return [item.text for item in reports if not item.image_uids or image.image_uid in item.image_uids]


def with_images(pairs: Pairs, kept: Sequence[int]) -> Pairs:
    """Only the images at the places ``kept``; studies and texts that are left without an image go."""
    studies: list[int] = []
    texts: dict[int, int] = {}
    images: list[PairImage] = []
    images_of: list[list[int]] = []
    for place in kept:
        image = pairs.images[place]
        if not studies or studies[-1] != image.study:
            studies.append(image.study)
            images_of.append([])
        images_of[-1].append(len(images))
        spoken = tuple(texts.setdefault(text, len(texts)) for text in image.texts)
        images.append(PairImage(image.uid, len(studies) - 1, spoken))
    return Pairs(
        tuple(pairs.studies[study] for study in studies),
        tuple(pairs.patients[study] for study in studies),
        tuple(images),
        tuple(tuple(group) for group in images_of),
        tuple(pairs.texts[text] for text in texts),
    )
