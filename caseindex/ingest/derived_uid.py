"""UIDs for what has none of its own: pictures, studies and reports outside DICOM.

They are of the form ``2.25.N``, N a name-based UUID as an integer (DICOM PS3.5 B.2; RFC 4122 version 5), and depend
only on the arguments, so that the same input gives the same UID on every machine and in every run.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import Final

_NAMESPACE: Final = uuid.UUID("6f0b5c58-93d4-5e0e-8c5b-0d9a7f0c6a11")
_VERSION_AND_VARIANT: Final = 0xF000 << 64 | 0xC000 << 48
_NAME_BASED: Final = 5 << 76 | 0x8000 << 48  # version 5, the variant of RFC 4122
_DICOM_UID: Final = re.compile(r"[0-2](\.(0|[1-9]\d*)){3,}")
_LONGEST: Final = 128


def derived(*parts: str) -> str:
    """
    >>> derived("image", "images/000.jpg", "") == derived("image", "images/000.jpg", "")
    True
    """
    digest = hashlib.sha1(_NAMESPACE.bytes + chr(0).join(parts).encode(), usedforsecurity=False).digest()
    # What uuid.uuid5 does, without the object around it: an input takes five of them.
    number = int.from_bytes(digest[:16], "big") & ~_VERSION_AND_VARIANT | _NAME_BASED
    return f"2.25.{number}"


def image_uid(name: str, file_sha256: str) -> str:
    """Of a picture that is no DICOM object: its name (the cell of a manifest, else the last two parts of its path)
    and its bytes. A pack that was moved keeps its UIDs; two packs that both have an ``images/000.jpg`` do not meet."""
    return derived("image", name, file_sha256)


def study_uid(patient_id: str | None, study_id: str) -> str:
    """Of a study whose id is known. Study ids are often numbers within the patient, so the patient is part of it,
    unless the id is a DICOM UID or begins with the patient's id.

    >>> study_uid("p10000032", "s50414267"), study_uid("nih-7", "nih-7_003"), study_uid(None, "1.2.840.1.5")
    ('p10000032/s50414267', 'nih-7_003', '1.2.840.1.5')
    """
    if patient_id is None or _DICOM_UID.fullmatch(study_id) or study_id.startswith(patient_id):
        uid = study_id
    else:
        uid = f"{patient_id.replace('%', '%25').replace('/', '%2F')}/{study_id}"
    return uid if len(uid.encode()) <= _LONGEST else derived("study", patient_id or "", study_id)


def derived_study_uid(patient_id: str | None, date: str | None, image: str) -> str:
    """Of a study that nobody named: the patient and the date as given, else the one image."""
    return derived("study of", patient_id, date or "") if patient_id else derived("study of image", image)


def report_uid(study: str, text: str) -> str:
    """Of a report: equal texts of one study are one report."""
    return derived("report", study, text)
