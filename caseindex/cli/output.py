"""Results to stdout in the format that was asked for; progress and words to stderr."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

_WIDTH_IN_A_FILE = 160  # characters
_SIDE_BY_SIDE = 4  # rows that may stand as columns where the table is too wide
_KEPT_WHOLE = 44  # characters of a column that is not broken over lines


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


def chosen_format(given: Format | None) -> Format:
    """The format asked for; else a table for a person at a terminal and JSON for a program."""
    if given is not None:
        return given
    return Format.TABLE if sys.stdout.isatty() else Format.JSON


def plain(value: Any) -> Any:
    """Dataclasses, enums, numpy scalars and tuples as what JSON holds; NaN and infinities become null."""
    import msgspec

    def other(item: Any) -> Any:
        if hasattr(item, "tolist"):
            return item.tolist()
        return str(item)

    return json.loads(msgspec.json.encode(msgspec.to_builtins(value, enc_hook=other)))


def emit(
    document: Any,
    rows: Sequence[Mapping[str, Any]] | None = None,
    *,
    format: Format | None = None,
    title: str | None = None,
    wrap: Sequence[str] = (),
    table: Sequence[Mapping[str, Any]] | None = None,
    columns: Sequence[str] = (),
) -> None:
    """Prints ``document`` (json), or its ``rows`` (jsonl, csv, table; default: the document as one row).

    ``table`` is what a person reads instead of ``rows``: fewer columns, shorter texts. ``wrap`` names the columns that
    may fold over several lines in a table; the others are kept whole. ``columns``: the header of a CSV without rows.
    """
    how = chosen_format(format)
    if how is Format.TABLE and table is not None:
        rows = table
    body = plain(document)
    lines = [plain(row) for row in rows] if rows is not None else [body]
    if how is Format.JSON:
        print(json.dumps(body, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))
    elif how is Format.JSONL:
        for line in lines:
            print(json.dumps(line, ensure_ascii=False))
    elif how is Format.CSV:
        _csv(lines, _columns(lines) or columns)
    else:
        _table(lines, title, wrap)


def _columns(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for line in lines for name in line))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return "; ".join(map(_cell, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {_cell(item)}" for key, item in value.items())
    return str(value)


def _csv(lines: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    if not columns:
        return
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {name: value if isinstance(value, str) else _cell(value) for name, value in line.items()} for line in lines
    )


def _table(lines: Sequence[Mapping[str, Any]], title: str | None, wrap: Sequence[str]) -> None:
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not lines:
        return
    # A table in a file or a pipe has no terminal to fit into.
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDTH_IN_A_FILE)
    names = _columns(lines)
    cells = {name: [_cell(line.get(name)) for line in lines] for name in names}
    whole = {
        name: min(max(map(cell_len, [*cells[name], name])), _KEPT_WHOLE) if name not in wrap else None for name in names
    }
    needed = sum(whole[name] or len(name) for name in names) + 2 * (len(names) - 1)
    turned = needed > console.width and len(lines) <= _SIDE_BY_SIDE
    table = Table(
        title=title, title_justify="left", header_style="bold", box=None, pad_edge=False, show_header=not turned
    )
    if turned:  # what would be cut off at the right stands below: each row a column
        for _ in range(len(lines) + 1):
            table.add_column(overflow="fold")
        for name in names:
            table.add_row(Text(name.replace("_", " "), style="bold"), *map(Text, cells[name]))
    else:
        for name in names:
            numeric = all(isinstance(line.get(name), int | float | None) for line in lines)
            justify: Any = "right" if numeric else "left"
            table.add_column(name.replace("_", " "), justify=justify, overflow="fold", min_width=whole[name])
        for row in zip(*cells.values(), strict=True):
            table.add_row(*map(Text, row))
        if needed > console.width:
            console = Console(file=sys.stdout, width=needed)  # the terminal folds the lines; nothing is lost
    console.print(table)


def say(message: str) -> None:
    """A line for the person, to stderr."""
    print(message, file=sys.stderr)
