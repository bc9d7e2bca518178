"""`caseindex export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from caseindex.cli.options import ArchiveOption, FormatOption
from caseindex.cli.output import emit
from caseindex.errors import UsageError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog="Example: caseindex export /data/out --embeddings --model imagenet")
def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; made where missing.")],
    embeddings: Annotated[bool, typer.Option("--embeddings", help="The embeddings too, one file per model.")] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="NAME", help="Embeddings of this model alone: a name or a fingerprint's start."
        ),
    ] = None,
    archive: ArchiveOption = None,
    format: FormatOption = None,
) -> None:
    """Write images, series, studies and reports as Parquet.

    Privacy: the files hold patient ids, dates, file paths and the full text of the reports, as the archive does, and
    embeddings can tell who a patient is. Treat them as you treat the archive; `remove` does not reach them.
    """
    from caseindex.cli.progress import progress
    from caseindex.index.archive import Archive
    from caseindex.index.export import export as write

    if model is not None and not embeddings:
        raise UsageError("--model", "it chooses embeddings, and none are exported", "Add --embeddings")
    opened = Archive.find(archive)
    folder = directory.expanduser().absolute()
    if folder == opened.path or opened.path in folder.parents:
        # A copy inside would be searched, and found, by `remove`.
        raise UsageError(folder, "it lies inside the archive", "Choose a folder elsewhere")
    with progress("exporting", unit="rows") as advance:
        written = write(opened, folder, embeddings=embeddings, model=model, on_progress=advance)
    emit(
        {"folder": str(folder), "files": written},
        [{"file": name, "rows": rows} for name, rows in written.items()],
        format=format,
    )
