"""Open-I, the Indiana University chest X-rays (Demner-Fushman et al. 2016, doi:10.1093/jamia/ocv080).

Two forms: the original ``ecgen-radiology/*.xml`` with ``*.png`` (``NLMCXR_reports``, ``NLMCXR_png``), and tables
(``indiana_reports.csv`` or ``reports.csv``, with or without ``indiana_projections.csv`` and the pictures).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from caseindex.errors import InputRejected
from caseindex.ingest import derived_uid, given, sources, tables
from caseindex.ingest.layouts.table_files import PictureFolders, find_table
from caseindex.ingest.lookup import Lookup
from caseindex.protocols import Discovered
from caseindex.records import Language, Report, Study

_MAX_XML_BYTES: Final = 4 << 20
_SECTIONS: Final = ("indication", "comparison", "findings", "impression")
_XML_FOLDERS: Final = ("ecgen-radiology", "NLMCXR_reports/ecgen-radiology", "NLMCXR_reports", "reports", "")
_PICTURES: Final = ("NLMCXR_png*", "images*", "images*/images*", "png*", "NLMCXR_png*/*", "../NLMCXR_png*")
_TABLES: Final = ("indiana_reports", "reports")


class OpenI:
    name: str = "open_i"

    def recognises(self, root: Path) -> bool:
        table = find_table(root, *_TABLES)
        if table is not None and {"uid", "MeSH", "findings", "impression"} <= set(tables.header(table)):
            return True
        first = next(_xml_files(root), None)
        return first is not None and b"<eCitation" in _head(first)

    def discover(self, root: Path) -> Iterator[Discovered | Report | InputRejected]:
        table = find_table(root, *_TABLES)
        if table is not None and "uid" in tables.header(table):
            yield from _from_tables(table)
            return
        folders = PictureFolders(root if root.is_dir() else root.parent, *_PICTURES)
        found = False
        for path in _xml_files(root):
            found = True
            yield from _from_xml(path, folders)
        if not found:
            yield InputRejected(sources.to_text(root), "missing_file", "neither XML reports nor indiana_reports.csv")


def _from_xml(path: Path, folders: PictureFolders) -> Iterator[Discovered | Report | InputRejected]:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    shown = sources.to_text(path)
    try:
        tree = fromstring(sources.read_bytes(shown, _MAX_XML_BYTES))
    except InputRejected as error:
        yield error
        return
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        yield InputRejected(shown, "bad_row", f"not a well-formed report: {type(error).__name__}")
        return
    number = _attribute(tree.find("uId"), "id") or path.stem
    sections = {
        (element.get("Label") or "").casefold(): " ".join("".join(element.itertext()).split())
        for element in tree.iter("AbstractText")
    }
    labels = tuple(
        dict.fromkeys(text for element in tree.iterfind("MeSH/major") if (text := (element.text or "").strip()))
    )
    problems = {term.text.strip(): "" for term in tree.iterfind("MeSH/automatic") if term.text and term.text.strip()}
    pictures = [(_attribute(parent, "id"), _caption(parent)) for parent in tree.iter("parentImage")]
    yield from _case(
        number=number,
        report=_report(number, sections, shown),
        labels=labels,
        extra={"mesh_automatic": ";".join(problems)},
        pictures=[(f"{name}.png", None, caption) for name, caption in pictures if name],
        folders=folders,
    )


def _from_tables(table: Path) -> Iterator[Discovered | Report | InputRejected]:
    folders = PictureFolders(table.parent, *_PICTURES)
    projections = find_table(table.parent, "indiana_projections", "projections")
    with Lookup(_pictures_of(projections)) as pictures:
        for row in tables.rows(table, sources.to_text(table)):
            if isinstance(row, InputRejected):
                yield row
                continue
            uid = row.cells.get("uid", "")
            if not uid:
                yield InputRejected(f"{sources.to_text(table)}:{row.number}", "bad_row", "no uid")
                continue
            number = f"CXR{uid}"
            yield from _case(
                number=number,
                report=_report(number, {name: row.cells.get(name, "") for name in _SECTIONS}, sources.to_text(table)),
                labels=given.labels(row.cells.get("MeSH", "")),
                extra={"problems": row.cells.get("Problems", ""), "image": row.cells.get("image", "")},
                pictures=[(name, view, "") for name, view in pictures.get(uid).items()],
                folders=folders,
            )


def _case(
    *,
    number: str,
    report: Report | None,
    labels: tuple[str, ...],
    extra: dict[str, str],
    pictures: list[tuple[str, str | None, str]],
    folders: PictureFolders,
) -> Iterator[Discovered | Report | InputRejected]:
    given_any = False
    for name, view, caption in pictures:
        locator = folders.find(name) if "/" not in name and ".." not in name else None
        if locator is None:
            yield InputRejected(name, "missing_file", f"named in the report of {number}")
            continue
        given_any = True
        yield Discovered(
            file=name,
            locator=locator,
            given={
                "patient_id": number,
                "modality": "DX",
                "body_part": "CHEST",
                "view": given.upper(view or ""),
                "labels": labels or None,
                "attributes": given.attributes({**extra, "caption": caption}),
            },
            reports=(report,) if report is not None else (),
            study=Study(study_uid=number, patient_id=number),
            uid_name=name,
        )
    if not given_any and report is not None:
        yield report
    if report is None:
        yield InputRejected(number, "report_too_short", "a report with no text in any section")


def _report(number: str, sections: dict[str, str], file: str) -> Report | None:
    parts = [f"{name.upper()}: {sections[name]}" for name in _SECTIONS if sections.get(name)]
    if not parts:
        return None
    text = "\n".join(parts)
    return Report(
        report_uid=derived_uid.report_uid(number, text),
        study_uid=number,
        text=text,
        file=file,
        patient_id=number,
        language=Language.ENGLISH,
    )


def _pictures_of(table: Path | None) -> Iterator[tuple[str, dict[str, str]]]:
    """uid -> {file name: projection}; the rows of one uid stand together."""
    current = ""
    cells: dict[str, str] = {}
    for row in tables.rows(table) if table is not None else ():
        if isinstance(row, InputRejected):
            continue
        uid = row.cells.get("uid", "")
        if uid != current:
            if current:
                yield current, cells
            current, cells = uid, {}
        if row.cells.get("filename"):
            cells[row.cells["filename"]] = row.cells.get("projection", "")
    if current:
        yield current, cells


def _xml_files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield from (root,) if root.suffix.lower() == ".xml" else ()
        return
    for name in _XML_FOLDERS:
        folder = root / name
        try:
            names = sorted((entry for entry in os.listdir(folder) if entry.lower().endswith(".xml")), key=_natural)
        except OSError:
            continue
        if names:
            yield from (folder / entry for entry in names)
            return


def _natural(name: str) -> tuple[int, str]:
    stem = name.rsplit(".", 1)[0]
    return (int(stem), "") if stem.isdecimal() else (1 << 62, name)


def _caption(parent: Element) -> str:
    return " ".join((parent.findtext("caption") or "").split())


def _attribute(element: Element | None, name: str) -> str:
    return (element.get(name) or "").strip() if element is not None else ""


def _head(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(4096)
    except OSError:
        return b""
