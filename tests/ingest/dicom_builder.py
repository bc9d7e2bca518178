"""DICOM files for tests, made of an array and a few attributes."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"


def item(**attributes: Any) -> Dataset:
    found = Dataset()
    for name, value in attributes.items():
        setattr(found, name, value)
    return found


def sequence(*items: Dataset) -> Sequence:
    return Sequence(items)


def dicom_bytes(
    array: np.ndarray | None = None,
    *,
    transfer_syntax: str = ExplicitVRLittleEndian,
    photometric: str = "MONOCHROME2",
    stored: int | None = None,
    frames: int | None = None,
    encoded: list[bytes] | None = None,
    raw: bytes | None = None,
    elements: dict[int, tuple[str, Any]] | None = None,
    **attributes: Any,
) -> bytes:
    """``array``: [rows, columns], [rows, columns, 3], or with ``frames`` [frames, ...]; ``encoded``: compressed
    frames, ``raw``: pixel bytes instead of the array's; ``elements``: tag -> (VR, value)."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = transfer_syntax
    meta.MediaStorageSOPClassUID = CT_CLASS
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    dataset = FileDataset(
        "", {}, file_meta=meta, preamble=b"\0" * 128, is_implicit_VR=transfer_syntax == ImplicitVRLittleEndian,
        is_little_endian=transfer_syntax != ExplicitVRBigEndian,
    )  # fmt: skip
    dataset.SOPClassUID = CT_CLASS
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.StudyInstanceUID = "1.2.3"
    dataset.SeriesInstanceUID = "1.2.3.1"
    dataset.PatientID = "P1"
    if array is not None:
        shape = array.shape[1:] if frames is not None else array.shape
        dataset.Rows, dataset.Columns = shape[:2]
        dataset.SamplesPerPixel = shape[2] if len(shape) == 3 else 1
        if dataset.SamplesPerPixel > 1:
            dataset.PlanarConfiguration = 0
        if frames is not None:
            dataset.NumberOfFrames = frames
        dataset.PhotometricInterpretation = photometric
        bits = array.dtype.itemsize * 8
        dataset.BitsAllocated = bits
        dataset.BitsStored = stored or bits
        dataset.HighBit = dataset.BitsStored - 1
        dataset.PixelRepresentation = int(array.dtype.kind == "i")
        big = transfer_syntax == ExplicitVRBigEndian
        data = array.astype(array.dtype.newbyteorder(">" if big else "<")).tobytes() if raw is None else raw
        if encoded is not None:
            dataset.PixelData = encapsulate(encoded)
            dataset["PixelData"].is_undefined_length = True
        else:
            dataset.PixelData = data + b"\0" * (len(data) % 2)
        dataset["PixelData"].VR = "OW" if bits > 8 else "OB"
    for name, value in attributes.items():
        setattr(dataset, name, value)
    for tag, (vr, value) in (elements or {}).items():
        dataset.add_new(tag, vr, value)
    stream = BytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()
