"""Filters against a plain loop over the records, and their refusals."""

from __future__ import annotations

import math
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caseindex.errors import UsageError
from caseindex.index import columns
from caseindex.index.columns import day, open_columns
from caseindex.index.filters import Filters, allowed_ids
from caseindex.index.store import LmdbStore
from caseindex.records import Image, ItemKind, Language, Report, Sex, Study

MODALITIES = (None, "CT", "MR", "DX", "ct ")
PARTS = (None, "HEAD", "CHEST")
VIEWS = (None, "PA", "AXIAL")
LABELS = ("Stroke", "stroke", "Nodule", "инсульт")
DATES = (None, "2023-12-31", "2024-01-01", "2024-02-29", "2024-02", "2025")
AGES = (None, 0.5, 40.0, 40.1, 77.0)
PATIENTS = (None, "p1", "p2", "P1")


def _records(seed: int) -> tuple[list[Study], list[Image], list[Report]]:
    rng = np.random.default_rng(seed)

    def one(values: Any) -> Any:
        return values[int(rng.integers(len(values)))]

    studies = [Study(study_uid=f"s{n}", patient_id=one(PATIENTS), date=one(DATES)) for n in range(8)]
    images = [
        Image(
            image_uid=f"i{n}",
            study_uid=f"s{int(rng.integers(10))}",  # two of the studies have no record of their own
            file=f"{n}.png",
            source=f"/{n}.png",
            patient_id=one(PATIENTS),
            modality=one(MODALITIES),
            body_part=one(PARTS),
            view=one(VIEWS),
            sex=one((None, *Sex)),
            age_years=one(AGES),
            date=one(DATES),
            labels=tuple(dict.fromkeys(one(LABELS) for _ in range(int(rng.integers(3))))),
        )
        for n in range(40)
    ]
    reports = [
        Report(
            report_uid=f"r{n}",
            study_uid=f"s{int(rng.integers(10))}",
            text="text",
            file="r.txt",
            patient_id=one(PATIENTS),
            language=one((None, *Language)),
            date=one(DATES),
            image_uids=tuple(f"i{int(rng.integers(45))}" for _ in range(int(rng.integers(3)))),
        )
        for n in range(15)
    ]
    return studies, images, reports


class Plain:
    """The meaning of a filter, item by item."""

    def __init__(self, filters: Filters, studies: list[Study], images: list[Image], reports: list[Report]) -> None:
        self.filters = filters
        self.studies = {study.study_uid: study for study in studies}
        self.images = images
        self.reports = reports

    def image(self, image: Image) -> bool:
        study = self.studies.get(image.study_uid)
        date = image.date or (study.date if study else None)
        spoken = {report.language for report in self.reports if image in self.images_of(report)}
        return (
            self.fields(image)
            and self.dated(date)
            and self.person(image.patient_id, image.study_uid)
            and (not self.filters.language or bool(spoken & {Language(one) for one in self.filters.language}))
        )

    def report(self, report: Report) -> bool:
        f = self.filters
        if f.language and report.language not in {Language(one) for one in f.language}:
            return False
        if not self.person(report.patient_id, report.study_uid):
            return False
        image_fields = any(
            (f.modality, f.body_part, f.view, f.sex, f.labels, f.age_min is not None, f.age_max is not None)
        )
        if report.date:
            return self.dated(report.date) and (not image_fields or any(map(self.fields, self.images_of(report))))
        if not image_fields and not f.date_from and not f.date_to:
            return True
        return any(
            self.fields(image) and self.dated(image.date or getattr(self.studies.get(image.study_uid), "date", None))
            for image in self.images_of(report)
        )

    def images_of(self, report: Report) -> list[Image]:
        if report.image_uids:
            return [image for image in self.images if image.image_uid in report.image_uids]
        return [image for image in self.images if image.study_uid == report.study_uid]

    def fields(self, image: Image) -> bool:
        f = self.filters

        def among(value: str | None, wanted: tuple[str, ...]) -> bool:
            return not wanted or (value or "").strip().lower() in {one.strip().lower() for one in wanted}

        age = math.nan if image.age_years is None else image.age_years
        return (
            among(image.modality, f.modality)
            and among(image.body_part, f.body_part)
            and among(image.view, f.view)
            and among(image.sex and image.sex.value, f.sex)
            and (f.age_min is None or age >= f.age_min)
            and (f.age_max is None or age <= f.age_max)
            and (not f.labels or any(among(label, f.labels) for label in image.labels))
        )

    def dated(self, date: str | None) -> bool:
        f = self.filters
        if not f.date_from and not f.date_to:
            return True
        if not date:
            return False
        first = (date + "-01-01")[:10] if len(date) == 4 else (date + "-01")[:10]
        return (not f.date_from or first >= f.date_from) and (not f.date_to or first <= f.date_to + "-99-99")

    def person(self, patient_id: str | None, study_uid: str) -> bool:
        f = self.filters
        study = self.studies.get(study_uid)
        who = patient_id if patient_id is not None else (study.patient_id if study else None)
        return (
            (not f.patient_ids or who in f.patient_ids)
            and who not in f.exclude_patient_ids
            and study_uid not in f.exclude_study_uids
        )


def _some(values: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(values), max_size=2).map(tuple)


_filters = st.builds(
    dict,
    modality=_some(["CT", "mr", "XA"]),
    body_part=_some(["head", "CHEST"]),
    view=_some(["pa", "AXIAL"]),
    sex=_some(["F", "m", "O"]),
    age_min=st.sampled_from([None, None, 0.5, 40.05]),
    age_max=st.sampled_from([None, None, 40.1, 99.0]),
    date_from=st.sampled_from([None, None, "2023", "2024-01-01", "2024-02"]),
    date_to=st.sampled_from([None, None, "2024-02", "2024", "2025-01-01"]),
    labels=_some(["STROKE", "nodule", "Инсульт", "other"]),
    language=_some(["ru", "en", "zh"]),
    patient_ids=_some(["p1", "P1", "nobody"]),
    exclude_patient_ids=_some(["p2"]),
    exclude_study_uids=_some(["s1", "s9", "none"]),
)


@pytest.fixture(scope="module", params=[0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("archive")
    studies, images, reports = _records(request.param)
    store = LmdbStore(folder / "cases.lmdb")
    store.put(studies=studies, images=images, reports=reports)
    yield SimpleNamespace(
        path=folder, store=store, indexes_dir=folder / "indexes", studies=studies, images=images, reports=reports
    )
    store.close()


@given(raw=_filters)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_equals_a_loop_over_the_records(archive: Any, raw: dict[str, Any]) -> None:
    filters = Filters(**raw)
    plain = Plain(filters, archive.studies, archive.images, archive.reports)
    expected = {
        ItemKind.IMAGE: {image.image_uid for image in archive.images if plain.image(image)},
        ItemKind.REPORT: {report.report_uid for report in archive.reports if plain.report(report)},
    }
    for kind, uids in expected.items():
        ids = allowed_ids(archive, kind, filters)
        if not filters:
            assert ids is None
            continue
        assert ids is not None
        assert (np.diff(ids) > 0).all()
        with archive.store.read() as reader:
            assert {reader.item_uid(kind, int(number)) for number in ids} == uids


def test_each_filter_excludes_something_and_keeps_something(archive: Any) -> None:
    for raw in (
        {"modality": "ct"},
        {"body_part": "Head"},
        {"view": "axial"},
        {"sex": "f"},
        {"age_min": 40.0},
        {"age_max": 40.0},
        {"date_from": "2024-01"},
        {"date_to": "2024-01"},
        {"labels": "STROKE"},
        {"language": "RU"},
        {"patient_ids": "p1"},
        {"exclude_patient_ids": "p1"},
        {"exclude_study_uids": "s1"},
    ):
        for kind, total in ((ItemKind.IMAGE, 40), (ItemKind.REPORT, 15)):
            ids = allowed_ids(archive, kind, Filters(**raw))
            assert ids is not None
            assert len(ids) < total, (raw, kind)
            if kind is ItemKind.IMAGE:
                assert len(ids) > 0, raw


def test_columns_follow_the_records(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "cases.lmdb")
    archive: Any = SimpleNamespace(path=tmp_path, store=store, indexes_dir=tmp_path / "indexes")
    assert allowed_ids(archive, ItemKind.IMAGE, Filters(modality="CT")).tolist() == []  # type: ignore[union-attr]
    image = Image(image_uid="a", study_uid="s", file="a", source="/a", modality="CT")
    store.put(images=[image, Image(image_uid="b", study_uid="s", file="b", source="/b", modality="MR")])
    found = allowed_ids(archive, ItemKind.IMAGE, Filters(modality="CT"))
    assert found is not None
    assert found.tolist() == [1]
    store.put(images=[Image(image_uid="b", study_uid="s", file="b", source="/b", modality="CT")])
    assert allowed_ids(archive, ItemKind.IMAGE, Filters(modality="CT")).tolist() == [1, 2]  # type: ignore[union-attr]
    store.remove(image_uid="a")
    assert allowed_ids(archive, ItemKind.IMAGE, Filters(modality="CT")).tolist() == [2]  # type: ignore[union-attr]
    store.close()


def test_damaged_columns_are_built_again(archive: Any, caplog: pytest.LogCaptureFixture) -> None:
    filters = Filters(modality="CT", age_min=1)
    before = allowed_ids(archive, ItemKind.IMAGE, filters)
    assert before is not None
    rng = np.random.default_rng(0)
    for _ in range(25):
        folder = next(path for path in (archive.indexes_dir / "columns").iterdir() if path.is_dir())
        file = sorted(path for path in folder.iterdir() if path.stat().st_size)[int(rng.integers(10))]
        data = bytearray(file.read_bytes())
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        file.unlink()
        file.write_bytes(data)
        columns._kept.clear()  # as another process would find it
        after = allowed_ids(archive, ItemKind.IMAGE, filters)
        assert after is not None
        assert after.tolist() == before.tolist()
    assert "Building it again" in caplog.text


def test_read_only_folder_answers_from_memory(archive: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blocked = tmp_path / "indexes"
    blocked.write_text("a file stands where the folder should be")
    readonly: Any = SimpleNamespace(store=archive.store, indexes_dir=blocked / "inside", path=tmp_path)
    filters = Filters(modality="CT")
    expected = allowed_ids(archive, ItemKind.IMAGE, filters)
    got = allowed_ids(readonly, ItemKind.IMAGE, filters)
    assert expected is not None
    assert got is not None
    assert got.tolist() == expected.tolist()
    assert "kept in memory" in caplog.text


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"sex": "female"}, "F, M, O"),
        ({"language": "de"}, "ru, en, zh"),
        ({"date_from": "01.03.2024"}, "2024-03-01"),
        ({"date_to": "2024-02-30"}, "2024-03-01"),
        ({"date_to": "2024-13"}, "2024-03-01"),
        ({"date_from": "2024-05", "date_to": "2024-04-30"}, "Exchange"),
        ({"age_min": 50, "age_max": 40}, "Exchange"),
        ({"age_min": math.nan}, "not a number"),
    ],
)
def test_what_nobody_can_mean_is_refused(raw: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Filters(**raw)


def test_days() -> None:
    assert [day(text) for text in ("2024-03-01", "20240301", "2024-03", "2024", "", None, "soon", "2024-40-01")] == [
        20240301,
        20240301,
        20240301,
        20240101,
        0,
        0,
        0,
        0,
    ]


def test_columns_are_mapped_not_read(archive: Any) -> None:
    open_columns(archive)
    opened = open_columns(archive)
    assert isinstance(opened.image_ids.base, np.memmap)
    assert os.path.isdir(archive.indexes_dir / "columns")


def test_embeddings_do_not_make_columns_anew(archive: Any) -> None:
    open_columns(archive)
    folder = archive.indexes_dir / "columns"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with archive.store.read() as reader:
        uid = next(reader.items(ItemKind.IMAGE))[1]
    archive.store.put_embeddings("m", ItemKind.IMAGE, [uid], np.ones((1, 4), np.float32))
    columns._kept.clear()
    open_columns(archive)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
