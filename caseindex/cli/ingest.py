"""`caseindex ingest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from caseindex.cli.options import ArchiveOption, FormatOption
from caseindex.cli.output import emit, say
from caseindex.errors import UsageError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog="Example: caseindex ingest /data/pacs-export --reports reports.csv --window brain")
def ingest(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(metavar="SOURCE...", help="Folders, files or zip archives.", show_default=False),
    ] = None,
    layout: Annotated[
        str,
        typer.Option(
            help="How the sources lie on disk: auto, manifest, mimic_cxr, mimic_cxr_jpg, chexpert, chestxray14, "
            "padchest, cov_ctr, open_i or tree (DICOM, PNG, JPEG, TIFF in any folders)."
        ),
    ] = "auto",
    reports: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Reports for studies of the archive: a column with the study UID or accession number, and `report`, "
            "or `findings` and `impression`. May be given alone, in a later run.",
        ),
    ] = None,
    slices: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="How many slices stand for a volume; for all series of the archive."),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A CT window (brain, lung, bone, ... or CENTER/WIDTH), not the file's own."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Decoding processes; one per core where not given.")
    ] = None,
    archive: ArchiveOption = None,
    format: FormatOption = None,
) -> None:
    """Take images and reports in: DICOM, PNG, JPEG, TIFF, zip archives, the manifest layout and public data sets.

    What was taken in before is passed over, so a run that was stopped at any moment is continued by the same command.
    Every input that is not taken in stands in the archive's rejected.jsonl with its reason; the exit status is 0 all
    the same. Limits on pixels, frames, bytes, time and memory are in archive.toml under [limits].
    """
    if not sources and reports is None:
        raise UsageError("ingest", "nothing to take in", "Name a SOURCE, or --reports FILE.csv")
    import msgspec

    from caseindex.cli.progress import progress
    from caseindex.index.archive import Archive
    from caseindex.ingest.pipeline import ingest as run
    from caseindex.reports.text.languages import detect
    from caseindex.retrieval.word_index import open_word_index

    opened = Archive.find(archive)
    chosen = {"slices": slices, "window": window, "workers": workers}
    changes = {name: value for name, value in chosen.items() if value is not None}
    settings = msgspec.structs.replace(
        opened.settings, ingest=msgspec.structs.replace(opened.settings.ingest, **changes)
    )
    with opened.store.writing(), progress("ingest", unit="inputs") as advance:
        summary = run(
            opened.store,
            sources or [],
            settings=settings,
            layout=layout,
            reports=reports,
            rejected=opened.rejected_file,
            thumbnails=opened.thumbnails_dir,
            reselect_slices=slices is not None,
            detect_language=detect,
            on_progress=advance,
        )
    with progress("reading reports", unit="reports") as advance:
        # The first search would build it, and wait.
        open_word_index(opened, lambda done, total: advance(done, total=total))
    if summary.rejected:
        count = sum(summary.rejected.values())
        say(f"{count:,} input{' was' if count == 1 else 's were'} not taken in; why: {opened.rejected_file}")
    emit(summary, format=format)
