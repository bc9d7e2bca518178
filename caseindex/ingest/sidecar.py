"""Reports as text files beside the pictures.

``IMG.txt`` beside ``IMG.png`` (or ``IMG.png.txt``, or beside ``IMG.dcm``) is the text of that picture; ``report.txt``
in a folder, or ``FOLDER.txt`` beside it (MIMIC-CXR's ``s50414267.txt``), is the report of the studies in the folder.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from caseindex.errors import InputRejected
from caseindex.ingest import sources
from caseindex.ingest.charset import decode_text
from caseindex.ingest.task import THIS_IMAGE
from caseindex.records import Report

MAX_TEXT_BYTES: Final = 4 << 20
_OF_FOLDER: Final = frozenset({"report.txt", "отчет.txt", "отчёт.txt", "заключение.txt", "описание.txt", "报告.txt"})


@dataclass(frozen=True, slots=True)
class Sidecars:
    """The texts of one folder. ``consumed``: names of text files that are reports; no inputs of their own."""

    consumed: frozenset[str]
    of_folder: dict[str, Report]
    of_image: dict[str, Report]  # by the name of the picture
    rejected: list[InputRejected] = field(default_factory=list)

    def of(self, name: str) -> dict[str, Report]:
        own = self.of_image.get(name)
        return {**self.of_folder, **({name: own} if own is not None else {})}


def beside(folder: str, names: list[str]) -> Sidecars:
    """The reports for the pictures ``names`` of ``folder``."""
    texts = {name for name in names if name.lower().endswith(".txt")}
    rejected: list[InputRejected] = []
    of_folder: dict[str, Report] = {}
    of_image: dict[str, Report] = {}
    pictures = [name for name in names if name not in texts]
    consumed = set()
    if pictures:
        candidates = [os.path.join(folder, name) for name in sorted(texts) if name.lower() in _OF_FOLDER]
        consumed |= {os.path.basename(path) for path in candidates}
        if os.path.isfile(f"{folder}.txt"):
            candidates.append(f"{folder}.txt")
        for path in candidates:
            report = _read(path, (), rejected)
            if report is not None:
                of_folder[path] = report
    own = texts - consumed
    for picture in pictures if own else ():
        name = next((name for name in (f"{picture}.txt", f"{os.path.splitext(picture)[0]}.txt") if name in own), None)
        if name is not None:
            report = _read(os.path.join(folder, name), (THIS_IMAGE,), rejected if name not in consumed else [])
            if report is not None:
                of_image[picture] = report
            consumed.add(name)
    consumed |= {name for name in texts if os.path.isdir(os.path.join(folder, name[:-4]))}
    return Sidecars(frozenset(consumed), of_folder, of_image, rejected)


def read_report(path: str, shown: str) -> str:
    """The text of a report file.

    Raises :class:`~caseindex.errors.InputRejected`: as :func:`caseindex.ingest.sources.read_bytes`, ``bad_encoding``,
    ``report_too_short``.
    """
    try:
        text = decode_text(sources.read_bytes(sources.to_text(path), MAX_TEXT_BYTES)).strip()
    except InputRejected as error:
        code = "report_too_short" if error.code == "empty_file" else error.code
        raise InputRejected(shown, code, error.detail) from error
    if not text:
        raise InputRejected(shown, "report_too_short")
    return text


def _read(path: str, image_uids: tuple[str, ...], rejected: list[InputRejected]) -> Report | None:
    shown = sources.to_text(path)
    try:
        text = read_report(path, shown)
    except InputRejected as error:
        rejected.append(error)
        return None
    return Report(report_uid="", study_uid="", text=text, file=shown, image_uids=image_uids)
