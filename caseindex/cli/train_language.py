"""`caseindex train language`: a text encoder of this archive's reports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from caseindex.cli.options import ArchiveOption, FormatOption
from caseindex.cli.output import emit, say
from caseindex.cli.stages import stages


def language(
    archive: ArchiveOption = None,
    name: Annotated[str, typer.Option(help="The model's folder in models/.")] = "language",
    epochs: Annotated[int, typer.Option(min=1, help="At most this many rounds over the studies.")] = 40,
    patience: Annotated[
        int, typer.Option(min=1, help="Stop after this many epochs without a better validation recall.")
    ] = 8,
    minutes: Annotated[
        float | None, typer.Option(help="Stop training after this time.", show_default="no limit")
    ] = None,
    batch: Annotated[int, typer.Option(min=2, help="Reports per step.")] = 64,
    dim: Annotated[int, typer.Option(min=2, help="Dimensions of the space.")] = 256,
    width: Annotated[int, typer.Option(min=4, help="Of the transformer.")] = 128,
    layers: Annotated[int, typer.Option(min=1, help="Of the transformer.")] = 2,
    max_tokens: Annotated[
        int,
        typer.Option(min=16, help="Read at once; a longer report is read in pieces of whole sections or sentences."),
    ] = 512,
    masked: Annotated[float, typer.Option(help="Share of the tokens that are hidden and guessed.")] = 0.15,
    told: Annotated[
        float, typer.Option(help="Share of the pairs that are a report and its statements in another language.")
    ] = 0.65,
    learning_rate: Annotated[float, typer.Option()] = 1e-3,
    seed: Annotated[int, typer.Option(help="Of the split, the start values and the batches.")] = 0,
    hold_out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Patient ids, one a line, that are used for nothing.", show_default=False),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on with an unfinished run of the same settings and data.")
    ] = True,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard/--no-tensorboard", help="Write a TensorBoard log, where it is installed.")
    ] = True,
    format: FormatOption = None,
) -> None:
    """Learn the language of this archive's reports, with or without images.

    Self-supervised: hidden words, two parts of one report, reports of one study; reports that state the same come near
    each other, across languages where the lexicon links them. Writes models/NAME with a model card, to search texts, as
    the target of images, or as the start of a pair model (train pair --text-encoder language:NAME). Interrupted, it
    goes on when it is run again.
    """
    from caseindex.index.archive import Archive
    from caseindex.train.language import train_language
    from caseindex.train.language_settings import LanguageSettings
    from caseindex.train.patient_list import read_patient_ids

    opened = Archive.find(archive)
    settings = LanguageSettings(
        name=name,
        epochs=epochs,
        patience=patience,
        minutes=minutes,
        batch=batch,
        dim=dim,
        width=width,
        layers=layers,
        hidden=2 * width,
        max_tokens=max_tokens,
        masked=masked,
        told=told,
        learning_rate=learning_rate,
        seed=seed,
    )
    held = read_patient_ids(hold_out) if hold_out else frozenset()
    with stages({"reports": "studies", "training": "steps", "embedding": "reports"}) as advance:
        result = train_language(
            opened, settings, hold_out=held, resume=resume, tensorboard=tensorboard, on_progress=advance
        )
    if result.resumed:
        say(f"caseindex: went on with the unfinished run {result.run.name}")
    rows = [
        {
            "name": result.name,
            "fingerprint": result.fingerprint[:12],
            "question": question,
            "queries": measured.queries,
            "recall@10": round(measured.recall["recall@10"].value, 3),
            "untrained": round(measured.untrained["recall@10"].value, 3),
            "chance": round(measured.chance["recall@10"], 3),
        }
        for question, measured in result.test.items()
    ]
    emit({**{field: getattr(result, field) for field in result.__slots__}, "run": str(result.run)}, rows, format=format)
