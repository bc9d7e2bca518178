"""The contract of RecordStore: every implementation against a dictionary, by value.

A test module makes the machine for its implementation with :func:`machine_for` and runs it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from caseindex.errors import IndexMismatch, NotInArchive
from caseindex.protocols import RecordStore
from caseindex.records import Image, ItemKind, Language, Report, Series, Sex, Side, Study

PATIENTS = ["1", "P-2", "Иванов", "患者", "long" * 200, "bad\udcff"]
STUDIES = ["1.2", "1.2.3", "1.2.3.4", "s" * 600]
SERIES = ["9.1", "9.2", "9.2.1"]
IMAGES = ["i.1", "i.1#7", "i.2", "i.10", "и" * 300, "i\\\udc80", "i.3", "i.4"]
REPORTS = ["r1", "r2", "r3"]
MODELS = {"a" * 64: 3, "b" * 64: 5}  # fingerprint -> dim

optional_patient = st.none() | st.sampled_from(PATIENTS)
words = st.text(max_size=20) | st.sampled_from(["\ud800", "C:\\скан\udcf0.dcm", ""])
images = st.builds(
    Image,
    image_uid=st.sampled_from(IMAGES),
    study_uid=st.sampled_from(STUDIES),
    series_uid=st.none() | st.sampled_from(SERIES),
    patient_id=optional_patient,
    file=words,
    source=words,
    modality=st.none() | st.sampled_from(["CT", "MR"]),
    side=st.none() | st.sampled_from(Side),
    sex=st.none() | st.sampled_from(Sex),
    age_years=st.none() | st.floats(0, 120),
    labels=st.lists(words, max_size=2).map(tuple),
    rows=st.integers(0, 65535),
    pixel_spacing_mm=st.none() | st.tuples(st.floats(0, 5), st.floats(0, 5)),
    position_mm=st.none() | st.floats(-1e4, 1e4),
    represents_series=st.booleans(),
    pixel_sha256=st.sampled_from(["", "0" * 64]),
    attributes=st.dictionaries(words, words, max_size=2),
)
series = st.builds(
    Series,
    series_uid=st.sampled_from(SERIES),
    study_uid=st.sampled_from(STUDIES),
    description=st.none() | words,
    image_uids=st.lists(st.sampled_from(IMAGES), unique=True).map(tuple),
)
studies = st.builds(
    Study,
    study_uid=st.sampled_from(STUDIES),
    patient_id=optional_patient,
    accession_number=st.none() | st.sampled_from(["A1", "A2"]),
    description=st.none() | words,
    derived=st.booleans(),
)
reports = st.builds(
    Report,
    report_uid=st.sampled_from(REPORTS),
    study_uid=st.sampled_from(STUDIES),
    patient_id=optional_patient,
    text=words,
    file=words,
    language=st.none() | st.sampled_from(Language),
    image_uids=st.lists(st.sampled_from(IMAGES), unique=True, max_size=2).map(tuple),
)


class DictStore:
    """The truth of the test: plain dictionaries and loops over everything."""

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


def unit_vectors(count: int, dim: int, seed: int) -> Any:
    """[count, dim] float32, L2-normalised."""
    drawn = np.random.default_rng(seed).normal(size=(count, dim))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def machine_for(make: Callable[[], RecordStore], reopen: Callable[[RecordStore], RecordStore]) -> type:
    """A stateful test of a store that ``make`` makes empty and ``reopen`` closes and opens again."""

    class Machine(RuleBasedStateMachine):
        @initialize()
        def start(self) -> None:
            self.store = make()
            self.model = DictStore()
            self.generation = -1

        @rule(
            a=st.lists(images, max_size=4),
            b=st.lists(series, max_size=2),
            c=st.lists(studies, max_size=2),
            d=st.lists(reports, max_size=2),
            retired=st.lists(st.sampled_from(REPORTS), max_size=2),
        )
        def put(self, a: list[Image], b: list[Series], c: list[Study], d: list[Report], retired: list[str]) -> None:
            self.store.put(images=a, series=b, studies=c, reports=d, retired_reports=retired)
            self.model.put(a, b, c, d, retired)

        @rule(
            fingerprint=st.sampled_from(sorted(MODELS)),
            kind=st.sampled_from(ItemKind),
            uids=st.lists(st.sampled_from(IMAGES + REPORTS), max_size=6),
            seed=st.integers(0, 99),
        )
        def embed(self, fingerprint: str, kind: ItemKind, uids: list[str], seed: int) -> None:
            vectors = unit_vectors(len(uids), MODELS[fingerprint], seed)
            self.store.put_embeddings(fingerprint, kind, uids, vectors)
            for uid, vector in zip(uids, vectors, strict=True):
                if (kind, uid) in self.model.ids:
                    self.model.vectors[fingerprint, kind, uid] = vector

        @rule(patient=st.sampled_from(PATIENTS))
        def remove_patient(self, patient: str) -> None:
            self._remove(patient_id=patient)

        @rule(study=st.sampled_from(STUDIES))
        def remove_study(self, study: str) -> None:
            self._remove(study_uid=study)

        @rule(image=st.sampled_from(IMAGES))
        def remove_image(self, image: str) -> None:
            self._remove(image_uid=image)

        def _remove(self, patient_id: Any = None, study_uid: Any = None, image_uid: Any = None) -> None:
            expected = self.model.remove(patient_id, study_uid, image_uid)
            given = {"patient_id": patient_id, "study_uid": study_uid, "image_uid": image_uid}
            if expected is None:
                with pytest.raises(NotInArchive):
                    self.store.remove(**given)
            else:
                gone = self.store.remove(**given)
                assert (gone.studies, gone.images, gone.reports, gone.embeddings) == expected

        @rule()
        def reopen(self) -> None:
            self.store = reopen(self.store)

        @invariant()
        def answers_agree(self) -> None:
            if hasattr(self, "store"):
                agree(self.store, self.model)

        @invariant()
        def generation_never_falls(self) -> None:
            if hasattr(self, "store"):
                with self.store.read() as reader:
                    assert reader.generation() >= self.generation
                    self.generation = reader.generation()

        def teardown(self) -> None:
            if hasattr(self, "store"):
                self.store.close()

    return Machine


def another_dimension_is_refused(store: RecordStore) -> None:
    store.put(images=[Image(image_uid="x", study_uid="s", file="f", source="/f")])
    store.put_embeddings("m", ItemKind.IMAGE, ["x"], unit_vectors(1, 4, 0))
    with pytest.raises(IndexMismatch):
        store.put_embeddings("m", ItemKind.REPORT, ["x"], unit_vectors(1, 5, 0))


def a_snapshot_stays_as_it_was(store: RecordStore) -> None:
    store.put(studies=[Study(study_uid="1")])
    with store.read() as before:
        generation = before.generation()
        store.put(studies=[Study(study_uid="2")])
        assert [study.study_uid for study in before.studies()] == ["1"]
        assert before.generation() == generation
    with store.read() as after:
        assert [study.study_uid for study in after.studies()] == ["1", "2"]
        assert after.generation() > generation


def changed_content_is_another_item(store: RecordStore) -> None:
    """Other pixels or another text under the same UID: no embedding of the old content is left to be found."""
    image = Image(image_uid="i", study_uid="s", file="f", source="/f", pixel_sha256="a" * 64)
    report = Report(report_uid="r", study_uid="s", text="old", file="f")
    store.put(images=[image], reports=[report])
    fingerprint, vector = "a" * 64, unit_vectors(1, 3, 0)
    store.put_embeddings(fingerprint, ItemKind.IMAGE, ["i"], vector)
    store.put_embeddings(fingerprint, ItemKind.REPORT, ["r"], vector)
    store.put(images=[dataclasses.replace(image, view="PA")], reports=[dataclasses.replace(report, date="2020-01-01")])
    with store.read() as reader:
        before = [reader.item_id(ItemKind.IMAGE, "i"), reader.item_id(ItemKind.REPORT, "r")]
        assert reader.has_embedding(fingerprint, ItemKind.IMAGE, "i")
        assert reader.has_embedding(fingerprint, ItemKind.REPORT, "r")
    store.put(
        images=[dataclasses.replace(image, pixel_sha256="b" * 64)], reports=[dataclasses.replace(report, text="new")]
    )
    with store.read() as reader:
        after = [reader.item_id(ItemKind.IMAGE, "i"), reader.item_id(ItemKind.REPORT, "r")]
        assert min(after) > max(before)
        assert not reader.has_embedding(fingerprint, ItemKind.IMAGE, "i")
        assert not reader.has_embedding(fingerprint, ItemKind.REPORT, "r")
        assert len(reader.embedding_ids(fingerprint, ItemKind.IMAGE)) == 0
        assert reader.item_uid(ItemKind.IMAGE, before[0]) is None
        assert reader.counts().embeddings == {}


def a_study_that_all_left_goes(store: RecordStore) -> None:
    image = Image(image_uid="i", study_uid="old", file="f", source="/f")
    report = Report(report_uid="r", study_uid="old", text="text", file="f")
    store.put(images=[image], reports=[report], studies=[Study(study_uid="old"), Study(study_uid="bare")])
    store.put(images=[dataclasses.replace(image, study_uid="new")], studies=[Study(study_uid="new")])
    with store.read() as reader:
        assert reader.study("old") is not None  # its report is still there
    store.put(retired_reports=["r", "unknown"])
    with store.read() as reader:
        assert [study.study_uid for study in reader.studies()] == ["bare", "new"]
        assert reader.report("r") is None
