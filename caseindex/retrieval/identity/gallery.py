"""The archive as identity sees it: one embedding per image, with what is needed to compare it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from caseindex.encoders.model import Model
from caseindex.errors import NotInArchive
from caseindex.evaluation.identity_set import IdentitySet, numbered
from caseindex.index.archive import Archive
from caseindex.index.comparable import Kind, kind_of
from caseindex.index.comparable import numbered as numbered_kinds
from caseindex.index.identity_model import identity_model
from caseindex.records import Float32Array, Image, Int64Array, ItemKind
from caseindex.retrieval.encoding import OnProgress, complete_embeddings


@dataclass(frozen=True, slots=True, eq=False)
class IdentityGallery:
    """Row-aligned, by ascending id. ``vectors``: [n, dim] float32, L2-normalised; ``kinds``: [n], only images of one
    kind are compared, ``kind_names`` says which kinds they are. An image costs its vector and about 2 KB of record."""

    images: tuple[Image, ...]
    vectors: Float32Array
    kinds: Int64Array
    kind_names: tuple[Kind, ...]
    persons: Int64Array  # number of the patient, -1 where the archive has no patient id
    patient_ids: tuple[str, ...]  # by that number
    studies: Int64Array
    copies: Int64Array  # equal for pixel-identical images
    model_name: str
    fingerprint: str

    def __len__(self) -> int:
        return len(self.images)

    def patient(self, row: int) -> str | None:
        number = int(self.persons[row])
        return None if number < 0 else self.patient_ids[number]

    def rows_of(self, patient_id: str) -> Int64Array:
        """Rows of the patient's images, ascending; empty for an unknown one."""
        if patient_id not in self.patient_ids:
            return np.empty(0, np.int64)
        return np.flatnonzero(self.persons == self.patient_ids.index(patient_id))

    def row_of(self, image_uid: str) -> int | None:
        return next((row for row, image in enumerate(self.images) if image.image_uid == image_uid), None)

    def as_set(self, possibly_same: Sequence[tuple[str, str]] = ()) -> IdentitySet:
        """For the protocols. ``possibly_same``: pairs of patient ids that may be one person; unknown ids are ignored."""
        number = {name: place for place, name in enumerate(self.patient_ids)}
        pairs = {(number[one], number[two]) for one, two in possibly_same if one in number and two in number}
        return IdentitySet(self.vectors, self.persons, self.kinds, self.studies, self.copies, frozenset(pairs))


def load_gallery(
    archive: Archive,
    name: str | None = None,
    *,
    on_progress: OnProgress | None = None,
    notes: list[str] | None = None,
) -> tuple[IdentityGallery, Model]:
    """(all images with an embedding of the identity model ``name``, the model). The model is fitted at its first use,
    missing embeddings are computed.

    Raises :class:`~caseindex.errors.NotInArchive` where no image has one.
    """

    def fitting(count: int, total: int) -> None:
        if on_progress is not None:
            on_progress("fitting the identity model", count, total)

    model = identity_model(archive, name, on_progress=fitting)
    complete_embeddings(archive, model, on_progress, notes if notes is not None else [])
    return read_gallery(archive, model), model


def read_gallery(archive: Archive, model: Model) -> IdentityGallery:
    """The images that have an embedding of ``model``, as they are now."""
    images: list[Image] = []
    with archive.store.read() as reader:
        derived: set[str] = {study.study_uid for study in reader.studies() if study.derived}
        # Filled block by block, so that the vectors lie in memory once.
        vectors = np.empty((len(reader.embedding_ids(model.fingerprint, ItemKind.IMAGE)), model.dim), np.float32)
        for block in reader.embedding_blocks(model.fingerprint, ItemKind.IMAGE):
            kept: list[int] = []
            first = len(images)
            for place, item in enumerate(block.ids.tolist()):
                uid = reader.item_uid(ItemKind.IMAGE, item)
                image = reader.image(uid) if uid is not None else None
                if image is not None:
                    kept.append(place)
                    images.append(image)
            vectors[first : len(images)] = block.vectors[kept]
    if not images:
        raise NotInArchive(
            "images of this archive",
            f"none has an embedding of {model.name}",
            "Ingest images, or look at `caseindex info`",
        )
    kinds, kind_names = numbered_kinds([kind_of(image) for image in images])
    persons = numbered([image.patient_id for image in images])
    return IdentityGallery(
        images=tuple(images),
        vectors=vectors[: len(images)],
        kinds=kinds,
        kind_names=kind_names,
        persons=persons,
        patient_ids=tuple(dict.fromkeys(image.patient_id for image in images if image.patient_id is not None)),
        # A study that was made up of patient and date does not say that two pictures were taken together.
        studies=numbered([image.image_uid if image.study_uid in derived else image.study_uid for image in images]),
        copies=numbered([image.pixel_sha256 or image.image_uid for image in images]),
        model_name=model.name,
        fingerprint=model.fingerprint,
    )
