"""`caseindex info`."""

from __future__ import annotations

import typer

from caseindex.cli.options import ArchiveOption, FormatOption
from caseindex.cli.output import emit

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog="Example: caseindex info --archive /data/neuro-archive --format json")
def info(archive: ArchiveOption = None, format: FormatOption = None) -> None:
    """Show what is in the archive: patients, studies, series, images, reports, embeddings by model, size on disk."""
    from dataclasses import asdict

    from caseindex.index.archive import Archive
    from caseindex.index.overview import overview

    found = asdict(overview(Archive.find(archive)))
    emit(found, [{"what": name, "value": value} for name, value in found.items()], format=format, wrap=("value",))
