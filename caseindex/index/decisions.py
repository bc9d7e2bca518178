"""What a person decided about the audit's findings: a line each in ``decisions.jsonl``, never changed, the last one counts.

They keep decided findings off the next list and teach the next training who is one person.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from caseindex.errors import ArchiveDamaged, UsageError
from caseindex.index.archive import Archive
from caseindex.index.atomic import storage_error, write_file_atomically

FILE = "decisions.jsonl"
_COLUMNS = ("finding", "decision", "kind", "image_uids", "patient_ids", "suggested_patient_id", "by", "date", "note")
_SPLIT = "|"  # between several ids in a CSV cell; ids with it are written as JSON lines


class Decision(StrEnum):
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """``finding``: the audit's own name of it (:func:`finding_key`)."""

    finding: str
    decision: Decision
    kind: str
    image_uids: tuple[str, ...]
    patient_ids: tuple[str, ...]
    suggested_patient_id: str | None = None
    by: str | None = None
    date: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Lessons:
    """For training. ``same``: patient ids that are one person; ``reassigned``: image UID -> the patient that it is of,
    ``None`` where only is known that it is not of the one it is filed under."""

    same: tuple[tuple[str, str], ...] = ()
    reassigned: dict[str, str | None] = field(default_factory=dict)


def finding_key(kind: str, image_uids: Sequence[str], patient_ids: Sequence[str]) -> str:
    """16 hexadecimal digits, the same for the same finding in another audit."""
    # Two ids of one person are one finding, whichever images showed it; the other kinds are about images.
    about = sorted(patient_ids) if kind == "two_ids" else sorted(image_uids)
    return hashlib.sha256(json.dumps([kind, about], ensure_ascii=False).encode()).hexdigest()[:16]


def read_decisions(archive: Archive) -> dict[str, Decided]:
    """By finding, the latest. Raises :class:`~caseindex.errors.ArchiveDamaged` for a line that is not one."""
    path = archive.path / FILE
    if not path.is_file():
        return {}
    found = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if line.strip():
            try:
                item = _decided(json.loads(line))
            except (ValueError, TypeError, KeyError) as error:
                raise ArchiveDamaged(
                    f"{path}:{number}", f"not a decision ({error})", "Correct or delete the line"
                ) from error
            found[item.finding] = item
    return found


def lessons(archive: Archive) -> Lessons:
    same: list[tuple[str, str]] = []
    reassigned: dict[str, str | None] = {}
    for item in read_decisions(archive).values():
        if item.decision is Decision.CONFIRMED and item.kind == "two_ids":
            same += [(item.patient_ids[0], other) for other in item.patient_ids[1:]]
        if item.decision is Decision.CONFIRMED and item.kind == "misfiled":
            reassigned |= dict.fromkeys(item.image_uids, item.suggested_patient_id)
    return Lessons(tuple(same), reassigned)


def take_decisions(archive: Archive, file: Path) -> int:
    """Appends what ``file`` holds (JSON lines, or CSV with a header) and says how many; all or none.

    Raises :class:`~caseindex.errors.UsageError` naming the line.
    """
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(file, f"cannot be read: {error}", "Give the file that the audit's page saved") from error
    items = []
    for number, given in _rows(file, text):
        try:
            items.append(_decided(given))
        except (ValueError, TypeError, KeyError) as error:
            raise UsageError(
                f"{file}:{number}",
                f"not a decision ({error})",
                f"Columns: {', '.join(_COLUMNS)}; decision is confirmed, rejected or unsure",
            ) from error
    _append(archive, items)
    return len(items)


def _append(archive: Archive, items: Iterable[Decided]) -> None:
    path = archive.path / FILE
    lines = "".join(json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in items)
    if not lines:
        return
    try:
        old = path.read_bytes() if path.is_file() else b""
        write_file_atomically(path, old + lines.encode("utf-8"))
    except OSError as error:
        raise storage_error(path, error) or error from error


def _rows(file: Path, text: str) -> list[tuple[int, dict[str, Any]]]:
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("{"):
        found = []
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    found.append((number, json.loads(line)))
                except json.JSONDecodeError as error:
                    raise UsageError(f"{file}:{number}", f"not JSON ({error})", "Give one object a line") from error
        return found
    rows = []
    table = csv.DictReader(io.StringIO(text))
    if first and "decision" not in (table.fieldnames or ()):
        raise UsageError(f"{file}:1", "neither JSON lines nor a table with a header", f"Columns: {', '.join(_COLUMNS)}")
    for number, row in enumerate(table, start=2):
        given: dict[str, Any] = {key: value or None for key, value in row.items() if key}
        for name in ("image_uids", "patient_ids"):
            given[name] = [part for part in (given.get(name) or "").split(_SPLIT) if part]
        rows.append((number, given))
    return rows


def _decided(given: Any) -> Decided:
    if not isinstance(given, dict):
        raise TypeError("an object is needed")
    unknown = set(given) - set(_COLUMNS)
    if unknown:
        raise ValueError(f"unknown column {sorted(unknown)[0]!r}")
    images, patients = tuple(given.get("image_uids") or ()), tuple(given.get("patient_ids") or ())
    kind = str(given.get("kind") or "")
    if kind not in ("misfiled", "two_ids", "duplicate_image"):
        raise ValueError(f"kind is {kind!r}; known: misfiled, two_ids, duplicate_image")
    if not all(isinstance(one, str) for one in (*images, *patients)) or not (images or patients):
        raise ValueError("image_uids or patient_ids are missing")
    if kind == "two_ids" and len(patients) < 2:
        raise ValueError("two patient_ids are needed")
    plain = {
        name: str(given[name]) if given.get(name) else None for name in ("suggested_patient_id", "by", "date", "note")
    }
    return Decided(
        finding=str(given.get("finding") or finding_key(kind, images, patients)),
        decision=Decision(str(given["decision"]).strip().lower()),
        kind=kind,
        image_uids=images,
        patient_ids=patients,
        **plain,
    )
