"""`caseindex score`: a triage list by sentences, of images with and without a report."""

from __future__ import annotations

from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from caseindex.cli.options import ArchiveOption, FormatOption
from caseindex.cli.output import emit, say
from caseindex.cli.stages import stages
from caseindex.cli.standard_input import given_file
from caseindex.errors import UsageError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class LevelChoice(StrEnum):
    CASE = "case"
    IMAGE = "image"


@app.command(
    epilog='Examples: caseindex score --text "острый инсульт" --text "гидроцефалия"; '
    'caseindex score --text "intracranial hemorrhage" --negative "normal brain" --unreported -k 20 --format csv; caseindex score --text "intracranial hemorrhage" --image slice.dcm'
)
def score(
    text: Annotated[
        list[str],
        typer.Option("--text", "-t", metavar="TEXT", help="What to look for, in ru, en or zh; repeat for several."),
    ],
    negative: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="The denial of each --text, in their order; default: made from it."),
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Score this file, not the archive's images; repeatable.", show_default=False),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many cases.")] = 50,
    unreported: Annotated[bool, typer.Option("--unreported", help="Only images whose study has no report.")] = False,
    modality: Annotated[list[str] | None, typer.Option(help="Only this modality (CT, MR, ...); repeatable.")] = None,
    patient: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this patient; repeatable.")] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Labels to calibrate by, as for `train classifier`; default: what the reports state.",
            show_default=False,
        ),
    ] = None,
    level: Annotated[LevelChoice, typer.Option(help="What counts once.")] = LevelChoice.CASE,
    archive: ArchiveOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="A model with image and text side; default: text-target, else the one for searching.",
            show_default=False,
        ),
    ] = None,
    format: FormatOption = None,
) -> None:
    """Score images by sentences, against the denial of each, and list the most likely cases first.

    No labels are needed, nor a report of the image, which may also be a file outside the archive (--image). A probability is given where patients that the model was not trained
    on, with a report or a label, allow a calibration; else it is left empty and the reason is said. The images are
    embedded first where they are not.
    """
    from caseindex.evaluation.label_table import read_label_table
    from caseindex.index.archive import Archive
    from caseindex.index.filters import Filters
    from caseindex.retrieval.picture import decoded_pictures
    from caseindex.retrieval.query import Level
    from caseindex.retrieval.zero_shot.document import as_document, case_row
    from caseindex.retrieval.zero_shot.triage import triage

    if image and (unreported or modality or patient):
        raise UsageError("--image", "files are not filtered", "Leave out --unreported, --modality and --patient")
    opened = Archive.find(archive)
    with ExitStack() as given, stages({"embedding images": "images"}) as advance:
        files = [given.enter_context(given_file(name)) for name in dict.fromkeys(image or ())]
        found = triage(
            opened,
            text,
            negatives=negative or (),
            model=model,
            pictures=[one for file in files for one in decoded_pictures(opened, file)],
            labels=read_label_table(labels) if labels else None,
            filters=Filters(modality=tuple(modality or ()), patient_ids=tuple(patient or ())),
            unreported=unreported,
            level=Level(level.value),
            k=k,
            on_progress=_increments(advance),
        )
    for note in found.notes:
        say(f"caseindex: {note}")
    for item in found.sentences:
        if item.why:
            say(f"caseindex: {item.text}: {item.why}")
    rows = [case_row(found, case) for case in found.cases]
    emit(as_document(found), rows, format=format, table=[_table_row(row) for row in rows])


def _increments(advance: Any) -> Any:
    """The archive's embedding tells how many are done in all; a bar is told how many more."""
    before: dict[str, int] = {}

    def told(what: str, done: int, total: int) -> None:
        advance(what, done - before.get(what, 0), total)
        before[what] = done

    return told


def _table_row(row: dict[str, Any]) -> dict[str, Any]:
    """What a person reads of a case: no UIDs, each sentence a column."""
    shown = {"rank": row["rank"], "patient": row["patient_id"], "file": row["file"], "reported": row["reported"]}
    for item in row["scores"]:
        value = item["score"] if item["probability"] is None else item["probability"]
        shown[item["text"] if item["probability"] is not None else f"{item['text']} (score)"] = value
    return shown
