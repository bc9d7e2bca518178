"""Header fields of the records; what must never be in them; the text of structured reports."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian

from caseindex.errors import InputRejected
from caseindex.records import Report, Sex, Side
from tests.ingest.dicom_builder import dicom_bytes, item, sequence

PICTURE = np.arange(12, dtype=np.uint16).reshape(3, 4)
Taken = Callable[..., list[Any]]


def one(taken: Taken, **attributes: Any) -> Any:
    [found] = taken(dicom_bytes(PICTURE, **attributes))
    return found


def test_the_fields_of_a_radiograph(taken: Taken) -> None:
    found = one(
        taken, PatientName="Иванов^Иван", PatientBirthDate="19600301", PatientID=" 77 ", PatientSex="F",
        StudyDate="20240301", Modality="DX", BodyPartExamined="Chest", ViewPosition="LL", ImageLaterality="R",
        AccessionNumber="A-5", InstanceNumber="4", ImagerPixelSpacing=[0.2, 0.2], BurnedInAnnotation="YES",
        StudyDescription="Chest PA", SeriesDescription="lateral", SpecificCharacterSet="ISO_IR 192",
    )  # fmt: skip
    image = found.image
    assert (image.image_uid, image.study_uid, image.series_uid) == ("1.2.3.4", "1.2.3", "1.2.3.1")
    assert (image.patient_id, image.sex, image.date, image.modality) == ("77", Sex.FEMALE, "2024-03-01", "DX")
    assert (image.body_part, image.view, image.side) == ("CHEST", "LATERAL", Side.RIGHT)
    assert (image.instance_number, image.pixel_spacing_mm, image.frame) == (4, (0.2, 0.2), None)
    assert image.age_years == 64.0
    assert image.attributes["burned_in_annotation"] == "YES"
    assert (found.study.accession_number, found.study.description, found.study.derived) == ("A-5", "Chest PA", False)
    assert (found.series.description, found.series.modality) == ("lateral", "DX")


def test_names_and_birth_dates_are_not_kept(taken: Taken) -> None:
    found = one(taken, PatientName="Secretova^Anna", PatientBirthDate="19600301", StudyDate="20240301",
                OtherPatientNames="Secretova", ReferringPhysicianName="Secretova", OperatorsName="Secretova",
                PatientComments="Secretova 1960", SpecificCharacterSet="ISO_IR 100")  # fmt: skip
    everything = repr([dataclasses.asdict(part) for part in (found.image, found.study, found.series)])
    assert "Secretova" not in everything
    assert "1960" not in everything


@pytest.mark.parametrize(
    ("age", "years"),
    [("045Y", 45), ("018M", 1.5), ("026W", 0.498), ("010D", 0.027), ("45", 45), ("", None), ("xx", None)],
)
def test_ages(age: str, years: float | None, taken: Taken) -> None:
    assert one(taken, PatientAge=age).image.age_years == years


@pytest.mark.parametrize("value", ["", "20241399", "0000", "hello", "2024-03"])
def test_dates_that_are_none(value: str, taken: Taken) -> None:
    assert one(taken, elements={0x00080020: ("LO", value)}).image.date is None


def test_empty_patient_id_is_none(taken: Taken) -> None:
    assert one(taken, PatientID="  ").image.patient_id is None


@pytest.mark.parametrize(
    ("orientation", "view"),
    [([1, 0, 0, 0, 1, 0], "AXIAL"), ([1, 0, 0, 0, 0, -1], "CORONAL"), ([0, 1, 0, 0, 0, -1], "SAGITTAL"),
     ([1, 0, 0, 0, 0.9, 0.43], "AXIAL"), ([0.7071, -0.7071, 0, 0.4082, 0.4082, -0.8165], "OBLIQUE")],
)  # fmt: skip
def test_the_plane_of_a_slice(orientation: list[float], view: str, taken: Taken) -> None:
    found = one(taken, ImageOrientationPatient=orientation, ImagePositionPatient=[1, 2, 3])
    assert found.image.view == view


def test_the_position_runs_along_the_normal(taken: Taken) -> None:
    coronal = one(taken, ImageOrientationPatient=[1, 0, 0, 0, 0, -1], ImagePositionPatient=[5, 30, -7])
    assert coronal.image.position_mm == 30
    assert one(taken, SliceLocation="-12.5").image.position_mm == -12.5
    assert one(taken).image.position_mm is None


def test_missing_uids_are_derived_and_stable(taken: Taken) -> None:
    nothing = {"SOPInstanceUID": "", "StudyInstanceUID": "", "SeriesInstanceUID": ""}
    first = one(taken, **nothing, PatientID="X", StudyDate="20200101")
    again = one(taken, **nothing, PatientID="X", StudyDate="20200101")
    same_day = one(taken, **nothing, PatientID="X", StudyDate="20200101", InstanceNumber=2)
    other_day = one(taken, **nothing, PatientID="X", StudyDate="20200102")
    assert first.image == again.image
    assert first.study.derived
    assert first.image.image_uid.startswith("2.25.")
    assert same_day.image.study_uid == first.image.study_uid
    assert same_day.image.image_uid != first.image.image_uid
    assert other_day.image.study_uid != first.image.study_uid
    assert first.series is None


@pytest.mark.parametrize("uid", ["1.2.3#7", "../../etc/passwd", "1." * 200, "a b", "1.2\x003"])
def test_uids_that_cannot_be_keys_are_replaced(uid: str, taken: Taken) -> None:
    found = one(taken, elements={0x00080018: ("LO", uid), 0x0020000D: ("LO", uid)})
    for key in (found.image.image_uid, found.image.study_uid):
        assert key.replace(".", "").isdigit() or key == uid.split("\x00")[0]
        assert len(key) <= 64


def test_long_patient_ids_stay_apart(taken: Taken) -> None:
    ids = [one(taken, elements={0x00100020: ("LT", "9" * 500 + end)}).image.patient_id for end in "ab"]
    assert ids[0] != ids[1]
    assert all(len(found) <= 64 for found in ids)


def test_windows_1251_under_a_latin_charset(taken: Taken) -> None:
    data = dicom_bytes(PICTURE, SpecificCharacterSet="ISO_IR 100", StudyDescription="X" * 18)
    [found] = taken(data.replace(b"X" * 18, "КТ головного мозга".encode("cp1251")))
    assert found.study.description == "КТ головного мозга"


def test_implicit_vr_without_preamble_and_meta(taken: Taken) -> None:
    data = dicom_bytes(PICTURE, transfer_syntax=ImplicitVRLittleEndian, NumberOfFrames=1, StudyDescription="head")
    start = data.index(b"\x08\x00\x16\x00")
    [found] = taken(data[start:])
    assert found.study.description == "head"
    assert found.pixels.shape == (3, 4)


def test_objects_that_are_no_pictures_are_marked(taken: Taken) -> None:
    found = one(taken, SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4", Modality="SEG")
    assert found.image.attributes["object_class"] == "segmentation"
    assert not found.image.represents_series


def content(kind: str, concept: str | None = None, **more: Any) -> Dataset:
    found = item(ValueType=kind, RelationshipType=more.pop("RelationshipType", "CONTAINS"), **more)
    if concept:
        found.ConceptNameCodeSequence = sequence(item(CodeMeaning=concept, CodeValue="1", CodingSchemeDesignator="X"))
    return found


def test_the_text_of_a_structured_report(taken: Taken) -> None:
    findings = content("CONTAINER", "Описание", ContentSequence=sequence(
        content("TEXT", None, TextValue="Зона пониженной плотности."),
        content("CODE", "Side", ConceptCodeSequence=sequence(item(CodeMeaning="left"))),
        content("NUM", "Size", MeasuredValueSequence=sequence(item(
            NumericValue="12.5", MeasurementUnitsCodeSequence=sequence(item(CodeValue="mm"))))),
    ))  # fmt: skip
    tree = sequence(
        content("PNAME", "Observer", PersonName="Secretova^Anna", RelationshipType="HAS OBS CONTEXT"),
        content("PNAME", "Reader", PersonName="Secretova^Anna"),
        findings,
        content("TEXT", "Заключение", TextValue="Ишемический инсульт."),
    )
    data = dicom_bytes(Modality="SR", SpecificCharacterSet="ISO_IR 192", StudyDate="20240301", ValueType="CONTAINER",
                       ContentSequence=tree)  # fmt: skip
    [report] = taken(data)
    assert isinstance(report, Report)
    assert report.text == (
        "Описание:\nЗона пониженной плотности.\nSide: left\nSize: 12.5 mm\nЗаключение: Ишемический инсульт."
    )
    assert (report.study_uid, report.patient_id, report.date) == ("1.2.3", "P1", "2024-03-01")
    assert report.report_uid == "1.2.3.4"


def test_a_structured_report_without_text_has_no_pixels_either(taken: Taken) -> None:
    tree = sequence(content("CODE", "Finding", ConceptCodeSequence=sequence(item(CodeMeaning="nodule"))))
    with pytest.raises(InputRejected) as caught:
        taken(dicom_bytes(Modality="SR", ValueType="CONTAINER", ContentSequence=tree))
    assert caught.value.code == "no_pixels"
