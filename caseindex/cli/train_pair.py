"""`caseindex train pair`: images and reports in one space."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from caseindex.cli.options import ArchiveOption, FormatOption
from caseindex.cli.output import emit, say
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
from caseindex.cli.train_result import say_resumed


class LossChoice(StrEnum):
    INFONCE = "infonce"
    SIGLIP = "siglip"


class FusionChoice(StrEnum):
    NONE = "none"
    ATTENTION = "attention"


def pair(
    archive: ArchiveOption = None,
    name: ModelNameOption = "pair",
    image_encoder: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="imagenet, resnet50, timm:NAME, torchvision:NAME, open_clip:NAME, hf:NAME_OR_FOLDER, ruclip:FOLDER.",
        ),
    ] = "imagenet",
    text_encoder: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="tiny (trained on this archive), language:MODEL, hf:NAME_OR_FOLDER[#PROMPT], open_clip:NAME, ruclip:FOLDER.",
        ),
    ] = "tiny",
    loss: Annotated[LossChoice, typer.Option(help="Symmetric InfoNCE, or SigLIP's sigmoid loss.")] = LossChoice.INFONCE,
    soft_targets: Annotated[
        bool,
        typer.Option(
            "--soft-targets/--hard-targets",
            help="How far a text is true of an image's report, statement by statement, or whether it fits.",
        ),
    ] = False,
    text_negatives: Annotated[
        int,
        typer.Option(min=0, help="So many of an image's own report with an error planted, as further negatives."),
    ] = 0,
    fusion: Annotated[
        FusionChoice, typer.Option(help="attention: several images of a study become one vector.")
    ] = FusionChoice.NONE,
    balance: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Findings in fewer than this share of the studies come more often; 0: as they are."
        ),
    ] = 0.0,
    full: Annotated[
        bool,
        typer.Option("--full/--frozen", help="Train the image network too, or only heads on features computed once."),
    ] = False,
    epochs: EpochsOption = 100,
    patience: PatienceOption = 20,
    minutes: MinutesOption = None,
    batch: Annotated[int, typer.Option(min=2, help="Studies per step.")] = 64,
    dim: Annotated[int, typer.Option(min=2, help="Dimensions of the shared space.")] = 256,
    learning_rate: Annotated[float, typer.Option(help="Of the heads and the text encoder.")] = 3e-4,
    trunk_rate: Annotated[float, typer.Option(help="Of pretrained networks, with --full.")] = 5e-5,
    seed: SeedOption = 0,
    hold_out: HoldOutOption = None,
    resume: ResumeOption = True,
    use: Annotated[
        bool, typer.Option("--use/--no-use", help="Name it in archive.toml for searching, if it beats the default.")
    ] = True,
    tensorboard: TensorboardOption = True,
    format: FormatOption = None,
) -> None:
    """Bring images and reports into one space, so that words find images.

    The split is by patient; the best epoch by validation recall is kept. Writes models/NAME with a model card, and a
    run folder with settings, split and metrics. Interrupted, it goes on when it is run again.
    """
    from caseindex.index.archive import Archive
    from caseindex.train.pair import train_pair
    from caseindex.train.pair_settings import PairSettings
    from caseindex.train.patient_list import read_patient_ids

    opened = Archive.find(archive)
    settings = PairSettings(
        name=name,
        image_encoder=image_encoder,
        text_encoder=text_encoder,
        loss=loss.value,
        soft_targets=soft_targets,
        text_negatives=text_negatives,
        fusion=fusion.value,
        balance=balance,
        frozen=not full,
        epochs=epochs,
        patience=patience,
        minutes=minutes,
        batch=batch,
        dim=dim,
        learning_rate=learning_rate,
        trunk_rate=trunk_rate,
        seed=seed,
    )
    units = {
        "image features": "images",
        "pictures": "images",
        "reports": "reports",
        "wrong texts": "reports",
        "training": "steps",
    }
    with stages(units) as advance:
        result = train_pair(
            opened,
            settings,
            hold_out=read_patient_ids(hold_out),
            resume=resume,
            tensorboard=tensorboard,
            use=use,
            on_progress=advance,
        )
    say_resumed(result)
    say(f"caseindex: {result.why}")
    comparison = result.comparison
    row = {
        "name": result.name,
        "fingerprint": result.fingerprint,
        "studies": result.studies["train"],
        "epochs": result.loop.epochs,
        "stopped": result.loop.stopped,
        "seconds": round(result.loop.seconds, 1),
        "text_to_image_recall@10": comparison.recall["text_to_image_recall@10"].value,
        "chance": comparison.chance["text_to_image_recall@10"],
        "in_use": result.in_use,
    }
    emit(
        {
            "name": result.name,
            "fingerprint": result.fingerprint,
            "run": str(result.run),
            "resumed": result.resumed,
            "studies": result.studies,
            "loop": result.loop,
            "test": comparison,
            "fused": result.fused,
            "embedded": result.embedded,
            "in_use": result.in_use,
            "why": result.why,
        },
        [row],
        format=format,
    )
