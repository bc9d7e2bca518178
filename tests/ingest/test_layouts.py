"""Each layout on a tiny tree that looks like the data set."""

from __future__ import annotations

import gzip
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from trees import dicom, picture, table

from caseindex.errors import InputRejected
from caseindex.ingest.layouts.catalogue import LAYOUTS, choose
from caseindex.protocols import Discovered
from caseindex.records import Language, Report, Sex


def found(root: Path, layout: str) -> tuple[list[Discovered], list[Report], list[tuple[str, str]]]:
    """What a layout finds, having recognised the folder by itself."""
    assert choose("auto", root).name == layout
    everything = list(choose(layout, root).discover(root))
    return (
        [item for item in everything if isinstance(item, Discovered)],
        [item for item in everything if isinstance(item, Report)],
        [(item.item, item.code) for item in everything if isinstance(item, InputRejected)],
    )


def packed(path: Path) -> None:
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def test_manifest(tmp_path):
    picture(tmp_path / "images/000.png")
    row = {
        "image": "images/000.png", "patient_id": "7", "study_id": "", "modality": "ct", "view": "Axial",
        "body_part": "head", "date": "follow-up 013", "sex": "male", "age": "22", "labels": "a; b;a", "report": "Текст",
        "language": "ru", "scanner": "X", "patient_name": "Ivanov",
    }  # fmt: skip
    table(tmp_path / "manifest.csv", [row, {**row, "image": "images/none.png"}], encoding="utf-8-sig")
    (one,), _, rejected = found(tmp_path, "manifest")
    assert rejected == [("images/none.png", "missing_file")]
    assert (one.file, one.locator) == ("images/000.png", str(tmp_path / "images/000.png"))
    assert one.given == {
        "patient_id": "7", "modality": "CT", "view": "AXIAL", "body_part": "HEAD", "date": None, "sex": Sex.MALE,
        "age_years": 22.0, "labels": ("a", "b"), "attributes": {"scanner": "X", "date_given": "follow-up 013"},
    }  # fmt: skip
    assert one.study.derived
    assert (one.reports[0].text, one.reports[0].language, one.reports[0].image_uids) == (
        "Текст",
        Language.RUSSIAN,
        ("",),
    )
    again = list(choose("auto", tmp_path / "manifest.csv").discover(tmp_path / "manifest.csv"))
    assert again[0] == replace(one)


def test_a_manifest_in_a_language_that_is_not_ours(tmp_path):
    picture(tmp_path / "a.png")
    table(tmp_path / "manifest.csv", [{"image": "a.png", "report": "Sin hallazgos.", "language": "es"}])
    ((one,), _, _) = found(tmp_path, "manifest")
    assert (one.reports[0].language, one.detect_language) == (None, False)


def test_mimic_cxr(tmp_path):
    dicom(tmp_path / "files/p10/p10000032/s50414267/02aa804e.dcm", "1.2.3.1.1", modality="CR")
    dicom(tmp_path / "files/p10/p10000032/s53189527/2a2277a9.dcm", "1.2.3.1.2", modality="CR")
    texts = tmp_path / "mimic-cxr-reports/files/p10/p10000032"
    texts.mkdir(parents=True)
    (texts / "s50414267.txt").write_text(" FINAL REPORT\n FINDINGS: Clear lungs.")
    (tmp_path / "files/p10/p10000032/s53189527.txt").write_text("IMPRESSION: No pneumonia.")
    (texts / "s59999999.txt").write_text("IMPRESSION: A report without images.")
    images, reports, rejected = found(tmp_path, "mimic_cxr")
    assert rejected == []
    assert [(image.file, image.given["patient_id"], image.study.study_uid) for image in images] == [
        ("files/p10/p10000032/s50414267/02aa804e.dcm", "p10000032", "p10000032/s50414267"),
        ("files/p10/p10000032/s53189527/2a2277a9.dcm", "p10000032", "p10000032/s53189527"),
    ]
    assert [image.reports[0].text for image in images] == [
        "FINAL REPORT\n FINDINGS: Clear lungs.", "IMPRESSION: No pneumonia.",
    ]  # fmt: skip
    assert [(report.study_uid, report.language) for report in reports] == [("p10000032/s59999999", Language.ENGLISH)]


def test_mimic_cxr_jpg(tmp_path):
    subject, study = {"subject_id": "10000032"}, {"study_id": "50414267"}
    both = [{"dicom_id": "02aa804e", **subject, **study}, {"dicom_id": "174413ec", **subject, **study}]
    picture(tmp_path / "files/p10/p10000032/s50414267/02aa804e.jpg")
    (tmp_path / "files/p10/p10000032/s50414267.txt").write_text("IMPRESSION: Clear.")
    metadata = [{**row, "ViewPosition": "PA", "Rows": "3056", "StudyDate": "21800506"} for row in both]
    packed(table(tmp_path / "mimic-cxr-2.0.0-metadata.csv", metadata))
    packed(table(tmp_path / "mimic-cxr-2.0.0-split.csv", [{**both[0], "split": "train"}]))
    labels = {**subject, **study, "Atelectasis": "", "Cardiomegaly": "1.0", "Edema": "0.0", "Pneumonia": "-1.0"}
    packed(table(tmp_path / "mimic-cxr-2.0.0-chexpert.csv", [labels]))
    packed(table(tmp_path / "mimic-cxr-2.0.0-negbio.csv", [{**labels, "Edema": "1.0"}]))
    (one,), _, rejected = found(tmp_path, "mimic_cxr_jpg")
    assert rejected == [("files/p10/p10000032/s50414267/174413ec.jpg", "missing_file")]
    assert one.file == "files/p10/p10000032/s50414267/02aa804e.jpg"
    assert (one.given["labels"], one.given["view"], one.given["date"]) == (("Cardiomegaly",), "PA", "2180-05-06")
    assert one.given["attributes"] == {
        "split": "train", "labels_absent": "Edema", "labels_uncertain": "Pneumonia", "labels_negbio": "Cardiomegaly;Edema",
    }  # fmt: skip
    assert (one.study.study_uid, one.study.accession_number) == ("p10000032/s50414267", "50414267")
    assert one.reports[0].text == "IMPRESSION: Clear."


def test_chexpert(tmp_path):
    root = tmp_path / "CheXpert-v1.0-small"
    path = "CheXpert-v1.0-small/{}/patient00001/study1/view1_frontal.jpg"
    row = {"Path": "", "Sex": "Female", "Age": "68", "Frontal/Lateral": "Frontal", "AP/PA": "AP", "No Finding": "1.0"}
    for split in ("train", "valid"):
        picture(root / f"{split}/patient00001/study1/view1_frontal.jpg")
        table(root / f"{split}.csv", [{**row, "Path": path.format(split), "Edema": "-1.0", "Fracture": "0.0"}])
    images, _, rejected = found(root, "chexpert")
    assert rejected == []
    assert [image.given["attributes"]["split"] for image in images] == ["train", "valid"]
    one = images[0]
    assert one.file == path.format("train")
    assert one.given["attributes"] == {"labels_uncertain": "Edema", "labels_absent": "Fracture", "split": "train"}
    assert (one.given["sex"], one.given["age_years"], one.given["view"], one.given["labels"]) == (
        Sex.FEMALE, 68.0, "AP", ("No Finding",),
    )  # fmt: skip
    assert one.study.study_uid == "patient00001/study1"


def test_chestxray14(tmp_path):
    row = {
        "Image Index": "00000001_000.png", "Finding Labels": "Cardiomegaly|Effusion", "Follow-up #": "0",
        "Patient ID": "1", "Patient Age": "058Y", "Patient Gender": "M", "View Position": "PA",
        "OriginalImage[Width": "2682", "Height]": "2749", "OriginalImagePixelSpacing[x": "0.143", "y]": "0.143", "": "",
    }  # fmt: skip
    picture(tmp_path / "images_001/images/00000001_000.png")
    picture(tmp_path / "images_012/images/00000001_001.png")
    rows = [row, {**row, "Image Index": "00000001_001.png", "Follow-up #": "1"}, {**row, "Image Index": "no.png"}]
    table(tmp_path / "Data_Entry_2017.csv", rows)
    (tmp_path / "test_list.txt").write_text("00000001_001.png\n")
    images, _, rejected = found(tmp_path, "chestxray14")
    assert rejected == [("no.png", "missing_file")]
    assert [image.study.study_uid for image in images] == ["1_0", "1_1"]
    assert images[0].given["labels"] == ("Cardiomegaly", "Effusion")
    assert images[0].given["age_years"] == 58.0
    assert images[1].given["attributes"]["split"] == "test"


def test_open_i_xml(tmp_path):
    report = """<?xml version="1.0" encoding="utf-8"?><eCitation><uId id="CXR1"/><MedlineCitation><Article><Abstract>
    <AbstractText Label="COMPARISON">None.</AbstractText><AbstractText Label="INDICATION">Positive TB test</AbstractText>
    <AbstractText Label="FINDINGS">The cardiac silhouette is &lt; normal.</AbstractText>
    <AbstractText Label="IMPRESSION">Normal chest x-XXXX.</AbstractText></Abstract></Article></MedlineCitation>
    <MeSH><major>normal</major></MeSH>
    <parentImage id="CXR1_1_IM-0001-3001"><caption>Xray Chest PA and Lateral</caption></parentImage>
    <parentImage id="CXR1_1_IM-0001-4001"><caption>Xray Chest PA and Lateral</caption></parentImage></eCitation>"""
    folder = tmp_path / "NLMCXR_reports/ecgen-radiology"
    folder.mkdir(parents=True)
    (folder / "1.xml").write_text(report)
    (folder / "2.xml").write_text(report.replace("CXR1", "CXR2"))
    (folder / "3.xml").write_text("<eCitation>")
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><eCitation>&b;</eCitation>'
    (folder / "4.xml").write_text(bomb)
    for number in (3001, 4001):
        picture(tmp_path / f"NLMCXR_png/CXR1_1_IM-0001-{number}.png")
    images, reports, rejected = found(tmp_path, "open_i")
    assert [image.file for image in images] == ["CXR1_1_IM-0001-3001.png", "CXR1_1_IM-0001-4001.png"]
    assert images[0].reports == images[1].reports
    assert images[0].reports[0].text == (
        "INDICATION: Positive TB test\nCOMPARISON: None.\nFINDINGS: The cardiac silhouette is < normal.\n"
        "IMPRESSION: Normal chest x-XXXX."
    )
    assert images[0].given["labels"] == ("normal",)
    assert [report.study_uid for report in reports] == ["CXR2"]
    assert [code for _, code in rejected] == ["missing_file", "missing_file", "bad_row", "bad_row"]


def test_open_i_tables(tmp_path):
    row = {
        "uid": "1", "MeSH": "Cardiomegaly/borderline;Pulmonary Artery/enlarged", "Problems": "Cardiomegaly", "image": "PA",
        "indication": "", "comparison": "", "findings": "Borderline cardiomegaly.", "impression": "No acute findings.",
    }  # fmt: skip
    table(tmp_path / "indiana_reports.csv", [row, {**row, "uid": "2"}])
    names = [{"uid": "1", "filename": f"1_IM-0001-{number}.dcm.png", "projection": view}
             for number, view in ((4001, "Frontal"), (3001, "Lateral"))]  # fmt: skip
    table(tmp_path / "indiana_projections.csv", names)
    for name in names:
        picture(tmp_path / "images/images_normalized" / name["filename"])
    images, reports, rejected = found(tmp_path, "open_i")
    assert rejected == []
    assert [(image.given["view"], image.study.study_uid) for image in images] == [
        ("FRONTAL", "CXR1"),
        ("LATERAL", "CXR1"),
    ]
    assert [report.study_uid for report in reports] == ["CXR2"]


def test_cov_ctr(tmp_path):
    row = {
        "image_id": "2020.02.10.20021584-p6-52%0.png", "findings": "双肺磨玻璃影。", "terminologies": "ground glass",
        "COVID": "1", "impression": "病毒性肺炎。", "reports_En": "Ground-glass opacities in both lungs.",
    }  # fmt: skip
    picture(tmp_path / row["image_id"])
    table(tmp_path / "reports_ZH_EN.csv", [row], encoding="utf-8-sig")
    (one,), _, rejected = found(tmp_path, "cov_ctr")
    assert rejected == []
    assert [(report.language, report.text) for report in one.reports] == [
        (Language.CHINESE, "影像所见：双肺磨玻璃影。\n诊断意见：病毒性肺炎。"),
        (Language.ENGLISH, "Ground-glass opacities in both lungs."),
    ]
    assert (one.given["labels"], one.study.study_uid) == (("COVID-19",), "")


def test_padchest(tmp_path):
    row = {
        "": "0", "ImageID": "216840_a.png", "ImageDir": "0", "StudyDate_DICOM": "20140915", "StudyID": "2019", "PatientID": "8",
        "PatientBirth": "1930.0", "PatientSex_DICOM": "F", "ViewPosition_DICOM": "POSTEROANTERIOR", "Projection": "PA",
        "Modality_DICOM": "CR", "ReportID": "4991845", "Report": "sin hallazg patolog .", "MethodLabel": "Physician",
        "Labels": "['pleural effusion', 'normal']",
    }  # fmt: skip
    picture(tmp_path / "0/216840_a.png")
    picture(tmp_path / "x/216840_b.png")
    with zipfile.ZipFile(tmp_path / "1.zip", "w") as archive:
        archive.write(tmp_path / "x/216840_b.png", "216840_b.png")
    path = tmp_path / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
    packed(table(path, [row, {**row, "ImageID": "216840_b.png", "ImageDir": "1", "Labels": "nan]["}]))
    images, _, rejected = found(tmp_path, "padchest")
    assert rejected == []
    assert [image.locator for image in images] == [f"{tmp_path}/0/216840_a.png", f"{tmp_path}/1.zip!216840_b.png"]
    one = images[0]
    assert (one.given["age_years"], one.given["sex"], one.given["labels"]) == (
        84.0,
        Sex.FEMALE,
        ("pleural effusion", "normal"),
    )
    assert (one.reports[0].language, one.detect_language) == (None, False)
    assert "1930" not in repr(one)


def test_a_plain_tree_hands_known_folders_to_their_layouts(tmp_path):
    picture(tmp_path / "pack/a.png")
    table(tmp_path / "pack/manifest.csv", [{"image": "a.png", "patient_id": "7"}])
    picture(tmp_path / "loose/b.png")
    items = list(choose("auto", tmp_path).discover(tmp_path))
    assert [(Path(item.file).name, item.given.get("patient_id")) for item in items] == [("b.png", None), ("a.png", "7")]


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "tree"])
def test_a_layout_that_is_forced_on_a_foreign_folder_says_what_is_missing(tmp_path, name):
    picture(tmp_path / "a.png")
    assert choose("auto", tmp_path).name == "tree"
    items = list(choose(name, tmp_path).discover(tmp_path))
    assert [item.code for item in items if isinstance(item, InputRejected)] == ["missing_file"]
