"""What goes when a patient, a study or an image goes, and taking it out in one transaction.

An item belongs to the patient that it names itself; only where it names none, to the patient of its study. So an image
of another person that is filed in a study of the erased patient stays, and with it the bare study, without patient,
accession number and description.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from caseindex.errors import NotInArchive
from caseindex.index import store_embeddings
from caseindex.index.store_format import CODECS, IMAGES, REPORTS, SERIES, STUDIES, Codec, key
from caseindex.index.store_reader import IDS_OF, LmdbReader
from caseindex.protocols import Removed
from caseindex.records import Image, ItemKind, Report, Series, Study


@dataclass(slots=True)
class Affected:
    """What is deleted, and what is kept with less in it."""

    images: dict[str, Image] = field(default_factory=dict)
    series: dict[str, Series] = field(default_factory=dict)
    studies: dict[str, Study] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    kept_series: list[Series] = field(default_factory=list)
    kept_studies: list[Study] = field(default_factory=list)
    kept_reports: list[Report] = field(default_factory=list)
    patients: set[str] = field(default_factory=set)  # of whom nothing is left


def affected(
    reader: LmdbReader, *, patient_id: str | None = None, study_uid: str | None = None, image_uid: str | None = None
) -> Affected:
    """Raises :class:`~caseindex.errors.NotInArchive` where there is nothing under this identifier."""
    gone = Affected()
    if patient_id is not None:
        _of_patient(reader, gone, patient_id)
    elif study_uid is not None:
        gone.images = {image.image_uid: image for image in reader.images(study_uid=study_uid)}
        gone.reports = {report.report_uid: report for report in reader.reports(study_uid=study_uid)}
        gone.series = {series.series_uid: series for series in reader.all_series(study_uid=study_uid)}
        study = reader.study(study_uid)
        if study is not None:
            gone.studies[study_uid] = study
    elif image_uid is not None:
        image = reader.image(image_uid)
        if image is not None:
            gone.images[image_uid] = image
    if not (gone.images or gone.reports or gone.studies or gone.series):
        what = "patient" if patient_id is not None else "study" if study_uid is not None else "image"
        raise NotInArchive(
            patient_id if patient_id is not None else study_uid if study_uid is not None else image_uid,
            f"there is no such {what} in the archive",
            "Check the identifier; `caseindex export` lists those that are here",
        )
    _captions(reader, gone)
    _series(reader, gone)
    _studies(reader, gone, patient_id)
    gone.patients = _patients_without_rest(reader, gone, patient_id)
    return gone


def _of_patient(reader: LmdbReader, gone: Affected, patient_id: str) -> None:
    gone.images = {image.image_uid: image for image in reader.images(patient_id=patient_id)}
    gone.reports = {report.report_uid: report for report in reader.reports(patient_id=patient_id)}
    for study in reader.studies(patient_id=patient_id):
        gone.studies[study.study_uid] = study
        for image in reader.images(study_uid=study.study_uid):
            if image.patient_id is None:
                gone.images[image.image_uid] = image
        for report in reader.reports(study_uid=study.study_uid):
            if report.patient_id is None:
                gone.reports[report.report_uid] = report


def _captions(reader: LmdbReader, gone: Affected) -> None:
    """A report that was filed with images names only those that stay; with none of them left it would wrongly stand
    for the whole study, so it goes with its images."""
    for study_uid in {image.study_uid for image in gone.images.values()}:
        for report in reader.reports(study_uid=study_uid):
            if report.report_uid in gone.reports or not report.image_uids:
                continue
            left = tuple(uid for uid in report.image_uids if uid not in gone.images)
            if not left:
                gone.reports[report.report_uid] = report
            elif left != report.image_uids:
                gone.kept_reports.append(dataclasses.replace(report, image_uids=left))


def _series(reader: LmdbReader, gone: Affected) -> None:
    """A series loses its erased images, and goes with the last one."""
    touched = {image.series_uid for image in gone.images.values() if image.series_uid is not None}
    within = {image.study_uid for image in gone.images.values()} | set(gone.studies)
    for study_uid in within:
        touched |= {series.series_uid for series in reader.all_series(study_uid=study_uid)}
    for series_uid in sorted(touched - set(gone.series)):
        series = reader.series(series_uid)
        if series is None:
            continue
        rest = any(image.image_uid not in gone.images for image in reader.images(series_uid=series_uid))
        was_here = any(image.series_uid == series_uid for image in gone.images.values())
        if not rest and (was_here or series.study_uid in gone.studies):
            gone.series[series_uid] = series
            continue
        left = dataclasses.replace(
            series,
            image_uids=tuple(uid for uid in series.image_uids if uid not in gone.images),
            representative_uids=tuple(uid for uid in series.representative_uids if uid not in gone.images),
        )
        if left != series:
            gone.kept_series.append(left)


def _studies(reader: LmdbReader, gone: Affected, patient_id: str | None) -> None:
    touched = {image.study_uid for image in gone.images.values()} | set(gone.studies)
    touched |= {report.study_uid for report in gone.reports.values()}
    for study_uid in sorted(touched):
        study = reader.study(study_uid)
        if study is None:
            continue
        rest = any(image.image_uid not in gone.images for image in reader.images(study_uid=study_uid)) or any(
            report.report_uid not in gone.reports for report in reader.reports(study_uid=study_uid)
        )
        if not rest:
            gone.studies[study_uid] = study
        elif patient_id is not None and study_uid in gone.studies:
            del gone.studies[study_uid]
            gone.kept_studies.append(Study(study_uid=study_uid, date=study.date, derived=study.derived))


def _patients_without_rest(reader: LmdbReader, gone: Affected, patient_id: str | None) -> set[str]:
    named = {image.patient_id for image in gone.images.values()} | {study.patient_id for study in gone.studies.values()}
    named |= {report.patient_id for report in gone.reports.values()} | {patient_id}
    kept = {study.study_uid for study in gone.kept_studies}
    return {
        patient
        for patient in named
        if patient is not None
        and all(image.image_uid in gone.images for image in reader.images(patient_id=patient))
        and all(report.report_uid in gone.reports for report in reader.reports(patient_id=patient))
        and all(
            study.study_uid in gone.studies or study.study_uid in kept for study in reader.studies(patient_id=patient)
        )
    }


def take_out(transaction: Any, dbs: dict[str, Any], gone: Affected) -> Removed:
    """Deletes and rewrites what ``gone`` says, with every key, id and embedding of it."""
    reader = LmdbReader(transaction, dbs)
    embeddings = 0
    for kind, codec, records in (
        (ItemKind.IMAGE, IMAGES, gone.images),
        (ItemKind.REPORT, REPORTS, gone.reports),
    ):
        ids = np.array([item_id for uid in records if (item_id := reader.item_id(kind, uid))], np.int64)
        if len(ids):
            embeddings += store_embeddings.discard_everywhere(transaction, dbs, kind, ids)
        for item_id in ids:
            transaction.delete(int(item_id).to_bytes(8, "big"), db=dbs[IDS_OF[kind]])
        _delete(transaction, dbs, codec, records)
    _delete(transaction, dbs, SERIES, gone.series)
    _delete(transaction, dbs, STUDIES, gone.studies)
    for name, kept in (("series", gone.kept_series), ("studies", gone.kept_studies), ("reports", gone.kept_reports)):
        for record in kept:
            _replace(transaction, dbs, CODECS[name], record)
    return Removed(
        patients=len(gone.patients),
        studies=len(gone.studies),
        images=len(gone.images),
        reports=len(gone.reports),
        embeddings=embeddings,
    )


def take_out_empty(transaction: Any, dbs: dict[str, Any], study_uids: set[str]) -> None:
    """Deletes those of these studies that no image and no report belongs to any more."""
    reader = LmdbReader(transaction, dbs)
    gone = {
        uid: study
        for uid in sorted(study_uids)
        if (study := reader.study(uid)) is not None
        and next(reader.images(study_uid=uid), None) is None
        and next(reader.reports(study_uid=uid), None) is None
    }
    _delete(transaction, dbs, STUDIES, gone)


def _delete(transaction: Any, dbs: dict[str, Any], codec: Codec[Any], records: dict[str, Any]) -> None:
    for uid, record in records.items():
        raw_key = key(uid)
        for database, value in codec.secondary_keys(record).items():
            transaction.delete(value, raw_key, db=dbs[database])
        transaction.delete(raw_key, db=dbs[codec.name])


def _replace(transaction: Any, dbs: dict[str, Any], codec: Codec[Any], record: Any) -> None:
    raw_key = key(codec.uid(record))
    old, item_id = codec.unpack(raw_key, transaction.get(raw_key, db=dbs[codec.name]))
    after = codec.secondary_keys(record)
    for database, value in codec.secondary_keys(old).items():
        if after.get(database) != value:
            transaction.delete(value, raw_key, db=dbs[database])
    transaction.put(raw_key, codec.pack(raw_key, record, item_id), db=dbs[codec.name])
