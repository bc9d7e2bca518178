"""The truth of the contract of RecordStore: plain dictionaries and loops over everything."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from caseindex.errors import NotInArchive
from caseindex.protocols import RecordStore
from caseindex.records import Image, ItemKind, Report, Series, Study
from tests.contracts.drawn_records import IMAGES, MODELS, PATIENTS, REPORTS, SERIES, STUDIES


class DictStore:
    """Holds what a store should hold, and nothing on disk."""

    def __init__(self) -> None:
        self.images: dict[str, Image] = {}
        self.series: dict[str, Series] = {}
        self.studies: dict[str, Study] = {}
        self.reports: dict[str, Report] = {}
        self.ids: dict[tuple[ItemKind, str], int] = {}
        self.vectors: dict[tuple[str, ItemKind, str], Any] = {}
        self.next_id = 1

    def put(
        self,
        images: list[Image],
        series: list[Series],
        studies: list[Study],
        reports: list[Report],
        retired: list[str],
    ) -> None:
        left: set[str] = set()  # studies that something went out of
        for image in images:
            old = self.images.get(image.image_uid)
            if old is not None and old.study_uid != image.study_uid:
                left.add(old.study_uid)
            if old is not None and old.pixel_sha256 != image.pixel_sha256:
                self._forget(ItemKind.IMAGE, image.image_uid)
            self._id(ItemKind.IMAGE, image.image_uid)
            self.images[image.image_uid] = image
        for report in reports:
            was = self.reports.get(report.report_uid)
            if was is not None and was.study_uid != report.study_uid:
                left.add(was.study_uid)
            if was is not None and was.text != report.text:
                self._forget(ItemKind.REPORT, report.report_uid)
            self._id(ItemKind.REPORT, report.report_uid)
            self.reports[report.report_uid] = report
        self.series |= {one.series_uid: one for one in series}
        self.studies |= {one.study_uid: one for one in studies}
        for uid in set(retired) & set(self.reports):
            left.add(self.reports.pop(uid).study_uid)
            self._forget(ItemKind.REPORT, uid)
        for uid in left - {one.study_uid for one in studies}:
            if not any(one.study_uid == uid for one in (*self.images.values(), *self.reports.values())):
                self.studies.pop(uid, None)

    def _forget(self, kind: ItemKind, uid: str) -> None:
        del self.ids[kind, uid]
        self.vectors = {at: vector for at, vector in self.vectors.items() if at[1:] != (kind, uid)}

    def _id(self, kind: ItemKind, uid: str) -> None:
        if (kind, uid) not in self.ids:
            self.ids[kind, uid] = self.next_id
            self.next_id += 1

    def patients(self) -> list[str]:
        every = [*self.images.values(), *self.studies.values(), *self.reports.values()]
        return sorted({one.patient_id for one in every if one.patient_id is not None})

    def remove(self, patient_id: str | None, study_uid: str | None, image_uid: str | None) -> tuple[int, ...] | None:
        """(studies, images, reports, embeddings) that went, or None for nothing of this name."""

        def patient(one: Image | Report) -> str | None:
            if one.patient_id is not None:
                return one.patient_id
            study = self.studies.get(one.study_uid)
            return study.patient_id if study else None

        if patient_id is not None:
            gone_images = {uid for uid, one in self.images.items() if patient(one) == patient_id}
            gone_reports = {uid for uid, one in self.reports.items() if patient(one) == patient_id}
            marked = {uid for uid, one in self.studies.items() if one.patient_id == patient_id}
            named = bool(gone_images or gone_reports or marked)
        elif study_uid is not None:
            gone_images = {uid for uid, one in self.images.items() if one.study_uid == study_uid}
            gone_reports = {uid for uid, one in self.reports.items() if one.study_uid == study_uid}
            marked = {study_uid} & set(self.studies)
            named = bool(
                gone_images or gone_reports or marked or any(s.study_uid == study_uid for s in self.series.values())
            )
        else:
            gone_images = {image_uid} & set(self.images)
            gone_reports, marked, named = set(), set(), bool(gone_images)
        if not named:
            return None
        study_of_gone = {self.images[uid].study_uid for uid in gone_images}
        for uid, report in list(self.reports.items()):
            if report.study_uid in study_of_gone and report.image_uids and uid not in gone_reports:
                left = tuple(one for one in report.image_uids if one not in gone_images)
                if left:
                    self.reports[uid] = dataclasses.replace(report, image_uids=left)
                else:
                    gone_reports.add(uid)
        touched = study_of_gone | {self.reports[uid].study_uid for uid in gone_reports} | marked
        emptied_series = {self.images[uid].series_uid for uid in gone_images}
        for uid in gone_images:
            del self.images[uid]
        for uid in gone_reports:
            del self.reports[uid]
        before = len(self.vectors)
        for kind, gone in ((ItemKind.IMAGE, gone_images), (ItemKind.REPORT, gone_reports)):
            for uid in gone:
                del self.ids[kind, uid]
            self.vectors = {at: v for at, v in self.vectors.items() if not (at[1] is kind and at[2] in gone)}
        for uid, one in list(self.series.items()):
            rest = any(image.series_uid == uid for image in self.images.values())
            erased = study_uid is not None and one.study_uid == study_uid
            if erased or (not rest and (uid in emptied_series or one.study_uid in marked)):
                del self.series[uid]
            elif uid in emptied_series or one.study_uid in study_of_gone | marked:
                left = tuple(image for image in one.image_uids if image not in gone_images)
                self.series[uid] = dataclasses.replace(one, image_uids=left)
        gone_studies = 0
        for uid in touched & set(self.studies):
            rest = any(one.study_uid == uid for one in (*self.images.values(), *self.reports.values()))
            if not rest:
                del self.studies[uid]
                gone_studies += 1
            elif uid in marked:
                one = self.studies[uid]
                self.studies[uid] = Study(study_uid=uid, date=one.date, derived=one.derived)
        return gone_studies, len(gone_images), len(gone_reports), before - len(self.vectors)


def agree(store: RecordStore, model: DictStore) -> None:
    """Every question of RecordReader, both answers equal."""
    with store.read() as reader:
        for found, wanted in (
            (list(reader.images()), model.images),
            (list(reader.all_series()), model.series),
            (list(reader.studies()), model.studies),
            (list(reader.reports()), model.reports),
        ):
            assert found == [wanted[uid] for uid in sorted(wanted)]
        assert list(reader.patients()) == model.patients()
        for uid in IMAGES:
            assert reader.image(uid) == model.images.get(uid)
            assert reader.item_id(ItemKind.IMAGE, uid) == model.ids.get((ItemKind.IMAGE, uid))
        for patient in PATIENTS:
            assert list(reader.images(patient_id=patient)) == _chosen(model.images, patient_id=patient)
            assert list(reader.studies(patient_id=patient)) == _chosen(model.studies, patient_id=patient)
            assert list(reader.reports(patient_id=patient)) == _chosen(model.reports, patient_id=patient)
            assert list(reader.images(patient_id=patient, study_uid="1.2.3")) == _chosen(
                model.images, patient_id=patient, study_uid="1.2.3"
            )
        for study in STUDIES:
            assert reader.study(study) == model.studies.get(study)
            assert list(reader.images(study_uid=study)) == _chosen(model.images, study_uid=study)
            assert list(reader.reports(study_uid=study)) == _chosen(model.reports, study_uid=study)
            assert list(reader.all_series(study_uid=study)) == _chosen(model.series, study_uid=study)
        for one in SERIES:
            assert reader.series(one) == model.series.get(one)
            assert list(reader.images(series_uid=one)) == _chosen(model.images, series_uid=one)
        assert list(reader.studies(accession_number="A1")) == _chosen(model.studies, accession_number="A1")
        for kind in ItemKind:
            wanted_items = sorted((number, uid) for (of, uid), number in model.ids.items() if of is kind)
            assert list(reader.items(kind)) == wanted_items
            assert [reader.item_uid(kind, number) for number, _ in wanted_items] == [uid for _, uid in wanted_items]
            for fingerprint in MODELS:
                _embeddings_agree(reader, model, fingerprint, kind)
        counts = reader.counts()
        assert (counts.patients, counts.studies, counts.series) == (
            len(model.patients()),
            len(model.studies),
            len(model.series),
        )
        assert (counts.images, counts.reports) == (len(model.images), len(model.reports))
        wanted_counts = {name: sum(1 for at in model.vectors if at[0] == name) for name in MODELS}
        assert counts.embeddings == {name: count for name, count in wanted_counts.items() if count}


def _chosen(records: dict[str, Any], **wanted: str) -> list[Any]:
    found = [records[uid] for uid in sorted(records)]
    return [one for one in found if all(getattr(one, name) == value for name, value in wanted.items())]


def _embeddings_agree(reader: Any, model: DictStore, fingerprint: str, kind: ItemKind) -> None:
    wanted = sorted(
        (model.ids[kind, uid], uid) for name, of, uid in model.vectors if name == fingerprint and of is kind
    )
    ids = np.array([number for number, _ in wanted], np.int64)
    vectors = [model.vectors[fingerprint, kind, uid] for _, uid in wanted]
    assert reader.embedding_ids(fingerprint, kind).tolist() == ids.tolist()
    for size in (1, 2, 1000):
        blocks = list(reader.embedding_blocks(fingerprint, kind, block=size))
        assert [len(block.ids) for block in blocks[:-1]] == [size] * (len(blocks) - 1)
        assert [number for block in blocks for number in block.ids.tolist()] == ids.tolist()
        assert all(np.array_equal(a, b) for a, b in zip((v for b in blocks for v in b.vectors), vectors, strict=True))
    if len(ids):
        later = list(reader.embedding_blocks(fingerprint, kind, after_id=int(ids[0])))
        assert [number for block in later for number in block.ids.tolist()] == ids[1:].tolist()
        back = reader.embeddings_of(fingerprint, kind, ids[::-1])
        assert np.array_equal(back, np.array(vectors[::-1], np.float32))
    with pytest.raises(NotInArchive):
        reader.embeddings_of(fingerprint, kind, np.array([10**9], np.int64))
    for uid in IMAGES if kind is ItemKind.IMAGE else REPORTS:
        expected = model.vectors.get((fingerprint, kind, uid))
        assert reader.has_embedding(fingerprint, kind, uid) == (expected is not None)
        found = reader.embedding(fingerprint, kind, uid)
        assert (found is None) == (expected is None)
        assert expected is None or np.array_equal(found, expected)
