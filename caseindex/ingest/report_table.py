"""Reports from a table: each row names a study, by UID, id or accession number, and brings a text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from caseindex.errors import CaseindexError, InputRejected
from caseindex.ingest import derived_uid, given, sources, tables
from caseindex.ingest.commit import Committer, Input
from caseindex.ingest.task import Outcome
from caseindex.protocols import RecordReader, RecordStore
from caseindex.records import Report, Study

_TOGETHER: Final = 256
_STUDY_UID: Final = (
    "study_uid", "StudyInstanceUID", "study instance uid", "study", "study_id", "uid", "studyuid",
    "uid исследования", "исследование", "检查uid", "检查ID",
)  # fmt: skip
_ACCESSION: Final = (
    "accession_number", "AccessionNumber", "accession", "acc", "accession no", "номер исследования",
    "номер направления", "检查号", "影像号",
)  # fmt: skip
_PATIENT: Final = ("patient_id", "PatientID", "patient", "subject_id", "id пациента", "номер карты", "患者ID", "病历号")
_WHOLE: Final = ("report", "text", "report_text", "reports", "протокол", "отчет", "отчёт", "текст", "报告", "报告内容")
_LANGUAGE: Final = ("language", "lang", "язык", "语言")
_DATE: Final = ("date", "study_date", "StudyDate", "report_date", "дата", "дата исследования", "检查日期", "日期")
#: Columns that are joined, each under the heading that a reader of the language expects.
_SECTIONS: Final = (
    (("indication", "indications", "clinical_indication"), "INDICATION: "),
    (("history", "clinical_history"), "HISTORY: "),
    (("technique",), "TECHNIQUE: "),
    (("comparison",), "COMPARISON: "),
    (("findings", "finding", "section_findings"), "FINDINGS: "),
    (("impression", "impressions", "conclusion", "section_impression"), "IMPRESSION: "),
    (("описание", "описание исследования"), "ОПИСАНИЕ: "),
    (("заключение",), "ЗАКЛЮЧЕНИЕ: "),
    (("рекомендации",), "РЕКОМЕНДАЦИИ: "),
    (("影像所见", "检查所见", "所见"), "影像所见："),
    (("诊断意见", "影像诊断", "诊断", "印象"), "诊断意见："),
)


class Progress(Protocol):
    def __call__(self, done: int = 1, *, total: int | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of a table is what."""

    study: str | None
    accession: str | None
    patient: str | None
    whole: str | None
    sections: tuple[tuple[str, str], ...]  # column, heading
    language: str | None
    date: str | None

    @classmethod
    def of(cls, names: list[str]) -> Columns:
        found = ((tables.column(names, *candidates), heading) for candidates, heading in _SECTIONS)
        return cls(
            study=tables.column(names, *_STUDY_UID),
            accession=tables.column(names, *_ACCESSION),
            patient=tables.column(names, *_PATIENT),
            whole=tables.column(names, *_WHOLE),
            sections=tuple((name, heading) for name, heading in found if name is not None),
            language=tables.column(names, *_LANGUAGE),
            date=tables.column(names, *_DATE),
        )

    def text(self, cells: dict[str, str]) -> str:
        """The report: the one column that holds it whole, else its sections under their headings."""
        if self.whole is not None and cells.get(self.whole):
            return cells[self.whole]
        parts = [f"{heading}{cells[name]}" for name, heading in self.sections if cells.get(name)]
        return "\n".join(parts)


def columns_of(path: Path) -> Columns:
    """Raises :class:`~caseindex.errors.CaseindexError` where the table has no column for the study or for the text."""
    names = tables.header(path)
    columns = Columns.of(names)
    unnamed = columns.study is None and columns.accession is None
    if unnamed or (columns.whole is None and not columns.sections):
        raise CaseindexError(
            sources.to_text(path),
            f"no column with the {'study' if unnamed else 'text'}; it has: {', '.join(names) or 'none'}",
            "Name one `study_uid` or `accession_number`, and one `report` (or `findings` and `impression`)",
        )
    return columns


def take(path: Path, columns: Columns, store: RecordStore, committer: Committer, on_progress: Progress) -> None:
    """Adds the reports of a table to the studies of the archive, and rejects the others by row."""
    shown = sources.to_text(path)
    rows = tables.rows(path, shown)
    while batch := list(islice(rows, _TOGETHER)):
        with store.read() as reader:
            entries = [_entry(row, columns, reader, shown) for row in batch]
        for entry in entries:
            committer.add(entry)
        on_progress(len(entries))
    committer.flush()


def _entry(row: tables.Row | InputRejected, columns: Columns, reader: RecordReader, shown: str) -> Input:
    if isinstance(row, InputRejected):
        return Input(row, Outcome(code=row.code, detail=row.detail), row.item, shown)
    place = f"{shown}:{row.number}"
    try:
        report = _report(row, columns, reader, shown, place)
    except InputRejected as error:
        return Input(error, Outcome(code=error.code, detail=error.detail), place, shown)
    return Input(report, Outcome(reports=(report,)), place, shown)


def _report(row: tables.Row, columns: Columns, reader: RecordReader, shown: str, place: str) -> Report:
    cells = row.cells
    study = next(_studies(cells, columns, reader), None)
    if study is None:
        named = next((cells[name] for name in (columns.study, columns.accession) if name and cells.get(name)), None)
        if named is None:
            raise InputRejected(place, "bad_row", "no study UID and no accession number")
        raise InputRejected(place, "report_unmatched", f"no study {named} in the archive")
    text = columns.text(cells)
    if not text:
        raise InputRejected(place, "report_too_short")
    return Report(
        report_uid=derived_uid.report_uid(study.study_uid, text),
        study_uid=study.study_uid,
        text=text,
        file=shown,
        patient_id=study.patient_id,
        language=given.language(cells.get(columns.language or "", "")),
        date=given.iso_date(cells.get(columns.date or "", "")) or study.date,
    )


def _studies(cells: dict[str, str], columns: Columns, reader: RecordReader) -> Iterator[Study]:
    """The studies that a row may mean, the surest first. A patient id in the row must agree where both are known."""
    patient = cells.get(columns.patient or "") or None
    for name in (columns.study, columns.accession):
        wanted = cells.get(name or "") or None
        if wanted is None:
            continue
        candidates = [reader.study(wanted), reader.study(derived_uid.study_uid(patient, wanted))]
        candidates += reader.studies(accession_number=wanted)
        for study in candidates:
            if study is not None and (patient is None or study.patient_id is None or study.patient_id == patient):
                yield study
