"""`caseindex reports`: what the reports say, as statements and as published sets of labels."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caseindex.cli.options import ArchiveOption, FormatOption
from caseindex.cli.output import emit
from caseindex.errors import UsageError

if TYPE_CHECKING:
    from caseindex.cli.report_texts import Text

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    epilog="Example: caseindex reports label --set chexpert --output labels.csv",
)
TextFileOption = Annotated[
    str | None,
    typer.Option(
        "--text-file",
        metavar="FILE",
        help="Instead of the archive's reports: a text file, - for stdin, or a CSV table with a column report or text.",
        show_default=False,
    ),
]


@app.callback()
def reports() -> None:
    """Read the reports: statements, and labels derived from them."""


@app.command(
    epilog="Examples: caseindex reports label --set chexpert --output labels.csv; "
    "caseindex reports label --set brain-ct --text-file report.txt"
)
def label(
    name: Annotated[str, typer.Option("--set", metavar="NAME", help="brain-ct, chexpert, ct-rate or mosmed.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", help="A CSV file, for `train classifier --labels`.", show_default=False
        ),
    ] = None,
    text_file: TextFileOption = None,
    archive: ArchiveOption = None,
    format: FormatOption = None,
) -> None:
    """Write the labels of each report.

    brain-ct: the first diagnosis of the conclusion, 15 classes. chexpert: 14 observations, 1 present, 0 absent, -1
    uncertain, empty not mentioned. ct-rate: 18 abnormalities, 1 or 0. mosmed: norm or pathology. brain-ct and chexpert
    read the impression, else the findings, else the last section; the others read the whole report.
    """
    from caseindex.reports.labels.catalogue import label_set

    wanted = label_set(name)
    rows = ({**given.ids, **wanted.of(given.text, given.language)} for given in _texts(archive, text_file))
    if output is None:
        labelled = list(rows)
        emit(labelled, labelled, format=format)
        return
    number, cells = _write(output, rows)
    counts = {column: dict(sorted(cells[column].items())) for column in wanted.columns if column in cells}
    emit(
        {"set": name, "file": str(output), "reports": number, "counts": counts},
        [
            {"label": column, "value": cell or "(empty)", "reports": n}
            for column in counts
            for cell, n in counts[column].items()
        ],
        format=format,
    )


@app.command(epilog="Example: caseindex reports statements --text-file report.txt --format table")
def statements(
    text_file: TextFileOption = None,
    archive: ArchiveOption = None,
    format: FormatOption = None,
) -> None:
    """Show what each report states: finding, polarity, side, place, and comparison with a prior.

    Finding and place are concepts of the lexicon. The output holds sentences of the reports: treat it as you treat them.
    """
    from caseindex.reports.statements import statements as read

    rows = [
        {
            **given.ids,
            "finding": made.finding,
            "polarity": made.polarity.value,
            "side": made.side.value if made.side else None,
            "place": made.place,
            "change": made.change.value if made.change else None,
            "historical": made.historical,
            "section": made.section,
            "text": made.text,
        }
        for given in _texts(archive, text_file)
        for made in read(given.text, given.language)
    ]
    emit(rows, rows, format=format, wrap=("text",))


def _texts(archive: Path | None, text_file: str | None) -> Iterator[Text]:
    from caseindex.cli.report_texts import of_archive, of_file

    if text_file is not None:
        return of_file(text_file)
    from caseindex.index.archive import Archive

    return of_archive(Archive.find(archive))


def _write(output: Path, rows: Iterator[dict[str, str]]) -> tuple[int, dict[str, Counter[str]]]:
    """Streams ``rows`` to ``output``; returns how many there were, and how often each cell of each column."""
    from io import TextIOWrapper
    from typing import IO

    from caseindex.cli.progress import progress
    from caseindex.index.atomic import write_file_atomically

    counted: dict[str, Counter[str]] = {}
    number = 0

    def write(binary: IO[bytes]) -> None:
        nonlocal number
        stream = TextIOWrapper(binary, encoding="utf-8", newline="")
        writer = None
        with progress("labelling", unit="reports") as advance:
            for row in rows:
                if writer is None:
                    writer = csv.DictWriter(stream, list(row), lineterminator="\n")
                    writer.writeheader()
                writer.writerow(row)
                for column, cell in row.items():
                    counted.setdefault(column, Counter())[cell] += 1
                number += 1
                advance(1)
        stream.flush()
        stream.detach()

    if not output.parent.is_dir():
        raise UsageError(output.parent, "there is no such folder", "Make it first")
    write_file_atomically(output, write)
    return number, counted
