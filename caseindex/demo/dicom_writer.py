"""CT Image Storage (PS3.3 A.3), explicit VR little endian, 12 bits, in the character sets that hospitals use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from caseindex.demo.cohort import Exam
from caseindex.demo.person import Person
from caseindex.demo.scanner import Acquisition
from caseindex.records import Float32Array

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SLICE_MM = 5.0
_STUDY = "КТ головного мозга"
_WINDOWS = (((40, 80),), ((35, 90),), ((40, 80), (500, 2000)), ((38, 100),))


def write_slice(path: Path, exam: Exam, person: Person, scan: Acquisition, hu: Float32Array, number: int) -> None:
    """Writes slice ``number`` (from 0) of ``exam``: beside the target first, then renamed, so a file is whole."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    rng = np.random.default_rng((exam.seed, 404, exam.number))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = exam.image_uid(number)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = Dataset()
    ds.file_meta = meta
    _texts(ds, person, float(rng.random()))
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, exam.image_uid(number)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = exam.study_uid, exam.series_uid
    ds.StudyID, ds.AccessionNumber = str(exam.number), f"SYN{exam.number:06d}"
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = exam.date.strftime("%Y%m%d")
    ds.StudyTime = ds.ContentTime = f"{int(rng.integers(7, 23)):02d}{int(rng.integers(60)):02d}00"
    ds.PatientID, ds.PatientSex = person.patient_id, person.sex.value
    ds.PatientAge = f"{int(exam.age):03d}Y"
    ds.Modality, ds.BodyPartExamined, ds.PatientPosition = "CT", "HEAD", "HFS"
    ds.Manufacturer = "caseindex synthetic"
    ds.ReferringPhysicianName = ""
    ds.PatientBirthDate = ""
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SeriesNumber, ds.InstanceNumber = 2, number + 1
    ds.KVP, ds.ConvolutionKernel = 120, f"H{round(20 + 25 * scan.sharpness)}s"
    ds.SliceThickness = SLICE_MM
    ds.GantryDetectorTilt = round(-scan.tilt * 100, 1)
    ds.FrameOfReferenceUID = exam.series_uid + ".1" if len(exam.series_uid) < 62 else exam.series_uid
    half = round(scan.field_mm / 2, 3)
    ds.ImagePositionPatient = [-half, -half, round(exam.level * 130 + SLICE_MM * number, 3)]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.SliceLocation = ds.ImagePositionPatient[2]
    ds.PixelSpacing = [round(scan.pixel_mm, 6)] * 2
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = hu.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.PixelRepresentation = 0
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = -1024, 1, "HU"
    windows = _WINDOWS[int(rng.choice(len(_WINDOWS), p=[0.6, 0.15, 0.15, 0.1]))]
    ds.WindowCenter, ds.WindowWidth = [c for c, _ in windows], [w for _, w in windows]
    ds.PixelData = (np.clip(hu, -1024, 3071) + 1024).astype("<u2").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    ds.save_as(part, enforce_file_format=True)
    os.replace(part, path)


def _texts(ds: Dataset, person: Person, draw: float) -> None:
    """Text elements: UTF-8 mostly, ISO 8859-5 at times, and Windows-1251 without a declared character set, which the
    standard forbids and old workstations write."""
    name = f"Синтетический^{person.number:04d}"
    if draw < 0.80:
        ds.SpecificCharacterSet = "ISO_IR 192"
    elif draw < 0.93:
        ds.SpecificCharacterSet = "ISO_IR 144"
    else:  # an absent character set is written as Latin-1: the bytes go out as they are
        ds.PatientName, ds.StudyDescription, ds.SeriesDescription = (
            text.encode("cp1251").decode("latin-1") for text in (name, _STUDY, "Голова 5.0")
        )
        return
    ds.PatientName, ds.StudyDescription, ds.SeriesDescription = name, _STUDY, "Голова 5.0"
