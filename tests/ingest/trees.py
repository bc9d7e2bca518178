"""Small inputs for the tests of ingest."""

from __future__ import annotations

import csv
import zlib
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (40, 32)) -> Path:
    """A grey picture of its own for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, size, np.uint8)
    PillowImage.fromarray(pixels).save(path, format={".jpg": "JPEG", ".tif": "TIFF"}.get(path.suffix, "PNG"))
    return path


def table(path: Path, rows: list[dict[str, str]], **options: str) -> Path:
    """A CSV table with the columns of its first row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(name for row in rows for name in row))
    with open(path, "w", newline="", encoding=options.get("encoding", "utf-8")) as file:
        writer = csv.DictWriter(file, names, delimiter=options.get("delimiter", ","))
        writer.writeheader()
        writer.writerows(rows)
    return path


def manifest(folder: Path, *rows: dict[str, str]) -> Path:
    """``folder`` with a manifest of these rows, and a picture for each that has none."""
    for number, row in enumerate(rows):
        if not (folder / row["image"]).exists():
            picture(folder / row["image"], seed=zlib.crc32(folder.name.encode()) % 1000 + number)
    table(folder / "manifest.csv", list(rows))
    return folder


def dicom(
    path: Path,
    uid: str,
    *,
    study: str = "1.2.3",
    series: str = "1.2.3.1",
    seed: int = 0,
    modality: str = "CT",
    position: float = 0.0,
    patient: str = "P1",
    accession: str = "A1",
    blank: bool = False,
    birth: str = "19500101",
    intercept: int | None = None,
) -> Path:
    """A small slice with explicit little endian pixels."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, uid
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.PatientID, dataset.PatientName, dataset.PatientBirthDate = patient, "Ivanov^Ivan", birth
    dataset.AccessionNumber, dataset.Modality, dataset.StudyDate = accession, modality, "20240301"
    dataset.ImagePositionPatient = [0, 0, position]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [1, 1]
    pixels = np.zeros((32, 32), np.uint16)
    edge = 2 if blank else 12
    pixels[16 - edge : 16 + edge, 16 - edge : 16 + edge] = np.random.default_rng(seed).integers(
        900, 1200, (2 * edge, 2 * edge)
    )
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    if intercept is not None:
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, intercept
    dataset.PixelData = pixels.tobytes()
    dataset.save_as(path, enforce_file_format=True)
    return path
