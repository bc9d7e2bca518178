"""What a classifier learns from: images or reports with their labels, of the archive's records or of a table."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from caseindex.errors import TrainingError
from caseindex.evaluation.label_table import LabelTable
from caseindex.index.archive import Archive
from caseindex.records import Float32Array


@dataclass(frozen=True, slots=True)
class LabelledItem:
    """``patient``: the patient's id, else the study: what stays on one side. ``text``: of a report. ``labels``: label -> 1
    or 0; of one label per item the class alone."""

    uid: str
    study: str
    patient: str
    text: str | None
    labels: Mapping[str, float]

    def has(self) -> list[str]:
        return [label for label, value in self.labels.items() if value == 1.0]


@dataclass(frozen=True, slots=True)
class LabelledItems:
    """``truth``: [items, classes] 1, 0, or NaN where nobody knows. ``left_out``: label -> patients that have it, fewer than
    were asked for."""

    items: tuple[LabelledItem, ...]
    classes: tuple[str, ...]
    many: bool
    left_out: Mapping[str, int]

    @property
    def truth(self) -> Float32Array:
        out = np.full((len(self.items), len(self.classes)), math.nan, np.float32)
        for row, item in enumerate(self.items):
            for place, label in enumerate(self.classes):
                out[row, place] = item.labels.get(label, 0.0)
        return out


def read_labelled(
    archive: Archive,
    *,
    of_text: bool,
    table: LabelTable | None = None,
    many: bool = False,
    least_patients: int = 3,
    hold_out: Collection[str] = (),
) -> LabelledItems:
    """Every image that represents its series, or every report, that has a label. Unless ``many`` (or the table is of
    several labels) the first label is the item's class. A label that fewer than ``least_patients`` have, those of
    ``hold_out`` not counted, is left out, and with it the items that have no other.

    Raises :class:`~caseindex.errors.TrainingError` where fewer than two labels remain.
    """
    many = many or (table is not None and table.many)
    found = [
        item if many else _first_label(item)
        for item in (_reports(archive, table) if of_text else _images(archive, table))
        if item.labels
    ]
    patients: dict[str, set[str]] = {}
    for item in found:
        for label in item.has():
            patients.setdefault(label, set()).add(item.patient)
    counted = {label: len(those.difference(hold_out)) for label, those in patients.items()}
    order = table.order if table is not None else tuple(sorted(counted))
    classes = tuple(label for label in order if counted.get(label, 0) >= least_patients)
    if len(classes) < (1 if many else 2):
        raise TrainingError(
            "train classifier",
            f"{len(classes)} labels that at least {least_patients} patients have",
            "Give labels with --labels FILE.csv, or in the manifest's `labels` column",
        )
    kept = tuple(item for item in found if any(label in item.labels for label in classes))
    return LabelledItems(kept, classes, many, {label: n for label, n in counted.items() if label not in classes})


def _first_label(item: LabelledItem) -> LabelledItem:
    return replace(item, labels=dict.fromkeys(item.has()[:1], 1.0))


def _images(archive: Archive, table: LabelTable | None) -> Iterator[LabelledItem]:
    with archive.store.read() as reader:
        for image in reader.images():
            if not image.represents_series:
                continue
            labels: Mapping[str, float] | None = dict.fromkeys(image.labels, 1.0)
            if table is not None:
                labels = table.of(
                    image_uid=image.image_uid,
                    image=image.file,
                    file=image.file,
                    study_uid=image.study_uid,
                    study_id=image.study_uid,
                )
            owner = image.patient_id or f"study {image.study_uid}"
            yield LabelledItem(image.image_uid, image.study_uid, owner, None, labels or {})


def _reports(archive: Archive, table: LabelTable | None) -> Iterator[LabelledItem]:
    with archive.store.read() as reader:
        for report in reader.reports():
            if not report.text.strip():
                continue
            labels: Mapping[str, float] | None = {}
            patient = report.patient_id
            images = list(reader.images(study_uid=report.study_uid))
            spoken = [image for image in images if not report.image_uids or image.image_uid in report.image_uids]
            patient = patient or next((image.patient_id for image in spoken if image.patient_id), None)
            if table is not None:
                labels = table.of(
                    report_uid=report.report_uid,
                    study_uid=report.study_uid,
                    study_id=report.study_uid,
                    file=report.file,
                )
                labels = labels or next(
                    (
                        found
                        for image in spoken
                        if (found := table.of(image=image.file, file=image.file, image_uid=image.image_uid))
                    ),
                    None,
                )
            else:
                labels = {label: 1.0 for image in spoken for label in image.labels}
            owner = patient or f"study {report.study_uid}"
            yield LabelledItem(report.report_uid, report.study_uid, owner, report.text, labels or {})
