"""`caseindex demo`: a synthetic archive, trained, indexed and searched."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caseindex.cli.options import FormatOption
from caseindex.cli.output import Format, chosen_format, emit, say
from caseindex.cli.progress import progress

if TYPE_CHECKING:
    from caseindex.demo.run import Answered, Demonstration

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    epilog="Example: caseindex demo demo-archive; a smaller one: caseindex demo small --images 60 --no-train; volumes "
    "with reports in Russian and Chinese: caseindex demo volumes --images 300 --slices 5 --languages ru:0.5,zh:0.5"
)
def demo(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder, or that of an earlier demo.")],
    images: Annotated[int, typer.Option(min=1, help="How many images to draw.")] = 978,
    seed: Annotated[int, typer.Option(min=0, help="Another number gives other patients.")] = 0,
    slices: Annotated[int, typer.Option(min=1, max=20, help="Slices per examination.")] = 1,
    languages: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Languages of the reports: the first gets what the others, a tenth each, leave; or with shares, "
            "ru:0.5,en:0.5.",
        ),
    ] = "ru,en,zh",
    train: Annotated[bool, typer.Option("--train/--no-train", help="Train a model of images and reports.")] = True,
    minutes: Annotated[float, typer.Option(min=0.01, help="The longest that the training may take.")] = 3.0,
    format: FormatOption = None,
) -> None:
    """Make a synthetic archive of brain CT with reports, train on it, and search it in three languages.

    DIR gets source/ (DICOM files, and manifest.csv with reports and ground truth), archive/ (to be used with the other
    commands) and search.html. No image and no text is of a real patient. Interrupted, it goes on where it was when the
    same command is run again.
    """
    from caseindex.demo.run import run_demo
    from caseindex.demo.source import Recipe, parse_languages

    recipe = Recipe(images=images, seed=seed, slices=slices, languages=parse_languages(languages))
    shown = run_demo(directory, recipe, stage=progress, train=train, minutes=minutes)
    for answer in shown.answers:
        say(f'caseindex: "{answer.question}": {_verdict(answer)}')
        if chosen_format(format) is Format.TABLE:
            emit(None, [_row(hit) for hit in answer.hits[:5]], format=Format.TABLE, wrap=("labels", "report"))
    if chosen_format(format) is not Format.TABLE:
        emit(_document(shown), [_answer_row(answer) for answer in shown.answers], format=format)
    _say_next(shown)


def _verdict(answer: Answered) -> str:
    text = f"{answer.right} of the first {answer.asked_for} cases are right"
    if answer.right_by_image is not None:
        text += f"; {answer.right_by_image} when only the pictures are searched"
    return text


def _row(hit: Any) -> dict[str, Any]:
    report = " ".join((hit.report or "").split())
    return {
        "rank": hit.rank,
        "patient": hit.patient_id,
        "date": hit.date,
        "labels": list(hit.labels),
        "matched_by": "+".join(hit.matched_by),
        "report": report if len(report) <= 160 else report[:159] + "…",
    }


def _document(shown: Demonstration) -> dict[str, Any]:
    from caseindex.retrieval.query import hit_row

    return {
        "archive": str(shown.archive),
        "source": str(shown.source),
        "page": str(shown.page),
        "images": shown.images,
        "patients": shown.patients,
        "model": shown.model,
        "seconds": shown.seconds,
        "answers": [{**_answer_row(answer), "hits": [hit_row(hit) for hit in answer.hits]} for answer in shown.answers],
    }


def _answer_row(answer: Answered) -> dict[str, Any]:
    return {
        "question": answer.question,
        "language": answer.language.value,
        "asked_for": answer.asked_for,
        "right": answer.right,
        "right_by_image": answer.right_by_image,
    }


def _say_next(shown: Demonstration) -> None:
    archive, source = shlex.quote(str(shown.archive)), shlex.quote(str(shown.source))
    say(
        f"""
{shown.images} images of {shown.patients} synthetic patients, model {shown.model!r}, {shown.seconds:.0f} s. Next:
  open {shown.page}
  caseindex search --archive {archive} --text "внутримозговая гематома слева"
  caseindex search --archive {archive} --text "subarachnoid hemorrhage" --channel image
  caseindex search --archive {archive} --image "$(find {source} -name '*.dcm' | head -1)" --html similar.html
  caseindex info --archive {archive}"""
    )
