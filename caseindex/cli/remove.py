"""`caseindex remove`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from caseindex.cli.naming import study_uid
from caseindex.cli.options import ArchiveOption, FormatOption
from caseindex.cli.output import emit, say
from caseindex.errors import UsageError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog="Example: caseindex remove --patient 4711 --yes")
def remove(
    patient: Annotated[str | None, typer.Option("--patient", metavar="ID", help="Everything of this patient.")] = None,
    study: Annotated[str | None, typer.Option("--study", metavar="UID", help="This study, images and reports.")] = None,
    image: Annotated[str | None, typer.Option("--image", metavar="UID", help="This image.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    archive: ArchiveOption = None,
    format: FormatOption = None,
) -> None:
    """Erase a patient, a study or an image everywhere in the archive, and prove it.

    Takes out records, reports, embeddings, derived indexes, thumbnails and lines of rejected.jsonl, writes the store
    again without freed pages, then searches every file of the archive for the erased identifiers, texts and
    embeddings. Exit status 1 when anything remains (for instance in a training run); it is named with what to do.
    The source files outside the archive are not touched. A killed removal is finished when the archive is next opened.
    """
    from caseindex.cli.progress import progress
    from caseindex.index.archive import Archive
    from caseindex.index.erasure import erase

    given = {"--patient": patient, "--study": study, "--image": image}
    if sum(value is not None for value in given.values()) != 1:
        raise UsageError("remove", "give exactly one of --patient, --study, --image", "See `caseindex remove --help`")
    opened = Archive.find(archive)
    study = None if study is None else study_uid(opened, study)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("remove", "nobody can be asked here", "Add --yes to erase without a question")
        what = next(f"{name[2:]} {value}" for name, value in given.items() if value is not None)
        typer.confirm(f"Erase {what} from {opened.path}? This cannot be undone", abort=True, err=True)
    with progress("searching for remains", unit="bytes") as advance:
        done = erase(opened, patient_id=patient, study_uid=study, image_uid=image, on_progress=advance)
    row = {**done.removed, "scanned_files": done.scanned_files, "scanned_bytes": done.scanned_bytes}
    emit(done, [{**row, "remains": [one.file for one in done.remains]}], format=format)
    for one in done.remains:
        say(f"{one.file}: still holds something of what was erased. {one.fix}.")
    if done.remains:
        raise typer.Exit(1)
