"""COV-CTR (Li et al. 2022, arXiv 2006.06177): ``reports_ZH_EN.csv`` beside 728 lung CT slices of COVID-CT.

Columns ``image_id, findings, terminologies, COVID, impression, reports_En``; findings and impression are Chinese,
``reports_En`` is a translation of the findings. No patients are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from caseindex.errors import InputRejected
from caseindex.ingest import given, sources, tables
from caseindex.ingest.layouts.table_files import PictureFolders, find_table
from caseindex.ingest.task import THIS_IMAGE
from caseindex.protocols import Discovered
from caseindex.records import Language, Report, Study

_NEEDED: Final = ("image_id", "findings", "impression")


class CovCtr:
    name: str = "cov_ctr"

    def recognises(self, root: Path) -> bool:
        path = find_table(root, "reports_ZH_EN", "reports")
        if path is None:
            return False
        names = tables.header(path)
        return tables.column(names, "COVID") is not None and all(tables.column(names, name) for name in _NEEDED)

    def discover(self, root: Path) -> Iterator[Discovered | InputRejected]:
        path = find_table(root, "reports_ZH_EN", "reports")
        if path is None:
            yield InputRejected(sources.to_text(root), "missing_file", "no reports_ZH_EN.csv in this folder")
            return
        shown = sources.to_text(path)
        folders = PictureFolders(path.parent, "images", "COV-CTR", "Images", "*/")
        for row in tables.rows(path, shown):
            yield row if isinstance(row, InputRejected) else _entry(row, folders, shown)


def _entry(row: tables.Row, folders: PictureFolders, shown: str) -> Discovered | InputRejected:
    cells = {tables.fold(name): cell for name, cell in row.cells.items()}
    name = cells.get("imageid", "")
    if not name:
        return InputRejected(f"{shown}:{row.number}", "bad_row", "no image_id")
    if ".." in name.split("/") or name.startswith("/"):
        return InputRejected(name, "outside_source", "a path that leads out of the folder")
    locator = folders.find(name)
    if locator is None:
        return InputRejected(name, "missing_file", "not beside the table")
    parts = (("影像所见：", cells.get("findings", "")), ("诊断意见：", cells.get("impression", "")))
    chinese = "\n".join(heading + text for heading, text in parts if text)
    texts = ((chinese, Language.CHINESE), (cells.get("reportsen", ""), Language.ENGLISH))
    covid = {"1": ("COVID-19",), "0": ("non-COVID",)}.get(cells.get("covid", "").removesuffix(".0"), ())
    terms = cells.get("terminologies", "") or cells.get("terminology", "")
    return Discovered(
        file=name,
        locator=locator,
        given={
            "modality": "CT",
            "body_part": "CHEST",
            "view": "AXIAL",
            "labels": covid or None,
            "attributes": given.attributes({"terminologies": terms}),
        },
        reports=tuple(
            Report(report_uid="", study_uid="", text=text, file=shown, language=language, image_uids=(THIS_IMAGE,))
            for text, language in texts
            if text
        ),
        study=Study(study_uid="", derived=True),
        uid_name=name,
    )
