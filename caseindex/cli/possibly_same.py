"""`--possibly-same FILE`: two patient ids a line that may be one person."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import typer

from caseindex.errors import UsageError

PossiblySameOption = Annotated[
    Path | None,
    typer.Option(
        "--possibly-same",
        metavar="FILE",
        help="CSV without header: two patient ids a line that may be one person; such pairs count neither way.",
        show_default=False,
    ),
]


def read_possibly_same(path: Path | None) -> list[tuple[str, str]]:
    """Raises :class:`~caseindex.errors.UsageError` naming the line."""
    if path is None:
        return []
    try:
        rows = list(csv.reader(path.read_text("utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(path, f"cannot be read: {error}", "Give a CSV file in UTF-8") from error
    pairs = []
    for number, row in enumerate(rows, start=1):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if len(cells) != 2 or not all(cells):
            raise UsageError(
                f"{path}:{number}", "not two patient ids", "Give two patient ids a line, with a comma between"
            )
        pairs.append((cells[0], cells[1]))
    return pairs
