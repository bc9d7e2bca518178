"""MIMIC-CXR-JPG (Johnson et al. 2019, arXiv 1901.07042): JPEGs with tables of metadata, labels and splits.

``mimic-cxr-2.0.0-{metadata,split,chexpert,negbio}.csv(.gz)`` beside ``files/p10/p10000032/s50414267/DICOM_ID.jpg``.
Reports are those of MIMIC-CXR, where somebody put them beside.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from caseindex.errors import InputRejected
from caseindex.ingest import given, sources, tables
from caseindex.ingest.layouts.chexpert import observations
from caseindex.ingest.layouts.mimic_cxr import report_for, study_of
from caseindex.ingest.lookup import Lookup
from caseindex.protocols import Discovered
from caseindex.records import Report

_KEPT: Final = (
    "PerformedProcedureStepDescription", "ProcedureCodeSequence_CodeMeaning", "ViewCodeSequence_CodeMeaning",
    "PatientOrientationCodeSequence_CodeMeaning", "StudyTime",
)  # fmt: skip


class MimicCxrJpg:
    name: str = "mimic_cxr_jpg"

    def recognises(self, root: Path) -> bool:
        path = _find(root, "metadata")
        return path is not None and {"dicom_id", "subject_id", "study_id"} <= set(tables.header(path))

    def discover(self, root: Path) -> Iterator[Discovered | InputRejected]:
        path = _find(root, "metadata")
        if path is None:
            yield InputRejected(sources.to_text(root), "missing_file", "no mimic-cxr-*-metadata.csv.gz in this folder")
            return
        folder = Path(os.path.abspath(path.parent))
        problems: list[InputRejected] = []
        with (
            Lookup(_by(folder, "split", "dicom_id", problems)) as split,
            Lookup(_by(folder, "chexpert", "study_id", problems)) as chexpert,
            Lookup(_by(folder, "negbio", "study_id", problems)) as negbio,
        ):
            yield from problems
            last: tuple[str, Report | None] = ("", None)
            for row in tables.rows(path, sources.to_text(path)):
                if isinstance(row, InputRejected):
                    yield row
                    continue
                cells = row.cells
                subject, study, dicom = (
                    _number(cells.get(name, "")) for name in ("subject_id", "study_id", "dicom_id")
                )
                if not subject or not study or not dicom or "/" in subject + study + dicom:
                    yield InputRejected(f"{path.name}:{row.number}", "bad_row", "no subject_id, study_id or dicom_id")
                    continue
                patient, study = f"p{subject}", f"s{study}"
                if last[0] != study:
                    report = report_for(folder, patient[:3], patient, study)
                    if isinstance(report, InputRejected):
                        yield report
                        report = None
                    last = (study, report)
                file = f"files/{patient[:3]}/{patient}/{study}/{dicom}.jpg"
                if not (folder / file).is_file():
                    yield InputRejected(file, "missing_file", "named in the metadata table")
                    continue
                labels = {"chexpert": chexpert.get(study[1:]), "negbio": negbio.get(study[1:])}
                yield _entry(cells, patient, study, folder, file, labels, split.get(dicom), last[1])


def _entry(
    cells: dict[str, str],
    patient: str,
    study: str,
    folder: Path,
    file: str,
    labels: dict[str, dict[str, str]],
    split: dict[str, str],
    report: Report | None,
) -> Discovered:
    date = given.iso_date(cells.get("StudyDate", ""))
    present, others = observations(labels["chexpert"] or labels["negbio"])
    extra = {name: cells[name] for name in _KEPT if cells.get(name)}
    if labels["chexpert"] and labels["negbio"]:
        extra["labels_negbio"] = ";".join(observations(labels["negbio"])[0])
    if split.get("split"):
        extra["split"] = split["split"]
    return Discovered(
        file=file,
        locator=sources.to_text(folder / file),
        given={
            "patient_id": patient,
            "modality": "DX",
            "body_part": "CHEST",
            "view": given.upper(cells.get("ViewPosition", "")),
            "date": date,
            "labels": present or None,
            "attributes": {**extra, **others},
        },
        reports=(report,) if report is not None else (),
        study=study_of(patient, study, date),
        uid_name=file,
    )


def _by(folder: Path, table: str, key: str, problems: list[InputRejected]) -> Iterator[tuple[str, dict[str, str]]]:
    path = _find(folder, table)
    if path is None:
        return
    for row in tables.rows(path, path.name):
        if isinstance(row, InputRejected):
            problems.append(row)
        elif row.cells.get(key):
            yield _number(row.cells[key]), row.cells


def _find(root: Path, table: str) -> Path | None:
    if root.is_file():
        return root if root.match(f"mimic-cxr-*-{table}.csv*") else None
    return next(iter(sorted(root.glob(f"mimic-cxr-*-{table}.csv*"))), None)


def _number(cell: str) -> str:
    return cell.removesuffix(".0").removeprefix("p") if cell[:1] == "p" else cell.removesuffix(".0")
