"""Ingest as a whole: where the reports come from, and what becomes of them when they change."""

from __future__ import annotations

from pathlib import Path

import pytest
from archive_place import counts
from trees import dicom, manifest, picture, table

from caseindex.errors import CaseindexError
from caseindex.records import Language

TEXT = "В левой теменной доле гиподенсивный участок. Ишемический инсульт."


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
