"""Questions with what answers them, and what the gallery holds: read from files and records."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from caseindex.errors import UsageError
from caseindex.protocols import RecordReader

#: What a row of a relevance file may name as relevant, each a list (JSON) or separated by semicolons (TSV, CSV).
RELEVANT_BY = ("labels", "studies", "patients", "files")


@dataclass(frozen=True, slots=True)
class BenchQuery:
    """``group``: questions of one group (the same one in three languages) are drawn together in the bootstrap."""

    text: str
    language: str
    group: str
    labels: frozenset[str] = frozenset()
    studies: frozenset[str] = frozenset()
    patients: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class GalleryCase:
    """What a study can be relevant by."""

    study_uid: str
    patient_id: str | None
    labels: frozenset[str]
    files: frozenset[str]
    has_report: bool
    accession_number: str | None = None


@dataclass(frozen=True, slots=True)
class CaseGallery:
    """All cases of an archive by study UID."""

    cases: Mapping[str, GalleryCase] = field(default_factory=dict)

    def relevant(self, query: BenchQuery) -> frozenset[str]:
        """Study UIDs that answer the question. Labels are compared without case; a study may be named by its accession
        number (for a manifest: ``study_id``), which then means all that have it."""
        wanted = {label.casefold() for label in query.labels}
        return frozenset(
            uid
            for uid, case in self.cases.items()
            if uid in query.studies
            or (case.accession_number is not None and case.accession_number in query.studies)
            or (case.patient_id is not None and case.patient_id in query.patients)
            or not query.files.isdisjoint(case.files)
            or any(label.casefold() in wanted for label in case.labels)
        )


def gallery_of(reader: RecordReader) -> CaseGallery:
    """Every study of the archive with its labels and files."""
    labels: dict[str, set[str]] = {}
    files: dict[str, set[str]] = {}
    patients: dict[str, str | None] = {}
    for image in reader.images():
        labels.setdefault(image.study_uid, set()).update(image.labels)
        files.setdefault(image.study_uid, set()).add(image.file)
        patients[image.study_uid] = patients.get(image.study_uid) or image.patient_id
    accessions = {study.study_uid: study.accession_number for study in reader.studies()}
    reported = set()
    for report in reader.reports():
        reported.add(report.study_uid)
        files.setdefault(report.study_uid, set()).add(report.file)
        patients[report.study_uid] = patients.get(report.study_uid) or report.patient_id
    return CaseGallery(
        {
            uid: GalleryCase(
                study_uid=uid,
                patient_id=patients[uid],
                labels=frozenset(labels.get(uid, ())),
                files=frozenset(files[uid]),
                has_report=uid in reported,
                accession_number=accessions.get(uid),
            )
            for uid in patients
        }
    )


def read_queries(path: Path) -> list[BenchQuery]:
    """A relevance file: JSON lines, or a table with tabs, commas or semicolons (by its header), with ``query``, optional ``language`` and ``group``, and at least one of
    ``labels``, ``studies``, ``patients``, ``files``.

    Raises :class:`~caseindex.errors.UsageError` with the line of what is malformed.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(path, f"cannot be read: {error.strerror}", "Give a TSV, CSV or JSON lines file") from error
    except UnicodeDecodeError as error:
        raise UsageError(path, "it is not UTF-8", "Convert it, for instance with iconv") from error
    rows: Iterable[tuple[int, dict[str, Any]]]
    if path.suffix.lower() in (".jsonl", ".ndjson", ".json") or text.lstrip().startswith("{"):
        rows = _json_lines(path, text)
    else:
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        header = lines[0] if lines else ""
        reader = csv.DictReader(lines, delimiter=max("\t,;", key=header.count))
        rows = enumerate(reader, start=2)
    queries = [_query(path, number, row) for number, row in rows]
    if not queries:
        raise UsageError(path, "it holds no question", "Give at least one line beside the header")
    return queries


def _json_lines(path: Path, text: str) -> Iterable[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{path}:{number}", f"not JSON: {error}", "Write one JSON object per line") from error
        if not isinstance(row, dict):
            raise UsageError(f"{path}:{number}", "not a JSON object", "Write one JSON object per line")
        yield number, row


def _query(path: Path, number: int, row: dict[str, Any]) -> BenchQuery:
    text = str(row.get("query") or "").strip()
    if not text:
        raise UsageError(f"{path}:{number}", "no `query`", "Name the column `query` and fill it in")
    given = {name: _names(row.get(name)) for name in RELEVANT_BY}
    if not any(given.values()):
        known = ", ".join(f"`{name}`" for name in RELEVANT_BY)
        raise UsageError(f"{path}:{number}", "nothing says what is relevant", f"Fill in one of {known}")
    language = str(row.get("language") or "any").strip()
    return BenchQuery(text, language, str(row.get("group") or text).strip(), **given)


def _names(value: Any) -> frozenset[str]:
    items = value if isinstance(value, list) else str(value or "").split(";")
    return frozenset(str(item).strip() for item in items if str(item).strip())


def label_queries(gallery: CaseGallery, fewest: int = 2) -> list[BenchQuery]:
    """Each label of the archive as a question by its own name, where at least ``fewest`` patients have it."""
    patients: dict[str, set[str]] = {}
    for case in gallery.cases.values():
        for label in case.labels:
            patients.setdefault(label, set()).add(case.patient_id or case.study_uid)
    return [
        BenchQuery(label, "any", label, labels=frozenset({label}))
        for label, having in sorted(patients.items())
        if len(having) >= fewest
    ]
