"""MIMIC-CXR (Johnson et al. 2019, doi:10.13026/C2JT1Q): DICOM and free-text reports.

``files/p10/p10000032/s50414267/DICOM_ID.dcm`` with the report in ``files/p10/p10000032/s50414267.txt``. The reports
come as a separate archive (``mimic-cxr-reports.zip``), which is read in place or may be unpacked into a tree of its own
(``mimic-cxr-reports/files/...``) beside the images.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from caseindex.errors import InputRejected
from caseindex.ingest import derived_uid, sources
from caseindex.ingest.sidecar import read_report
from caseindex.protocols import Discovered
from caseindex.records import Language, Report, Study

GROUP: Final = re.compile(r"p1\d")
PATIENT: Final = re.compile(r"p1\d{7}")
STUDY: Final = re.compile(r"s\d{8}")
_REPORT: Final = re.compile(r"(s\d{8})\.txt")
_PACKED: Final = "mimic-cxr-reports.zip"
_TREES: Final = ("files", "mimic-cxr-reports/files", "reports/files", "mimic-cxr-reports", "")


class MimicCxr:
    name: str = "mimic_cxr"

    def recognises(self, root: Path) -> bool:
        return root.is_dir() and any(patient_folders(root / tree, at_most=1) for tree in _TREES)

    def discover(self, root: Path) -> Iterator[Discovered | Report | InputRejected]:
        top = Path(os.path.abspath(root))
        done: set[str] = set()
        for tree in _TREES:
            if any(sources.is_inside(top / tree, top / other) for other in done):
                continue
            folders = patient_folders(top / tree)
            if folders:
                done.add(tree)
            for folder in folders:
                yield from _patient(top, folder)
        yield from _packed_alone(top)
        if not done:
            yield InputRejected(sources.to_text(root), "missing_file", "no files/p10/p10000032 in this folder")


def patient_folders(tree: Path, at_most: int = 1_000_000) -> list[Path]:
    """The folders ``p10000032`` of a tree, below ``p10`` or directly, in order."""
    found: list[Path] = []
    groups = [tree / name for name in _folders(tree, GROUP)] or [tree]
    for group in groups:
        found += [group / name for name in _folders(group, PATIENT)]
        if len(found) >= at_most:
            break
    return found


def study_of(patient: str, study: str, date: str | None = None) -> Study:
    return Study(
        study_uid=derived_uid.study_uid(patient, study), patient_id=patient, accession_number=study.removeprefix("s"),
        date=date,
    )  # fmt: skip


def report_for(root: Path, group: str, patient: str, study: str) -> Report | InputRejected | None:
    """The report of a study, wherever the archive of reports was unpacked; ``None`` where there is none."""
    for tree in _TREES:
        for folder in (root / tree / group / patient, root / tree / patient):
            path = folder / f"{study}.txt"
            if path.is_file():
                return _read(path, root, patient, study)
    zipped = sources.to_text(root / _PACKED)
    if os.path.isfile(zipped):
        for tree in _TREES:
            locator = f"{zipped}!{'/'.join(part for part in (tree, group, patient, f'{study}.txt') if part)}"
            if sources.exists(locator):
                return _read(Path(locator), root, patient, study)
    return None


def _packed_alone(top: Path) -> Iterator[Report | InputRejected]:
    """The reports of the packed archive whose study has no images here."""
    problems: list[InputRejected] = []
    packed = str(top / _PACKED)
    for locator in sources.expand(packed, problems.append) if os.path.isfile(packed) else ():
        patient, study = locator.replace("!", "/").split("/")[-2:]
        if PATIENT.fullmatch(patient) and _REPORT.fullmatch(study):
            places = (top / "files" / patient[:3] / patient / study[:-4], top / patient[:3] / patient / study[:-4])
            if not any(place.is_dir() for place in places):
                yield _read(Path(locator), top, patient, study[:-4])
    yield from problems


def _patient(top: Path, folder: Path) -> Iterator[Discovered | Report | InputRejected]:
    patient = folder.name
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        yield InputRejected(_shown(folder, top), "unreadable", error.strerror or "folder")
        return
    for name in names:
        if _REPORT.fullmatch(name) and not (folder / name[:-4]).is_dir():
            found = _read(folder / name, top, patient, name[:-4])
            # A report whose images lie in the main tree comes with them.
            if not (top / "files" / folder.parent.name / patient / name[:-4]).is_dir():
                yield found
        elif STUDY.fullmatch(name):
            yield from _study(top, folder / name, patient)


def _study(top: Path, folder: Path, patient: str) -> Iterator[Discovered | InputRejected]:
    report = report_for(top, folder.parent.parent.name, patient, folder.name)
    if report is None and (folder.parent / f"{folder.name}.txt").is_file():
        report = _read(folder.parent / f"{folder.name}.txt", top, patient, folder.name)
    if isinstance(report, InputRejected):
        yield report
        report = None
    problems: list[InputRejected] = []
    for locator in sources.walk(folder, problems.append):
        yield Discovered(
            file=_shown(Path(locator), top),
            locator=locator,
            given={"patient_id": patient, "body_part": "CHEST"},
            reports=(report,) if report is not None else (),
            study=study_of(patient, folder.name),
            uid_name=f"{patient}/{folder.name}/{Path(locator).name}",
        )
    yield from problems


def _read(path: Path, top: Path, patient: str, study: str) -> Report | InputRejected:
    shown = _shown(path, top)
    try:
        text = read_report(str(path), shown)
    except InputRejected as error:
        return error
    uid = study_of(patient, study).study_uid
    return Report(
        report_uid=derived_uid.report_uid(uid, text),
        study_uid=uid,
        text=text,
        file=shown,
        patient_id=patient,
        language=Language.ENGLISH,
    )


def _folders(folder: Path, form: re.Pattern[str]) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(folder) if form.fullmatch(entry.name) and entry.is_dir())
    except OSError:
        return []


def _shown(path: Path, top: Path) -> str:
    return sources.to_text(os.path.relpath(path, top))
