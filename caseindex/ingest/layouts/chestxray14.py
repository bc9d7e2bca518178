"""ChestX-ray14 (Wang et al. 2017, arXiv 1705.02315): ``Data_Entry_2017*.csv`` beside ``images*/images/*.png``.

A study is a follow-up of a patient. ``train_val_list.txt`` and ``test_list.txt`` give the official split.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from caseindex.errors import InputRejected
from caseindex.ingest import derived_uid, given, sources, tables
from caseindex.ingest.layouts.table_files import PictureFolders, find_table
from caseindex.ingest.lookup import Lookup
from caseindex.protocols import Discovered
from caseindex.records import Study

_USED: Final = frozenset({
    "Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "Patient Gender", "Patient Sex",
    "View Position",
})  # fmt: skip
_LISTS: Final = {"train_val_list.txt": "train_val", "test_list.txt": "test"}


class ChestXray14:
    name: str = "chestxray14"

    def recognises(self, root: Path) -> bool:
        path = find_table(root, "Data_Entry_2017")
        return path is not None and {"Image Index", "Finding Labels", "Patient ID"} <= set(tables.header(path))

    def discover(self, root: Path) -> Iterator[Discovered | InputRejected]:
        path = find_table(root, "Data_Entry_2017")
        if path is None:
            yield InputRejected(sources.to_text(root), "missing_file", "no Data_Entry_2017.csv in this folder")
            return
        shown = sources.to_text(path)
        folders = PictureFolders(path.parent, "images*", "images*/images")
        with Lookup(_split(path.parent)) as split:
            for row in tables.rows(path, shown):
                yield row if isinstance(row, InputRejected) else _entry(row, folders, split, shown)


def _entry(row: tables.Row, folders: PictureFolders, split: Lookup, shown: str) -> Discovered | InputRejected:
    cells = row.cells
    name, patient = cells.get("Image Index", ""), cells.get("Patient ID", "")
    if not name or not patient:
        return InputRejected(f"{shown}:{row.number}", "bad_row", "no Image Index or no Patient ID")
    if "/" in name or "\\" in name:
        return InputRejected(name, "outside_source", "a path where a file name is meant")
    locator = folders.find(name)
    if locator is None:
        return InputRejected(name, "missing_file", "in none of the folders images*/")
    follow_up = cells.get("Follow-up #", "") or "0"
    labels = given.labels(cells.get("Finding Labels", ""), "|")
    return Discovered(
        file=name,
        locator=locator,
        given={
            "patient_id": patient,
            "modality": "DX",
            "body_part": "CHEST",
            "view": given.upper(cells.get("View Position", "")),
            "sex": given.sex(cells.get("Patient Gender", "") or cells.get("Patient Sex", "")),
            "age_years": given.age_years(cells.get("Patient Age", "")),
            "labels": labels or None,
            "attributes": {
                **given.attributes(cells, used=_USED),
                "follow_up": follow_up,
                **split.get(name),
            },
        },
        study=Study(study_uid=derived_uid.study_uid(patient, f"{patient}_{follow_up}"), patient_id=patient),
        uid_name=name,
    )


def _split(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    for name, split in _LISTS.items():
        path = folder / name
        if path.is_file():
            with open(path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    if line.strip():
                        yield line.strip(), {"split": split}
