from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from caseindex.demo import source
from caseindex.demo.source import COLUMNS, Recipe, make_source, parse_languages
from caseindex.errors import UsageError
from caseindex.records import Language

SMALL = Recipe(images=15, seed=5)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "source"
    make_source(folder, SMALL, workers=1)
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_files_and_manifest_agree(made: Path) -> None:
    import pydicom

    found = rows(made)
    assert list(found[0]) == COLUMNS
    assert len(found) == 15
    assert len({row["labels"] for row in found}) == 15
    assert sorted(str(path.relative_to(made)) for path in made.rglob("*.dcm")) == sorted(row["image"] for row in found)
    assert not list(made.rglob("*.part"))
    for row in found:
        ds = pydicom.dcmread(made / row["image"])
        assert ds.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
        assert ds.SOPClassUID == pydicom.uid.CTImageStorage
        assert (ds.PatientID, ds.StudyInstanceUID) == (row["patient_id"], row["study_id"])
        assert ds.StudyDate == row["date"].replace("-", "")
        assert (ds.PatientSex, int(ds.PatientAge[:3])) == (row["sex"], int(row["age"]))
        assert ds.PatientBirthDate == ""
        stored = ds.pixel_array
        assert stored.shape == (512, 512)
        assert stored.max() < 4096
        hu = stored.astype(int) * int(ds.RescaleSlope) + int(ds.RescaleIntercept)
        assert np.median(hu[:20, :20]) == pytest.approx(-1000, abs=10)


def test_character_sets_are_those_of_hospitals(tmp_path: Path) -> None:
    """UTF-8 and ISO 8859-5 are declared; Windows-1251 stands there undeclared."""
    import pydicom

    make_source(tmp_path / "many", Recipe(images=60, seed=2), workers=0)
    seen = set()
    for path in (tmp_path / "many").rglob("*.dcm"):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        declared = ds.get("SpecificCharacterSet")
        seen.add(declared)
        text = str(ds.StudyDescription)
        assert (text.encode("latin-1").decode("cp1251") if declared is None else text) == "КТ головного мозга"
    assert seen == {None, "ISO_IR 192", "ISO_IR 144"}


def test_an_interrupted_run_ends_with_the_same_bytes(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, calls = tmp_path / "source", 0
    whole = source.make_exam

    def stops(*args: object) -> list[dict[str, str]]:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise KeyboardInterrupt
        return whole(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(source, "make_exam", stops)
    with pytest.raises(KeyboardInterrupt):
        make_source(folder, SMALL, workers=1)
    assert not (folder / "manifest.csv").exists()
    with (folder / "manifest.part").open("a", encoding="utf-8") as log:
        log.write('[7, [{"image": "torn')  # killed in the middle of a line
    make_source(folder, SMALL, workers=1)
    assert calls == 6 + 10  # the five that were finished are not drawn again
    names = sorted(str(path.relative_to(made)) for path in made.rglob("*") if path.is_file())
    assert names == sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert all((made / name).read_bytes() == (folder / name).read_bytes() for name in names)


def test_a_finished_archive_is_left_alone_and_another_one_refused(made: Path) -> None:
    before = (made / "manifest.csv").stat().st_mtime_ns
    done = []
    make_source(made, SMALL, on_progress=done.append)
    assert sum(done) == 15
    assert (made / "manifest.csv").stat().st_mtime_ns == before
    with pytest.raises(UsageError, match="made otherwise"):
        make_source(made, Recipe(images=16, seed=5))


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match="other files"):
        make_source(tmp_path, SMALL)


def test_volumes_have_slices_in_order(tmp_path: Path) -> None:
    import pydicom

    folder = tmp_path / "volumes"
    make_source(folder, Recipe(images=9, seed=1, slices=3), workers=1)
    found = rows(folder)
    assert len(found) == 9
    assert len({row["study_id"] for row in found}) == 3
    heights: dict[str, list[float]] = {}
    for row in found:
        ds = pydicom.dcmread(folder / row["image"], stop_before_pixels=True)
        heights.setdefault(ds.SeriesInstanceUID, []).append(float(ds.ImagePositionPatient[2]))
    assert all(np.allclose(np.diff(places), 5.0) for places in heights.values())


def test_languages_are_read_from_the_command_line() -> None:
    assert parse_languages("ru,en,zh") == ((Language.RUSSIAN, 0.8), (Language.ENGLISH, 0.1), (Language.CHINESE, 0.1))
    assert parse_languages("zh") == ((Language.CHINESE, 1.0),)
    assert parse_languages("en:0.25, ru:0.75") == ((Language.ENGLISH, 0.25), (Language.RUSSIAN, 0.75))
    for wrong in ("de", "ru:0.5,en", "ru:-1", "ru:x", ""):
        with pytest.raises(UsageError):
            parse_languages(wrong)
