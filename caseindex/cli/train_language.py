"""`caseindex train language`: a text encoder of this archive's reports."""

from __future__ import annotations

from typing import Annotated

import typer

from caseindex.cli.options import ArchiveOption, FormatOption
from caseindex.cli.output import emit
from caseindex.cli.stages import stages
from caseindex.cli.train_options import (
    EpochsOption,
    HoldOutOption,
    MinutesOption,
    ModelNameOption,
    PatienceOption,
    ResumeOption,
    SeedOption,
    TensorboardOption,
)
from caseindex.cli.train_result import as_document, say_resumed


def language(
    archive: ArchiveOption = None,
    name: ModelNameOption = "language",
    epochs: EpochsOption = 40,
    patience: PatienceOption = 8,
    minutes: MinutesOption = None,
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
    seed: SeedOption = 0,
    hold_out: HoldOutOption = None,
    resume: ResumeOption = True,
    tensorboard: TensorboardOption = True,
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
    with stages({"reports": "studies", "training": "steps", "embedding": "reports"}) as advance:
        result = train_language(
            opened,
            settings,
            hold_out=read_patient_ids(hold_out),
            resume=resume,
            tensorboard=tensorboard,
            on_progress=advance,
        )
    say_resumed(result)
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
    emit(as_document(result), rows, format=format)
