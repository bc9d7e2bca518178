"""Ingest as a whole: what is new, known, changed, contradictory or hostile; and that nothing is lost or doubled."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import ingest_tasks
import msgspec
import numpy as np
import pytest
from archive_place import Place
from trees import dicom, picture, table

from caseindex.errors import CaseindexError, UsageError
from caseindex.index.store import LmdbStore
from caseindex.ingest.summary import IngestSummary
from caseindex.ingest.thumbnails import read_thumbnail, thumbnail_path
from caseindex.records import ItemKind, Language
from caseindex.settings import Limits

TEXT = "В левой теменной доле гиподенсивный участок. Ишемический инсульт."


def counts(summary: IngestSummary) -> tuple[int, int, int, dict[str, int]]:
    return summary.taken, summary.updated, summary.unchanged, summary.rejected


def manifest(folder: Path, *rows: dict[str, str]) -> Path:
    for number, row in enumerate(rows):
        if not (folder / row["image"]).exists():
            picture(folder / row["image"], seed=zlib.crc32(folder.name.encode()) % 1000 + number)
    table(folder / "manifest.csv", list(rows))
    return folder


def test_twice_is_unchanged_without_a_second_look(place, tmp_path):
    source = manifest(tmp_path / "s", {"image": "a.png", "patient_id": "1"}, {"image": "b.png", "patient_id": "2"})
    assert counts(place.take(source)) == (2, 0, 0, {})
    before = place.images
    assert counts(place.take(source, work=ingest_tasks.must_not_run)) == (0, 0, 2, {})
    assert place.images == before


def test_a_touched_or_copied_file_is_unchanged(place, tmp_path):
    source = manifest(tmp_path / "s", {"image": "a.png", "patient_id": "1"})
    place.take(source)
    os.utime(source / "a.png", (1, 1))
    assert counts(place.take(source)) == (0, 0, 1, {})
    assert counts(place.take(source, work=ingest_tasks.must_not_run)) == (0, 0, 1, {})
    shutil.copytree(source, tmp_path / "copy")
    assert counts(place.take(tmp_path / "copy")) == (0, 0, 1, {})
    assert place.images[0].source == str(source / "a.png")


def test_a_moved_pack_keeps_its_uids_and_is_found_again(place, tmp_path):
    source = manifest(tmp_path / "s", {"image": "a.png", "patient_id": "1"})
    place.take(source)
    (before,) = place.images
    source.rename(tmp_path / "moved")
    assert counts(place.take(tmp_path / "moved")) == (0, 0, 1, {})
    (after,) = place.images
    assert after.image_uid == before.image_uid
    assert after.source == str(tmp_path / "moved/a.png")


def test_two_packs_with_equal_names_do_not_meet(place, tmp_path):
    first = manifest(tmp_path / "one", {"image": "images/000.jpg"})
    second = manifest(tmp_path / "two", {"image": "images/000.jpg"})
    assert counts(place.take(first, second)) == (2, 0, 0, {})
    assert len({image.study_uid for image in place.images}) == 2


def test_changed_metadata_and_reports_are_updated(place, tmp_path):
    row = {"image": "a.png", "patient_id": "1", "labels": "x", "report": "", "study_id": "s"}
    source = manifest(tmp_path / "s", row)
    place.take(source)
    table(source / "manifest.csv", [{**row, "labels": "y;z", "age": "44"}])
    assert counts(place.take(source)) == (0, 1, 0, {})
    assert (place.images[0].labels, place.images[0].age_years) == (("y", "z"), 44)
    table(source / "manifest.csv", [{**row, "labels": "y;z", "age": "44", "report": TEXT}])
    assert counts(place.take(source)) == (0, 1, 0, {})
    (report,) = place.reports
    assert (report.text, report.language, report.image_uids) == (TEXT, Language.RUSSIAN, (place.images[0].image_uid,))


def test_an_edited_report_replaces_the_old_one(place, tmp_path):
    rows = [{"image": f"{number}.png", "patient_id": "1", "report": "CT shows a mass."} for number in range(3)]
    source = manifest(tmp_path / "s", *rows)
    place.take(source)
    uid_of = {image.file: image.image_uid for image in place.images}
    table(source / "manifest.csv", [{**rows[0], "report": "CT shows no mass."}, *rows[1:]])
    assert counts(place.take(source)) == (0, 1, 2, {})
    assert {report.text: set(report.image_uids) for report in place.reports} == {
        "CT shows no mass.": {uid_of["0.png"]},
        "CT shows a mass.": {uid_of["1.png"], uid_of["2.png"]},
    }
    table(source / "manifest.csv", [{**row, "report": "CT shows no mass."} for row in rows])
    assert counts(place.take(source)) == (0, 2, 1, {})
    assert [(report.text, len(report.image_uids)) for report in place.reports] == [("CT shows no mass.", 3)]
    swapped = [{**rows[0], "report": "One."}, {**rows[1], "report": "Two."}]
    table(source / "manifest.csv", swapped)
    place.take(source)
    table(source / "manifest.csv", [{**rows[0], "report": "Two."}, {**rows[1], "report": "One."}])
    place.take(source)
    assert {report.text: report.image_uids for report in place.reports if report.text in ("One.", "Two.")} == {
        "One.": (uid_of["1.png"],),
        "Two.": (uid_of["0.png"],),
    }


def test_changed_pixels_under_one_name_are_a_conflict_and_the_first_stays(place, tmp_path):
    source = manifest(tmp_path / "s", {"image": "a.png", "patient_id": "1"})
    place.take(source)
    before = place.images
    picture(source / "a.png", seed=77)
    assert counts(place.take(source)) == (0, 0, 0, {"uid_conflict": 1})
    assert place.images == before


def test_one_uid_with_other_pixels_is_a_conflict(place, tmp_path):
    source = tmp_path / "s"
    dicom(source / "1", "1.2.3.1.1", seed=1)
    dicom(source / "2", "1.2.3.1.1", seed=2)
    dicom(source / "3", "1.2.3.1.1", seed=1)
    assert counts(place.take(source)) == (1, 0, 1, {"uid_conflict": 1})
    assert place.rejected == [("2", "uid_conflict")]
    first = read_thumbnail(thumbnail_path(place.path / "thumbnails", "1.2.3.1.1"))
    assert first is not None
    assert not list((place.path / "thumbnails").rglob("*.new"))
    assert counts(place.take(source)) == (0, 0, 2, {"uid_conflict": 1})
    assert place.rejected == [("2", "uid_conflict")]


def test_a_row_named_twice(place, tmp_path):
    row = {"image": "a.png", "patient_id": "1"}
    source = manifest(tmp_path / "s", row, row, {**row, "patient_id": "2"})
    for taken, unchanged in ((1, 1), (0, 2)):
        assert counts(place.take(source)) == (taken, 0, unchanged, {"uid_conflict": 1})
    assert place.images[0].patient_id == "1"


def test_captions_of_one_study(place, tmp_path):
    rows = [
        {"image": f"{number}.png", "patient_id": "1", "report": text}
        for number, text in enumerate(["CT shows a mass.", "CT shows a mass.", "MR shows oedema.", ""])
    ]
    place.take(manifest(tmp_path / "s", *rows))
    uid_of = {image.file: image.image_uid for image in place.images}
    found = {report.text: set(report.image_uids) for report in place.reports}
    assert found == {
        "CT shows a mass.": {uid_of["0.png"], uid_of["1.png"]},
        "MR shows oedema.": {uid_of["2.png"]},
    }
    assert len({image.study_uid for image in place.images}) == 1


def test_rejections_stand_once_and_go_when_they_no_longer_hold(place, tmp_path):
    source = tmp_path / "s"
    picture(source / "good.png")
    (source / "empty.png").write_bytes(b"")
    (source / "text.bin").write_bytes(b"no picture at all")
    (source / "torn.png").write_bytes((source / "good.png").read_bytes()[:200])
    expected = {"empty_file": 1, "undecodable_pixels": 1, "unknown_format": 1}
    assert counts(place.take(source)) == (1, 0, 0, expected)
    assert counts(place.take(source)) == (0, 0, 1, expected)
    assert sorted(place.rejected) == [
        ("empty.png", "empty_file"), ("text.bin", "unknown_format"), ("torn.png", "undecodable_pixels"),
    ]  # fmt: skip
    picture(source / "torn.png", seed=5)
    (source / "text.bin").unlink()
    assert counts(place.take(source)) == (1, 0, 1, {"empty_file": 1})
    assert sorted(place.rejected) == [("empty.png", "empty_file"), ("text.bin", "unknown_format")]


def test_a_torn_line_of_rejections_is_dropped(place, tmp_path):
    (place.path / "rejected.jsonl").write_text('{"file": "x", "reason": "empty_file", "detail": ""}\n{"file": "y')
    (tmp_path / "s").mkdir()
    (tmp_path / "s/e").write_bytes(b"")
    place.take(tmp_path / "s")
    assert place.rejected == [("x", "empty_file"), ("e", "empty_file")]


def test_a_manifest_does_not_lead_out(place, tmp_path):
    picture(tmp_path / "secret.png")
    source = manifest(tmp_path / "s", {"image": "a.png"})
    (source / "link.png").symlink_to(tmp_path / "secret.png")
    table(
        source / "manifest.csv",
        [{"image": name} for name in ("../secret.png", str(tmp_path / "secret.png"), "link.png", "none.png", "a.png")]
        + [{"image": "", "patient_id": "1"}],
    )
    summary = place.take(source)
    assert counts(summary) == (1, 0, 0, {"bad_row": 1, "missing_file": 1, "outside_source": 3})
    assert [image.file for image in place.images] == ["a.png"]


def test_a_source_that_does_not_exist_stops_before_anything(place, tmp_path):
    source = manifest(tmp_path / "s", {"image": "a.png"})
    with pytest.raises(CaseindexError, match="no such file or folder"):
        place.take(source, tmp_path / "none")
    with pytest.raises(UsageError, match="manifest, mimic_cxr_jpg"):
        place.take(source, layout="dicomdir")
    assert place.images == []


@pytest.mark.parametrize("workers", [1, 3])
def test_the_result_does_not_depend_on_the_number_of_workers(tmp_path, workers):
    source = tmp_path / "s"
    for number in range(40):
        dicom(source / f"{number % 4}/{number:02}", f"1.2.3.1.{number % 35 + 1}", seed=number, position=float(number))
    shown = []
    for count in (1, workers):
        folder = tmp_path / f"archive{count}{len(shown)}"
        folder.mkdir()
        one = Place(folder, LmdbStore(folder / "cases.lmdb"))
        summary = one.take(source, workers=count)
        with one.store.read() as reader:
            shown.append((replace(summary, seconds=0), one.images, list(reader.all_series()), one.rejected))
        one.store.close()
    assert shown[0] == shown[1]


def test_a_volume_is_kept_whole_and_represented_by_content(place, tmp_path):
    for number in range(12):
        blank = number < 3 or number > 8
        dicom(tmp_path / f"s/{11 - number}", f"1.2.3.1.{number + 1}", seed=number, position=5.0 * number, blank=blank)
    place.take(tmp_path / "s")
    with place.store.read() as reader:
        (series,) = reader.all_series()
    assert series.image_uids == tuple(f"1.2.3.1.{number + 1}" for number in range(12))
    assert len(series.representative_uids) == 3
    assert set(series.representative_uids) <= {f"1.2.3.1.{number}" for number in range(4, 10)}
    assert {image.image_uid for image in place.images if image.represents_series} == set(series.representative_uids)
    place.take(tmp_path / "s", slices=5, reselect_slices=True)
    with place.store.read() as reader:
        (series,) = reader.all_series()
    assert len(series.representative_uids) == 5
    assert sum(image.represents_series for image in place.images) == 5


def test_no_name_and_no_birth_date_is_kept(place, tmp_path):
    dicom(tmp_path / "s/1", "1.2.3.1.1", birth="19470523")
    place.take(tmp_path / "s")
    stored = b"".join(path.read_bytes() for path in place.path.rglob("*") if path.is_file())
    assert b"Ivanov" not in stored
    assert b"19470523" not in stored


def test_zip_archives_and_rasters_of_all_kinds(place, tmp_path):
    for name in ("a.png", "b.jpg", "c.tif", "d"):
        picture(tmp_path / "t" / name, seed=ord(name[0]))
    dicom(tmp_path / "t/no_suffix", "1.2.3.1.1")
    (tmp_path / "t/DICOMDIR").write_bytes(b"index")
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        for path in sorted((tmp_path / "t").iterdir()):
            archive.write(path, f"x/{path.name}")
    assert counts(place.take(tmp_path / "t.zip")) == (5, 0, 0, {"no_pixels": 1})
    assert {image.source for image in place.images} == {
        f"{tmp_path}/t.zip!x/{name}" for name in ("a.png", "b.jpg", "c.tif", "d", "no_suffix")
    }
    assert counts(place.take(tmp_path / "t.zip", work=ingest_tasks.reject_only)) == (0, 0, 5, {"no_pixels": 1})


def test_texts_beside_pictures(place, tmp_path):
    source = tmp_path / "s"
    picture(source / "one/a.png", 1)
    (source / "one/a.txt").write_bytes(TEXT.encode("cp1251"))
    picture(source / "two/b.png", 2)
    picture(source / "two/c.png", 3)
    (source / "two/report.txt").write_text("No acute intracranial abnormality is seen.")
    dicom(source / "s50000001/x", "1.2.3.1.1")
    (source / "s50000001.txt").write_text("影像所见：双肺清晰。诊断意见：未见异常。")
    picture(source / "three/d.png", 4)
    (source / "three/d.txt").write_text("  \n")
    (source / "notes.txt").write_text("an orphan")
    assert counts(place.take(source)) == (5, 0, 0, {"report_too_short": 1, "unknown_format": 1})
    by_file = {Path(image.file).name: image for image in place.images}
    found = {report.text: (report.language, report.study_uid, report.image_uids) for report in place.reports}
    assert found[TEXT] == (Language.RUSSIAN, by_file["a.png"].study_uid, (by_file["a.png"].image_uid,))
    assert found["影像所见：双肺清晰。诊断意见：未见异常。"] == (Language.CHINESE, "1.2.3", ())
    assert sum(report.text.startswith("No acute") for report in place.reports) == 2  # pictures without a common study


def test_reports_from_a_table_in_a_later_run(place, tmp_path):
    dicom(tmp_path / "s/1", "1.2.3.1.1", accession="A17")
    dicom(tmp_path / "s/2", "1.2.4.1.1", study="1.2.4", series="1.2.4.1", accession="A18", patient="P2")
    place.take(tmp_path / "s")
    reports = table(
        tmp_path / "r.csv",
        [
            {"StudyInstanceUID": "1.2.3", "Accession Number": "", "Описание": "Отёк.", "Заключение": TEXT},
            {"StudyInstanceUID": "", "Accession Number": "A18", "Описание": "", "Заключение": "Норма, без патологии."},
            {"StudyInstanceUID": "9.9.9", "Accession Number": "", "Описание": "x", "Заключение": ""},
            {"StudyInstanceUID": "1.2.3", "Accession Number": "", "Описание": "", "Заключение": ""},
            {"StudyInstanceUID": "", "Accession Number": "", "Описание": "x", "Заключение": ""},
        ],
        encoding="cp1251",
        delimiter=";",
    )
    rejected = {"bad_row": 1, "report_too_short": 1, "report_unmatched": 1}
    assert counts(place.take(reports=reports)) == (2, 0, 0, rejected)
    assert {report.study_uid: report.text for report in place.reports} == {
        "1.2.3": f"ОПИСАНИЕ: Отёк.\nЗАКЛЮЧЕНИЕ: {TEXT}",
        "1.2.4": "ЗАКЛЮЧЕНИЕ: Норма, без патологии.",
    }
    assert counts(place.take(reports=reports)) == (0, 0, 2, rejected)
    assert len(place.rejected) == 3
    with pytest.raises(CaseindexError, match="no column with the study"):
        place.take(reports=table(tmp_path / "bad.csv", [{"a": "1", "report": "x"}]))


def test_hostile_files_cost_themselves_only(place, tmp_path):
    rows = [{"image": f"{name}.png"} for name in ("a", "crash", "b", "hang", "c", "memory", "bug", "d")]
    source = manifest(tmp_path / "s", *rows)
    summary = place.take(source, workers=2, work=ingest_tasks.hostile, limits=Limits(decode_timeout_s=1.5))
    assert counts(summary) == (4, 0, 0, {"timeout": 1, "undecodable_pixels": 1, "worker_killed": 2})
    assert sorted(place.rejected) == [
        ("bug.png", "undecodable_pixels"), ("crash.png", "worker_killed"), ("hang.png", "timeout"),
        ("memory.png", "worker_killed"),
    ]  # fmt: skip


def test_an_object_that_breaks_off_keeps_its_good_frames_and_says_so_again(place, tmp_path):
    source = manifest(tmp_path / "s", {"image": "a.png"})
    for _ in range(2):
        summary = place.take(source, work=ingest_tasks.breaks_off)
        assert counts(summary) == (0, 0, 0, {"undecodable_pixels": 1})  # once, not also among those taken
    assert place.rejected == [("a.png", "undecodable_pixels")]
    (image,) = place.images
    assert image.attributes["incomplete"].startswith("undecodable_pixels")


def test_a_cleared_report_cell_takes_the_report_back(place, tmp_path):
    rows = [
        {"image": "a.png", "patient_id": "7", "study_id": "S1", "report": TEXT},
        {"image": "b.png", "patient_id": "7", "study_id": "S1", "report": TEXT},
        {"image": "c.png", "patient_id": "7", "study_id": "S2", "report": "Clear lungs on both sides."},
    ]
    source = manifest(tmp_path / "s", *rows)
    place.take(source)
    uids = {image.file: image.image_uid for image in place.images}
    manifest(tmp_path / "s", rows[0] | {"report": ""}, rows[1], rows[2] | {"report": ""})
    assert counts(place.take(source)) == (0, 2, 1, {})
    (report,) = place.reports
    assert (report.text, report.image_uids) == (TEXT, (uids["b.png"],))
    manifest(tmp_path / "s", *rows)
    assert counts(place.take(source)) == (0, 2, 1, {})
    assert len(place.reports) == 2


def test_a_corrected_study_leaves_nothing_behind(place, tmp_path):
    row = {"image": "a.png", "patient_id": "7", "study_id": "S1", "report": TEXT}
    source = manifest(tmp_path / "s", row)
    place.take(source)
    manifest(tmp_path / "s", row | {"study_id": "S2"})
    assert counts(place.take(source)) == (0, 1, 0, {})
    with place.store.read() as reader:
        (study,) = reader.studies()
        (report,) = reader.reports()
        (image,) = reader.images()
    assert study.accession_number == "S2"
    assert report.study_uid == image.study_uid == study.study_uid


def test_another_window_drops_the_embedding_of_the_old_picture(place, tmp_path):
    dicom(tmp_path / "s/1", "1.2.3.1.1", intercept=-1000)
    place.take(tmp_path / "s", window="brain")
    (before,) = place.images
    place.store.put_embeddings("f" * 64, ItemKind.IMAGE, [before.image_uid], np.array([[1.0, 0.0]], np.float32))
    for window, stays in (("40/80", True), ("bone", False)):
        place.take(tmp_path / "s", window=window)
        with place.store.read() as reader:
            assert reader.has_embedding("f" * 64, ItemKind.IMAGE, before.image_uid) == stays
            assert (next(reader.images()).pixel_sha256 == before.pixel_sha256) == stays


def test_progress_tells_every_input(place, tmp_path):
    source = manifest(tmp_path / "s", *({"image": f"{number}.png"} for number in range(5)))
    done: list[int] = []
    place.take(source, on_progress=lambda count=1, *, total=None: done.append(count))
    place.take(source, on_progress=lambda count=1, *, total=None: done.append(count))
    assert sum(done) == 10


def test_killed_at_any_moment_and_run_again(tmp_path):
    source = tmp_path / "s"
    for number in range(120):
        picture(source / f"{number:03}.png", seed=number)
    whole = Place(tmp_path, LmdbStore(tmp_path / "whole"))
    whole.take(source, workers=2)
    archive = tmp_path / "archive"
    archive.mkdir()
    code = (
        "import sys; from pathlib import Path; from caseindex.index.store import LmdbStore;"
        "from caseindex.ingest import commit; commit._BATCH = 10;"
        "from caseindex.ingest.pipeline import ingest; from caseindex.settings import Settings, Ingest;"
        "a = Path(sys.argv[1]);"
        "ingest(LmdbStore(a / 'cases.lmdb'), [sys.argv[2]], settings=Settings(ingest=Ingest(workers=2)),"
        " rejected=a / 'rejected.jsonl', thumbnails=a / 'thumbnails')"
    )
    for at_least in (20, 60):
        process = subprocess.Popen([sys.executable, "-c", code, archive, source])
        while process.poll() is None and committed(archive) < at_least:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert at_least <= committed(archive) <= 120
    assert subprocess.run([sys.executable, "-c", code, archive, source], check=False).returncode == 0
    again = Place(archive, LmdbStore(archive / "cases.lmdb"))
    assert again.images == whole.images
    assert len(list((archive / "thumbnails").rglob("*.jpg"))) == 120
    assert msgspec.json.encode(again.rejected) == b"[]"


def committed(archive: Path) -> int:
    try:
        store = LmdbStore(archive / "cases.lmdb", readonly=True)
    except CaseindexError:
        return 0
    with store.read() as reader:
        count = reader.counts().images
    store.close()
    return count
