"""A DICOM header -> the fields of the records. No name and no birth date leaves this module. PS3.3 C.7, PS3.6."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from caseindex.ingest.attributes import Attributes
from caseindex.ingest.derived_uid import derived, derived_study_uid
from caseindex.ingest.functional_groups import FRAME_ANATOMY, PLANE_ORIENTATION, PLANE_POSITION, FrameAttributes
from caseindex.ingest.identifiers import sound_identifier, sound_uid
from caseindex.ingest.slices import OBJECT_CLASS
from caseindex.records import Series, Sex, Side, Study

_NOT_PICTURES: Final = {
    "1.2.840.10008.5.1.4.1.1.66.4": "segmentation",
    "1.2.840.10008.5.1.4.1.1.66.7": "segmentation",  # label map
    "1.2.840.10008.5.1.4.1.1.66.5": "surface_segmentation",
    "1.2.840.10008.5.1.4.1.1.30": "parametric_map",
    "1.2.840.10008.5.1.4.1.1.481.2": "rt_dose",
    "1.2.840.10008.5.1.4.1.1.77.1.6": "whole_slide",
    "1.2.840.10008.5.1.4.1.1.66.6": "tractography",
}
_CODE: Final = re.compile(r"[A-Z0-9_][A-Z0-9_ /-]{0,31}")
_LATERAL: Final = {"LL", "RL", "LLD", "RLD", "LAT"}
_AGE_UNITS: Final = {"Y": 1.0, "M": 12.0, "W": 52.1775, "D": 365.2425}


@dataclass(frozen=True, slots=True)
class Header:
    """What one object says of itself and of what it belongs to."""

    object_uid: str
    study: Study
    series: Series | None
    patient_id: str | None
    modality: str | None
    body_part: str | None
    date: str | None
    sex: Sex | None
    age_years: float | None
    instance_number: int | None
    attributes: dict[str, str]


def read_header(root: Attributes, file_sha256: str) -> Header:
    """``file_sha256`` makes the UID of an object that brings none."""
    patient_id = sound_identifier(root.text(0x00100020))
    when = next((day for tag in (0x00080020, 0x00080022, 0x00080021, 0x00080023) if (day := _day(root, tag))), None)
    iso = when.isoformat() if when else None
    accession = sound_identifier(root.text(0x00080050))
    study_uid = sound_uid(_first(root, 0x0020000D))
    made_up = study_uid is None
    if study_uid is None:
        study_uid = derived_study_uid(patient_id, f"{iso or ''} {accession or ''}".strip(), file_sha256)
    modality = read_modality(root)
    series_uid = sound_uid(_first(root, 0x0020000E))
    number = _first(root, 0x00200011)
    if series_uid is None and number:
        series_uid = derived("series", study_uid, number, modality or "")
    return Header(
        object_uid=sound_uid(_first(root, 0x00080018)) or derived("object", file_sha256),
        study=Study(
            study_uid=study_uid,
            patient_id=patient_id,
            accession_number=accession,
            date=iso,
            description=root.text(0x00081030),
            derived=made_up,
        ),
        series=Series(series_uid=series_uid, study_uid=study_uid, modality=modality, description=root.text(0x0008103E))
        if series_uid
        else None,
        patient_id=patient_id,
        modality=modality,
        body_part=_code(root, 0x00180015) or _region(root),
        date=iso,
        sex=_sex(root),
        age_years=_age(root, when),
        instance_number=_instance_number(root),
        attributes=_attributes(root),
    )


def read_modality(root: Attributes) -> str | None:
    return _code(root, 0x00080060)


def _first(root: Attributes, tag: int) -> str | None:
    found = root.strings(tag)
    return found[0] if found else None


def _code(root: Attributes, tag: int) -> str | None:
    found = root.code(tag)
    return found if found and _CODE.fullmatch(found) else None


def _region(root: Attributes) -> str | None:
    """Anatomic Region Sequence, by its English code meaning."""
    item = root.first(0x00082218)
    meaning = (item.text(0x00080104) or "").upper() if item else ""
    return meaning if _CODE.fullmatch(meaning) else None


def _day(root: Attributes, tag: int) -> date | None:
    found = re.fullmatch(r"(\d{4})[.\-/]?(\d{2})[.\-/]?(\d{2}).*", _first(root, tag) or "")
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None


def _sex(root: Attributes) -> Sex | None:
    try:
        return Sex((root.code(0x00100040) or "")[:1])
    except ValueError:
        return None


def _age(root: Attributes, when: date | None) -> float | None:
    """Years; from Patient's Age, else from the birth date at the date of the study."""
    found = re.fullmatch(r"(\d{1,4})\s*([YMWD]?)", _first(root, 0x00101010) or "", re.IGNORECASE)
    if found and (years := int(found[1]) / _AGE_UNITS[(found[2] or "Y").upper()]) <= 130:
        return round(years, 3)
    born = _day(root, 0x00100030)
    if born is None or when is None or born > when:
        return None
    years = (when - born).days / 365.2425
    return round(years, 1) if years <= 130 else None


def _instance_number(root: Attributes) -> int | None:
    found = root.integer(0x00200013)
    return found if found is not None and abs(found) < 1 << 31 else None


def _attributes(root: Attributes) -> dict[str, str]:
    found: dict[str, str] = {}
    burned = _code(root, 0x00280301)
    if burned:
        found["burned_in_annotation"] = burned
    view = _code(root, 0x00185101)
    if view:
        found["view_position"] = view
    kind = [part.upper() for part in root.strings(0x00080008) if _CODE.fullmatch(part.upper())]
    if kind:
        found["image_type"] = "\\".join(kind[:4])
    sop_class = _first(root, 0x00080016) or ""
    if sop_class in _NOT_PICTURES:
        found[OBJECT_CLASS] = _NOT_PICTURES[sop_class]
    return found


def read_side(frame: FrameAttributes) -> Side | None:
    """Frame Laterality, Image Laterality, or Laterality of the series."""
    value = frame.group(FRAME_ANATOMY).code(0x00209072) or frame.root.code(0x00200062) or frame.root.code(0x00200060)
    return {"L": Side.LEFT, "R": Side.RIGHT, "B": Side.BOTH}.get(value or "")


def read_plane(frame: FrameAttributes) -> tuple[str | None, float | None]:
    """(view, position along the normal in mm). The view is a radiograph's View Position, else the plane nearest to
    the slice: AXIAL, CORONAL, SAGITTAL, or OBLIQUE where none is within 45 degrees."""
    orientation = frame.group(PLANE_ORIENTATION).numbers(0x00200037)
    position = frame.group(PLANE_POSITION).numbers(0x00200032)
    view = _code(frame.root, 0x00185101)
    if view in _LATERAL:
        view = "LATERAL"
    along: float | None = None
    if len(orientation) == 6:
        x, y, z, u, v, w = orientation
        normal = (y * w - z * v, z * u - x * w, x * v - y * u)
        length = math.sqrt(sum(part * part for part in normal))
        if 0.5 < length < 2.0:
            normal = (normal[0] / length, normal[1] / length, normal[2] / length)
            steepest = max(range(3), key=lambda axis: abs(normal[axis]))
            if view is None:
                plane = ("SAGITTAL", "CORONAL", "AXIAL")[steepest]
                view = plane if abs(normal[steepest]) > 0.7071 else "OBLIQUE"
            if len(position) == 3:
                along = sum(part * step for part, step in zip(normal, position, strict=True))
    if along is None:
        along = frame.root.number(0x00201041)  # Slice Location
    return view, round(along, 4) if along is not None and abs(along) < 1e7 else None
