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
from caseindex.records import Image, ItemKind, Report, Series, Study
from tests.contracts.dict_store import DictStore, agree
from tests.contracts.drawn_records import IMAGES, MODELS, PATIENTS, REPORTS, STUDIES, images, reports, series, studies


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
