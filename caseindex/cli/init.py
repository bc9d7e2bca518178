"""`caseindex init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from caseindex.cli.options import FormatOption
from caseindex.cli.output import emit, say

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog="Example: caseindex init /data/neuro-archive")
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder; it is made where missing.")],
    format: FormatOption = None,
) -> None:
    """Make an empty archive: archive.toml (settings, with comments) and cases.lmdb (records and embeddings).

    An archive that is there already is left as it is. A folder that holds anything else is refused.
    """
    from caseindex.index.archive import Archive

    archive, made = Archive.create(directory)
    if made:
        say(f"Made an empty archive in {archive.path}. Next: caseindex ingest --archive {archive.path} SOURCE")
    else:
        say(f"{archive.path} is an archive already; nothing was changed.")
    emit({"archive": str(archive.path), "made": made}, format=format)
