"""PadChest (Bustos et al. 2020, arXiv 1901.07441): ``PADCHEST_chest_x_ray_images_labels_160K_*.csv(.gz)``, 16-bit PNG.

The pictures lie in numbered folders or zip archives (``ImageDir``: ``0`` ... ``54``), or all together. Reports are
Spanish, stemmed and without stop words: they go in with no language. Birth years give the age and are not kept.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from caseindex.errors import InputRejected
from caseindex.ingest import derived_uid, given, sources, tables
from caseindex.ingest.layouts.table_files import PictureFolders, find_table
from caseindex.protocols import Discovered
from caseindex.records import Report, Study

_STEM: Final = "PADCHEST_chest_x_ray_images_labels"
_KEPT: Final = (
    "Projection", "MethodProjection", "Pediatric", "Manufacturer_DICOM", "ReportID", "MethodLabel", "Localizations",
    "LabelsLocalizationsBySentence", "labelCUIS", "LocalizationsCUIS",
)  # fmt: skip
_YEAR: Final = re.compile(r"(\d{4})(\.0)?")


class PadChest:
    name: str = "padchest"

    def recognises(self, root: Path) -> bool:
        path = find_table(root, _STEM)
        return path is not None and {"ImageID", "PatientID", "StudyID"} <= set(tables.header(path))

    def discover(self, root: Path) -> Iterator[Discovered | InputRejected]:
        path = find_table(root, _STEM)
        if path is None:
            yield InputRejected(sources.to_text(root), "missing_file", f"no {_STEM}_*.csv in this folder")
            return
        shown = sources.to_text(path)
        folders = PictureFolders(path.parent, "images*", "image*/*")
        for row in tables.rows(path, shown):
            yield row if isinstance(row, InputRejected) else _entry(row, path.parent, folders, shown)


def _entry(row: tables.Row, root: Path, folders: PictureFolders, shown: str) -> Discovered | InputRejected:
    cells = row.cells
    name, patient, study_id = cells.get("ImageID", ""), cells.get("PatientID", ""), cells.get("StudyID", "")
    if not name or not patient or not study_id:
        return InputRejected(f"{shown}:{row.number}", "bad_row", "no ImageID, PatientID or StudyID")
    folder = cells.get("ImageDir", "").removesuffix(".0")
    if "/" in name or ".." in folder or "/" in folder:
        return InputRejected(name, "outside_source", "a path where a file name is meant")
    locator = _locate(root, folders, folder, name)
    if locator is None:
        return InputRejected(name, "missing_file", f"neither in {folder or 'images'}/ nor in {folder or 'images'}.zip")
    date = given.iso_date(cells.get("StudyDate_DICOM", ""))
    report = Report(
        report_uid=derived_uid.derived("PadChest report", cells["ReportID"]) if cells.get("ReportID") else "",
        study_uid="",
        text=cells.get("Report", ""),
        file=shown,
        patient_id=patient,
        date=date,
    )
    return Discovered(
        file=name,
        locator=locator,
        given={
            "patient_id": patient,
            "modality": given.upper(cells.get("Modality_DICOM", "")) or "CR",
            "body_part": "CHEST",
            "view": _view(cells),
            "date": date,
            "sex": given.sex(cells.get("PatientSex_DICOM", "")),
            "age_years": _age(date, cells.get("PatientBirth", "")),
            "labels": _labels(cells.get("Labels", "")) or None,
            "attributes": given.attributes({key: cells.get(key, "") for key in _KEPT}),
        },
        reports=(report,) if report.text else (),
        study=Study(study_uid=derived_uid.study_uid(patient, study_id), patient_id=patient, date=date),
        uid_name=name,
        detect_language=False,
    )


def _locate(root: Path, folders: PictureFolders, folder: str, name: str) -> str | None:
    top = Path(os.path.abspath(root))
    for base in (top, top / "images"):
        if folder and (base / folder / name).is_file():
            return sources.to_text(base / folder / name)
        zipped = f"{sources.to_text(base / folder)}.zip"
        if folder and os.path.isfile(zipped):
            for member in (name, f"{folder}/{name}"):
                if sources.exists(f"{zipped}!{member}"):
                    return f"{zipped}!{member}"
    return folders.find(name)


def _view(cells: dict[str, str]) -> str | None:
    projection = cells.get("Projection", "")
    return {"L": "LATERAL", "AP_horizontal": "AP"}.get(projection, given.upper(projection.partition("_")[0]))


def _age(date: str | None, birth: str) -> float | None:
    year = _YEAR.fullmatch(birth)
    age = float(int(date[:4]) - int(year[1])) if date and year else None
    return age if age is not None and 0 <= age <= 130 else None


def _labels(cell: str) -> tuple[str, ...]:
    """``"['normal', 'pleural effusion']"`` as labels."""
    try:
        found = ast.literal_eval(cell) if cell else []
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return given.labels(cell.strip("[]").replace("'", ""), ",")
    return (
        tuple(dict.fromkeys(str(label).strip() for label in found if str(label).strip()))
        if isinstance(found, list)
        else ()
    )
