"""Inputs as hospitals and downloads really have them: whole paths, tables of any name, packed reports, other formats."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from PIL import Image as PillowImage
from trees import dicom, picture, table

from caseindex.errors import REJECTION_REASONS, InputRejected, UsageError
from caseindex.ingest import tables
from caseindex.ingest.foreign_formats import described
from caseindex.ingest.layouts.catalogue import choose
from caseindex.protocols import Discovered
from caseindex.records import Report


def discovered(root: Path, layout: str) -> list[Discovered | Report | InputRejected]:
    assert choose("auto", root).name == layout
    return list(choose("auto", root).discover(root))


def test_whole_paths_in_a_manifest_may_name_what_lies_beside_it(tmp_path):
    pack = tmp_path / "pack"
    picture(pack / "images/a.png")
    picture(tmp_path / "other.png")
    rows = [{"image": str(pack / "images/a.png")}, {"image": str(tmp_path / "other.png")}, {"image": "/etc/hostname"}]
    table(pack / "manifest.csv", rows)
    one, other, system = discovered(pack, "manifest")
    assert isinstance(one, Discovered)
    assert (one.locator, one.uid_name) == (str(pack / "images/a.png"), "images/a.png")
    assert [(item.code, item.item) for item in (other, system)] == [
        ("outside_source", str(tmp_path / "other.png")), ("outside_source", "/etc/hostname"),
    ]  # fmt: skip


def test_whole_paths_through_a_link(tmp_path):
    picture(tmp_path / "disk/pack/a.png")
    (tmp_path / "mnt").symlink_to(tmp_path / "disk")
    table(tmp_path / "disk/pack/manifest.csv", [{"image": str(tmp_path / "mnt/pack/a.png")}])
    (one,) = discovered(tmp_path / "disk/pack", "manifest")
    assert isinstance(one, Discovered)
    assert one.uid_name == "a.png"


@pytest.mark.parametrize("name", ["Manifest.CSV", "manifest.tsv", "cases.csv"])
def test_a_manifest_by_another_name(tmp_path, name):
    picture(tmp_path / "a.png")
    delimiter = "\t" if name.endswith("tsv") else ";"
    table(
        tmp_path / name, [{"image": "a.png", "patient_id": "7", "report": "No stroke; no bleed."}], delimiter=delimiter
    )
    (one,) = discovered(tmp_path, "manifest")
    assert isinstance(one, Discovered)
    assert (one.given["patient_id"], one.reports[0].text) == ("7", "No stroke; no bleed.")


def test_of_two_tables_none_is_guessed_to_be_the_manifest(tmp_path):
    picture(tmp_path / "a.png")
    for name in ("one.csv", "two.csv"):
        table(tmp_path / name, [{"image": "a.png", "patient_id": name, "report": "x"}])
    assert choose("auto", tmp_path).name == "tree"


def test_a_quotation_mark_that_is_not_closed_is_told(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('image,report\na.png,"whole, with\ntwo lines"\nb.png,"cut\nc.png,fine\n', encoding="utf-8")
    first, open_quotes = tables.rows(path, "t.csv")
    assert isinstance(first, tables.Row)
    assert first.cells == {"image": "a.png", "report": "whole, with\ntwo lines"}
    assert isinstance(open_quotes, InputRejected)
    assert (open_quotes.item, open_quotes.code) == ("t.csv:4", "bad_row")
    path.write_text('image,report\na.png,"closed at the very end"', encoding="utf-8")
    assert [type(row) for row in tables.rows(path)] == [tables.Row]


def test_packed_reports_of_mimic_cxr_are_read_in_place(tmp_path):
    dicom(tmp_path / "files/p10/p10000032/s50414267/02aa804e.dcm", "1.2.3.1.1", modality="CR")
    with zipfile.ZipFile(tmp_path / "mimic-cxr-reports.zip", "w") as packed:
        packed.writestr("files/p10/p10000032/s50414267.txt", " FINAL REPORT\n FINDINGS: Clear lungs.")
        packed.writestr("files/p11/p11000001/s59999999.txt", "IMPRESSION: A report without images.")
        packed.writestr("files/p11/p11000001/s59999998.txt", " ")
    image, alone, empty = sorted(discovered(tmp_path, "mimic_cxr"), key=lambda item: type(item).__name__)
    assert isinstance(image, Discovered)
    assert [report.text for report in image.reports] == ["FINAL REPORT\n FINDINGS: Clear lungs."]
    assert isinstance(empty, Report)
    assert (empty.study_uid, empty.text) == ("p11000001/s59999999", "IMPRESSION: A report without images.")
    assert isinstance(alone, InputRejected)
    assert alone.code == "report_too_short"


def test_packed_reports_come_with_the_pictures_of_mimic_cxr_jpg(tmp_path):
    picture(tmp_path / "files/p10/p10000032/s50414267/02aa804e.jpg")
    row = {"subject_id": "10000032", "study_id": "50414267", "dicom_id": "02aa804e", "ViewPosition": "PA"}
    table(tmp_path / "mimic-cxr-2.0.0-metadata.csv", [row])
    with zipfile.ZipFile(tmp_path / "mimic-cxr-reports.zip", "w") as packed:
        packed.writestr("files/p10/p10000032/s50414267.txt", "IMPRESSION: No pneumonia.")
    (image,) = discovered(tmp_path, "mimic_cxr_jpg")
    assert isinstance(image, Discovered)
    assert [report.text for report in image.reports] == ["IMPRESSION: No pneumonia."]


def saved(name: str) -> bytes:
    stream = io.BytesIO()
    PillowImage.new("RGB", (9, 9), "red").save(stream, name)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("file", "data", "words"),
    [
        ("a", saved("GIF"), "GIF"),
        ("a", saved("WEBP"), "WebP"),
        ("a", saved("BMP"), "BMP"),
        ("a", saved("JPEG2000"), "JPEG 2000"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1", "Office"),
        ("a.tgz", b"\x1f\x8b\x08", "unpack"),
        ("a.csv", b"image;x", "--reports"),
        ("pack.zip!manifest.csv", b"image,x", "unpack"),
        ("notes.txt", b"words", "report.txt"),
    ],
)
def test_other_formats_are_named_with_the_way_out(file, data, words):
    assert words in described(file, data)


def test_bytes_of_nothing_known_have_no_name():
    assert described("a.bin", b"\1\2\3") == ""


def test_rejections_name_files_as_they_were_given_and_go_when_they_are_mended(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture(Path("s/a.png"))
    Path("s/gone.png").symlink_to("nowhere")
    Path("s/broken.zip").write_bytes(b"PK\3\4 and no more")
    Path("s/scan.gif").write_bytes(saved("GIF"))
    Path("s/a.txt").write_text("Без патологии.", encoding="utf-8")
    place.take(Path("s"))
    assert [report.file for report in place.reports] == ["s/a.txt"]
    lines = {
        entry["file"]: entry for entry in map(json.loads, (place.path / "rejected.jsonl").read_text().splitlines())
    }
    assert sorted(lines) == ["s/broken.zip", "s/gone.png", "s/scan.gif"]
    assert "GIF" in lines["s/scan.gif"]["detail"]
    assert all(entry["reason"] in REJECTION_REASONS for entry in lines.values())
    Path("s/gone.png").unlink()
    picture(Path("s/gone.png"), seed=3)
    with zipfile.ZipFile("s/broken.zip", "w") as mended:
        mended.write(picture(Path("x.png"), seed=4), "x.png")
    place.take(Path("s"))
    assert place.rejected == [("scan.gif", "unknown_format")]


def test_rows_that_were_mended_leave_no_rejection_behind(place, tmp_path):
    source = tmp_path / "s"
    picture(source / "a.png")
    table(source / "manifest.csv", [{"image": "a.png"}, {"image": "b.png"}, {"image": "", "patient_id": "1"}])
    place.take(source)
    assert sorted(code for _, code in place.rejected) == ["bad_row", "missing_file"]
    picture(source / "b.png", seed=1)
    table(source / "manifest.csv", [{"image": "a.png"}, {"image": "b.png"}])
    place.take(source)
    assert place.rejected == []


def test_a_torn_picture_is_rejected_in_the_same_words_each_time(place, tmp_path):
    good = picture(tmp_path / "s/good.png").read_bytes()
    (tmp_path / "s/torn.png").write_bytes(good[: len(good) // 2])
    place.take(tmp_path / "s")
    first = (place.path / "rejected.jsonl").read_text()
    place.take(tmp_path / "s")
    assert (place.path / "rejected.jsonl").read_text() == first
    assert "ends too early" in first
    assert "WARN" not in first


def test_an_archive_among_the_sources_is_no_source(place, tmp_path):
    picture(tmp_path / "a.png")
    (place.path / "archive.toml").write_text("")
    summary = place.take(tmp_path)
    assert (summary.taken, summary.rejected) == (1, {})
    assert any((place.path / "thumbnails").rglob("*.jpg"))
    again = place.take(tmp_path)
    assert (again.taken, again.unchanged, again.rejected) == (0, 1, {})
    with pytest.raises(UsageError, match="an archive of caseindex itself"):
        place.take(place.path)
