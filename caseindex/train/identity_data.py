"""The archive's images as identity training needs them: whose, of which kind, on which side of the split."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from caseindex.errors import TrainingError
from caseindex.evaluation.identity_set import numbered
from caseindex.index.archive import Archive
from caseindex.index.comparable import Kind, kind_of
from caseindex.index.comparable import numbered as numbered_kinds
from caseindex.records import Image, Int64Array, ItemKind
from caseindex.train.split import Split, split_by_patient


@dataclass(frozen=True, slots=True, eq=False)
class IdentityRecords:
    """Row-aligned with ``images``; numbers as in :class:`~caseindex.train.identity_task.IdentityImages`."""

    images: tuple[Image, ...]
    persons: Int64Array
    families: Int64Array
    kinds: Int64Array
    studies: Int64Array
    copies: Int64Array
    kind_names: tuple[Kind, ...]

    def rows_of(self, image_uids: Collection[str]) -> Int64Array:
        wanted = set(image_uids)
        return np.array([row for row, image in enumerate(self.images) if image.image_uid in wanted], np.int64)


def read_records(
    archive: Archive,
    possibly_same: Sequence[tuple[str, str]],
    same: Sequence[tuple[str, str]] = (),
    reassigned: Mapping[str, str | None] = MappingProxyType({}),
) -> IdentityRecords:
    """All images that represent their series. ``possibly_same``: patient ids that may be one person; ``same``: that a
    person decided are one; ``reassigned``: image UID -> the patient that a person decided it is of.

    Raises :class:`~caseindex.errors.TrainingError` where no patient has two images of one kind.
    """
    with archive.store.read() as reader:
        found = [image for _, uid in reader.items(ItemKind.IMAGE) if (image := reader.image(uid)) is not None]
        derived = {study.study_uid for study in reader.studies() if study.derived}
    images = tuple(image for image in found if image.represents_series)
    kinds, names = numbered_kinds([kind_of(image) for image in images])
    one = _leaders(same)
    owners = [reassigned.get(image.image_uid, image.patient_id) for image in images]
    patients = [one.get(owner, owner) if owner else None for owner in owners]
    # A frontal and a lateral picture of a patient teach nothing about each other: each kind is a person of its own, and
    # all of a patient are one family, never strangers.
    persons = numbered(
        [None if name is None else f"{kind} {name}" for kind, name in zip(kinds.tolist(), patients, strict=True)]
    )
    family = _leaders([*same, *possibly_same])
    families = numbered([None if name is None else family.get(name, name) for name in patients])
    counts = np.bincount(persons[persons >= 0]) if (persons >= 0).any() else np.empty(0, np.int64)
    if not (counts > 1).any():
        raise TrainingError(
            "train identity",
            "no patient has two images of one kind (modality, view, body part)",
            "Ingest follow-up images with their patient ids",
        )
    return IdentityRecords(
        images,
        persons,
        families,
        kinds,
        numbered([image.image_uid if image.study_uid in derived else image.study_uid for image in images]),
        numbered([image.pixel_sha256 or image.image_uid for image in images]),
        names,
    )


def split_records(
    records: IdentityRecords,
    possibly_same: Sequence[tuple[str, str]],
    reassigned: Mapping[str, str | None] = MappingProxyType({}),
    *,
    validation: float,
    test: float,
    seed: int,
) -> Split:
    """Image UIDs by side. Patients that may be one person are on one side, an image that was reassigned with the patient
    that it is of."""
    family = _leaders(possibly_same)
    owners = {}
    for image in records.images:
        owner = reassigned.get(image.image_uid, image.patient_id)
        owners[image.image_uid] = family.get(owner, owner) if owner else None
    return split_by_patient(owners, validation=validation, test=test, seed=seed)


def _leaders(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """For each id in ``pairs`` the smallest id that a chain of pairs leads to."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for one, two in pairs:
        first, second = sorted((find(one), find(two)))
        leader[second] = first
    return {name: find(name) for name in list(leader)}
