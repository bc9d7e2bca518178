"""Ingest as a whole: what is new, known, changed or contradictory; nothing is lost or doubled."""

from __future__ import annotations

import os
import shutil
import zipfile
from dataclasses import replace

import ingest_tasks
import numpy as np
import pytest
from archive_place import Place, counts
from trees import dicom, manifest, picture

from caseindex.errors import CaseindexError, UsageError
from caseindex.index.store import LmdbStore
from caseindex.ingest.thumbnails import read_thumbnail, thumbnail_path
from caseindex.records import ItemKind


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
