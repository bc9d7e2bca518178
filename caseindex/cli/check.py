"""`caseindex check`."""

from __future__ import annotations

from typing import Annotated

import typer

from caseindex.cli.options import ArchiveOption, FormatOption
from caseindex.cli.output import emit, say

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog="Example: caseindex check --sources --format json")
def check(
    sources: Annotated[
        bool, typer.Option("--sources", help="Look for every source file, not for a sample of 1,000.")
    ] = False,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Drop what fails its checksum and can be made again (embeddings, indexes, keys, leftover files; "
            "damaged records have to be ingested again), then check once more.",
        ),
    ] = False,
    archive: ArchiveOption = None,
    format: FormatOption = None,
) -> None:
    """Verify the checksum of every record and embedding, keys, references, derived indexes, models and source files.

    Each problem has a kind, an item and a fix. Warnings (a source file that is gone) do not make the archive faulty.
    Exit status 0 when it is whole, else 1.
    """
    import shutil
    from dataclasses import asdict

    from caseindex.cli.progress import progress
    from caseindex.index import checking
    from caseindex.index.archive import Archive
    from caseindex.index.mending import mend
    from caseindex.retrieval import word_index

    opened = Archive.find(archive)
    if repair:
        terms = opened.indexes_dir / word_index.FOLDER
        if word_index.damaged_files(terms):
            shutil.rmtree(terms, ignore_errors=True)
        for what, count in mend(opened).items():
            if count:
                say(f"{what.replace('_', ' ')}: {count:,}")
    with progress("checking", unit="records and embeddings") as advance:
        problems = list(checking.check(opened, all_sources=sources, on_progress=advance))
    problems += [
        checking.Problem("index_damaged", f"indexes/{word_index.FOLDER}/{name}", "It is built again at the next search")
        for name in word_index.damaged_files(opened.indexes_dir / word_index.FOLDER)
    ]
    ok = all(problem.severity is checking.Severity.WARNING for problem in problems)
    emit(
        {"ok": ok, "problems": problems},
        [asdict(problem) for problem in problems] or [{"ok": ok}],
        format=format,
        table=None if problems else [{"result": "whole: no problem found"}],
        wrap=("fix", "item"),
    )
    if not ok:
        raise typer.Exit(1)
