"""What is filed together: a report with the images that it speaks of, as one question to be verified."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from caseindex.protocols import RecordReader
from caseindex.records import Float32Array, Image, ItemKind, Report

FOLDS = 10


@dataclass(frozen=True, slots=True)
class Filed:
    """``images``: those that the report names, else those that represent its study; never empty."""

    report: Report
    images: tuple[Image, ...]

    @property
    def patient(self) -> str:
        """The patient, or the study where he is not known."""
        return self.images[0].patient_id or self.report.patient_id or self.report.study_uid

    @property
    def fold(self) -> int:
        return fold_of(self.patient)


def fold_of(patient: str) -> int:
    """0 to FOLDS - 1, the same for all that is of one patient, whoever else is in the archive: what is learned for this
    fold was learned without him."""
    digest = hashlib.sha256(patient.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") % FOLDS


def filed_reports(
    reader: RecordReader, *, study_uid: str | None = None, left_out: Collection[str] = frozenset()
) -> Iterator[Filed]:
    """Every report with text that has an image, of patients that are not ``left_out``, in the order of the UIDs."""
    for report in reader.reports(study_uid=study_uid):
        if not report.text.strip():
            continue
        images = _spoken_of(reader, report)
        one = Filed(report, images)
        if images and one.patient not in left_out:
            yield one


def _spoken_of(reader: RecordReader, report: Report) -> tuple[Image, ...]:
    if report.image_uids:
        named = [image for uid in report.image_uids if (image := reader.image(uid)) is not None]
    else:
        named = list(reader.images(study_uid=report.study_uid))
    return tuple([image for image in named if image.represents_series] or named)


def mean_vector(reader: RecordReader, fingerprint: str, images: Collection[Image]) -> Float32Array | None:
    """[dim], unit length: the mean of the images' embeddings; ``None`` where none has one."""
    found = [reader.embedding(fingerprint, ItemKind.IMAGE, image.image_uid) for image in images]
    known = [vector for vector in found if vector is not None]
    return unit(np.mean(known, axis=0)) if known else None


def unit(vector: Float32Array) -> Float32Array:
    """Of length 1; a zero vector stays."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)
