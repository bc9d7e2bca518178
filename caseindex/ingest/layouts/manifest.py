"""The manifest layout: one CSV table that any archive can be brought to.

Columns: ``image, patient_id, study_id, modality, view, body_part, date, sex, age, labels, report, language``; labels
separated by semicolons; only ``image`` must not be empty; extra columns become attributes. Paths are relative to the
folder of the manifest, or absolute and inside it. A file of a zip archive is ``archive.zip!member``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from caseindex.errors import InputRejected
from caseindex.ingest import derived_uid, given, sources, tables
from caseindex.ingest.task import THIS_IMAGE
from caseindex.protocols import Discovered
from caseindex.records import Report, Study

FILE: Final = "manifest.csv"
COLUMNS: Final = frozenset({
    "image", "patient_id", "study_id", "modality", "view", "body_part", "date", "sex", "age", "labels", "report",
    "language",
})  # fmt: skip
_OTHERS: Final = COLUMNS - {"image"}
_STEM: Final = FILE.partition(".")[0]
_ENDINGS: Final = (".csv", ".tsv", ".csv.gz", ".tsv.gz")


class Manifest:
    name: str = "manifest"

    def recognises(self, root: Path) -> bool:
        path = _table(root)
        if path is None:
            return False
        names = set(map(_column, tables.header(path)))
        # A table called so needs only its one necessary column; another must look like one.
        return "image" in names and (path.name.lower().partition(".")[0] == _STEM or len(names & _OTHERS) >= 2)

    def discover(self, root: Path) -> Iterator[Discovered | InputRejected]:
        path = _table(root)
        shown = sources.to_text(path or root)
        if path is None:
            yield InputRejected(shown, "missing_file", f"neither {FILE} nor one table of another name in this folder")
            return
        if "image" not in map(_column, tables.header(path)):
            yield InputRejected(shown, "bad_row", "the manifest has no column `image`")
            return
        folder = Path(os.path.abspath(path.parent))
        for row in tables.rows(path, shown):
            if isinstance(row, InputRejected):
                yield row
            else:
                yield _entry(row, folder, shown)


def _entry(row: tables.Row, folder: Path, shown: str) -> Discovered | InputRejected:
    cells = {_column(name): cell for name, cell in row.cells.items()}
    image = cells.get("image", "")
    if not image:
        return InputRejected(f"{shown}:{row.number}", "bad_row", "the cell `image` is empty")
    locator = resolve(folder, image)
    if isinstance(locator, InputRejected):
        return locator
    patient = cells.get("patient_id") or None
    when = cells.get("date", "")
    extra = given.attributes(cells, used=COLUMNS)
    date = given.iso_date(when)
    age = given.age_years(cells.get("age", ""))
    sex = given.sex(cells.get("sex", ""))
    for name, value in (("date", date), ("age", age), ("sex", sex)):
        if value is None and cells.get(name):
            extra[f"{name}_given"] = cells[name]
    modality = given.modality(cells.get("modality", ""))
    if modality != given.upper(cells.get("modality", "")):
        extra["modality_given"] = cells["modality"]
    study_id = cells.get("study_id", "")
    if study_id:
        study = Study(
            study_uid=derived_uid.study_uid(patient, study_id),
            patient_id=patient,
            accession_number=study_id,
            date=date,
        )
    else:
        uid = derived_uid.derived_study_uid(patient, when, "") if patient else ""
        study = Study(study_uid=uid, patient_id=patient, date=date, derived=True)
    text = cells.get("report", "")
    language = given.language(cells.get("language", ""))
    report = Report(
        report_uid="", study_uid="", text=text, file=shown, patient_id=patient, language=language, date=date,
        image_uids=(THIS_IMAGE,),
    )  # fmt: skip
    return Discovered(
        file=image,
        locator=locator,
        given={
            "patient_id": patient,
            "modality": modality,
            "view": given.upper(cells.get("view", "")),
            "body_part": given.upper(cells.get("body_part", "")),
            "date": date,
            "sex": sex,
            "age_years": age,
            "labels": given.labels(cells.get("labels", "")) or None,
            "attributes": extra,
        },
        reports=(report,),  # an empty one too: it takes back what the cell said before
        study=study,
        uid_name=_name_in(folder, image),
        detect_language=not cells.get("language"),  # a language that is named and not ours is left at None
    )


def _name_in(folder: Path, image: str) -> str:
    """What the UID is derived from: the same on another machine."""
    path = image.replace("\\", "/")
    return _relative(path, folder) if path.startswith("/") else path.removeprefix("./")


def resolve(folder: Path, cell: str) -> str | InputRejected:
    """The locator of a path in a table, relative to ``folder`` (or absolute and inside it), or why it must not be
    followed."""
    path = cell.replace("\\", "/")
    if path.startswith("/") and ".." not in path.split("/"):
        path = _relative(path, folder)
        if path == ".." or path.startswith("../"):
            return InputRejected(cell, "outside_source", "an absolute path that leads out of the folder of the table")
    if path.startswith(("/", "~")) or (len(path) > 1 and path[1] == ":"):
        return InputRejected(cell, "outside_source", "an absolute path; paths are relative to the table")
    if ".." in path.split("/"):
        return InputRejected(cell, "outside_source", "a path with `..`")
    if "\0" in path:
        return InputRejected(cell, "bad_row", "a path with a zero byte")
    locator = sources.to_text(folder / path)
    file, _ = sources.split_locator(locator)
    try:
        if not sources.is_inside(file, folder):
            return InputRejected(cell, "outside_source", "a link that leads out of the folder")
    except OSError as error:
        return InputRejected(cell, "unreadable", error.strerror or type(error).__name__)
    if not os.path.exists(file):
        return InputRejected(cell, "missing_file", "no such file beside the table")
    return locator


def _relative(path: str, folder: Path) -> str:
    """An absolute path as seen from ``folder``: programs write whole paths, and what lies inside may be named so."""
    seen = os.path.relpath(path, folder)
    return os.path.relpath(os.path.realpath(path), os.path.realpath(folder)) if seen.startswith("..") else seen


def _table(root: Path) -> Path | None:
    """`manifest.csv`, in any case and packed or not; else the folder's only table."""
    if not root.is_dir():
        return root if root.name.lower().endswith(_ENDINGS) and root.is_file() else None
    try:
        with os.scandir(root) as listing:
            names = sorted(entry.name for entry in listing if entry.name.lower().endswith(_ENDINGS) and entry.is_file())
    except OSError:
        return None
    called_so = [name for name in names if name.lower().partition(".")[0] == _STEM]
    if called_so:
        return root / (FILE if FILE in called_so else called_so[0])
    return root / names[0] if len(names) == 1 else None


def _column(name: str) -> str:
    """The column that a heading means: case, spaces, ``_`` and ``-`` do not count."""
    return _FOLDED.get(tables.fold(name), name)


_FOLDED: Final = {tables.fold(name): name for name in COLUMNS}
