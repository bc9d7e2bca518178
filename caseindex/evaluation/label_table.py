"""Labels from a CSV file: one column of labels, or a column for each label (the CheXpert form: 1, 0, -1, empty)."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from caseindex.errors import UsageError

#: Columns that name what a row is about, the most exact first.
ID_COLUMNS = ("report_uid", "image_uid", "image", "file", "study_uid", "study_id")
LABEL_COLUMNS = ("labels", "label", "class")
_VALUES = {"": math.nan, "1": 1.0, "1.0": 1.0, "0": 0.0, "0.0": 0.0, "-1": math.nan, "-1.0": math.nan}


@dataclass(frozen=True, slots=True)
class LabelTable:
    """``rows``: (id column, id) -> label -> 1 has it, 0 has it not, NaN not known (uncertain, not mentioned). ``many``: of
    a column for each label; with one column a row's first label is its class, and a label that it lacks is not there."""

    rows: Mapping[tuple[str, str], Mapping[str, float]]
    order: tuple[str, ...]
    many: bool

    def of(self, **ids: str | None) -> Mapping[str, float] | None:
        """The row of an item, by the first id column that the table has a row of."""
        for column in ID_COLUMNS:
            found = self.rows.get((column, ids.get(column) or ""))
            if found is not None:
                return found
        return None


def read_label_table(path: Path) -> LabelTable:
    """UTF-8, comma-separated, with a header. Raises :class:`~caseindex.errors.UsageError`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            names = list(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(path, f"cannot be read as CSV ({type(error).__name__})", "Name a UTF-8 CSV file") from error
    ids = [name for name in ID_COLUMNS if name in names]
    if not ids:
        raise UsageError(
            path, "no column says what a row is about", f"Name one of {', '.join(ID_COLUMNS)} in its header"
        )
    single = next((name for name in LABEL_COLUMNS if name in names), None)
    columns = [single] if single else [name for name in names if name not in ids and _is_label(name, rows)]
    if not columns or not rows:
        raise UsageError(path, "it holds no labels", "A column `label`, or columns of 1, 0, -1 and empty cells")
    found: dict[tuple[str, str], dict[str, float]] = {}
    order: dict[str, None] = {}
    for row in rows:
        if single:
            values = {label: 1.0 for part in (row[single] or "").split(";") if (label := part.strip())}
        else:
            values = {name: _VALUES[(row[name] or "").strip()] for name in columns}
        order |= dict.fromkeys(values)
        for column in ids:
            if (row[column] or "").strip():
                found[column, row[column].strip()] = values
    return LabelTable(found, tuple(order), single is None)


def _is_label(name: str, rows: list[dict[str, str]]) -> bool:
    values = {(row[name] or "").strip() for row in rows}
    return values <= set(_VALUES) and values != {""}
