"""The texts that a command about reports is given: of the archive, of a file, or of a table."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from caseindex.errors import InputRejected, UsageError
from caseindex.records import Language

if TYPE_CHECKING:
    from caseindex.index.archive import Archive

TEXT_COLUMNS: Final = ("report", "text")
_PARTS: Final = ("findings", "impression")
_IDS: Final = ("report_uid", "study_uid", "study_id", "uid", "id", "image_uid", "image")


@dataclass(frozen=True, slots=True)
class Text:
    """``ids``: the columns that name it in the output, the same for all texts of one source."""

    ids: dict[str, str]
    text: str
    language: Language | None = None


def of_archive(archive: Archive) -> Iterator[Text]:
    """All reports, in the order of the records."""
    with archive.store.read() as reader:
        for report in reader.reports():
            yield Text({"report_uid": report.report_uid, "study_uid": report.study_uid}, report.text, report.language)


def of_file(given: str) -> Iterator[Text]:
    """A text file is one report, `-` one on stdin; a CSV or TSV table has one in each row, under `report` or `text`, or in
    two columns `findings` and `impression`. Raises :class:`~caseindex.errors.UsageError`."""
    from caseindex.ingest.charset import decode_text

    path = Path(given).expanduser()
    if given != "-" and path.suffix.lower() in {".csv", ".tsv"}:
        yield from _of_table(path)
        return
    try:
        data = sys.stdin.buffer.read() if given == "-" else path.read_bytes()
        yield Text({"report_uid": "stdin" if given == "-" else path.name}, decode_text(data))
    except OSError as error:
        raise UsageError(path, error.strerror or "cannot be read", "Name a text file, a CSV table, or -") from error
    except InputRejected as error:
        raise UsageError(given, error.detail or error.code, "Save it as UTF-8") from error


def _of_table(path: Path) -> Iterator[Text]:
    from caseindex.ingest import tables

    names = tables.header(path)
    lower = {name.lower(): name for name in names}
    columns = [lower[name] for name in TEXT_COLUMNS if name in lower][:1] or [lower[n] for n in _PARTS if n in lower]
    if not columns:
        raise UsageError(path, "no column of texts", f"Name it {' or '.join(TEXT_COLUMNS)}")
    ids = [lower[name] for name in _IDS if name in lower]
    for row in tables.rows(path):
        if isinstance(row, InputRejected):
            raise UsageError(row.item, row.detail or row.code, "Mend the table")
        parts = [row.cells.get(name, "") for name in columns]
        if len(columns) > 1:
            parts = [f"{name.upper()}: {part}" for name, part in zip(columns, parts, strict=True) if part]
        named = {name: row.cells.get(name, "") for name in ids} or {"row": str(row.number)}
        yield Text(named, "\n\n".join(parts), _language(row.cells.get(lower.get("language", ""), "")))


def _language(cell: str) -> Language | None:
    return Language(cell) if cell in list(Language) else None
