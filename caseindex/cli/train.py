"""`caseindex train`: one subcommand per recipe."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from caseindex.cli.options import ArchiveOption, FormatOption
from caseindex.cli.output import emit, say
from caseindex.cli.stages import stages
from caseindex.cli.train_classifier import classifier
from caseindex.cli.train_identity import identity
from caseindex.cli.train_language import language
from caseindex.cli.train_text_target import text_target

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Train encoders on this archive, or convert weights for it.",
    epilog="Example: caseindex train pair --name pair --minutes 5",
)


app.command(epilog="Examples: caseindex train identity; caseindex train identity --minutes 60 --other OTHER_ARCHIVE")(
    identity
)


app.command(epilog="Example: caseindex train language --name language --minutes 10")(language)


app.command(
    epilog="Examples: caseindex train classifier; caseindex train classifier --network cnn --epochs 100; "
    "caseindex train classifier --input text --labels labels.csv"
)(classifier)


app.command(
    "text-target",
    epilog="Examples: caseindex train text-target; caseindex train text-target --modality MR --sequence FLAIR "
    "--name text-target-flair",
)(text_target)


class LossChoice(StrEnum):
    INFONCE = "infonce"
    SIGLIP = "siglip"


class FusionChoice(StrEnum):
    NONE = "none"
    ATTENTION = "attention"


@app.command(epilog="Example: caseindex train pair --archive ARCHIVE --name pair --minutes 5")
def pair(
    archive: ArchiveOption = None,
    name: Annotated[str, typer.Option(help="The model's folder in models/.")] = "pair",
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
    epochs: Annotated[int, typer.Option(min=1, help="At most this many rounds over the studies.")] = 100,
    patience: Annotated[
        int, typer.Option(min=1, help="Stop after this many epochs without a better validation recall.")
    ] = 20,
    minutes: Annotated[
        float | None, typer.Option(help="Stop training after this time.", show_default="no limit")
    ] = None,
    batch: Annotated[int, typer.Option(min=2, help="Studies per step.")] = 64,
    dim: Annotated[int, typer.Option(min=2, help="Dimensions of the shared space.")] = 256,
    learning_rate: Annotated[float, typer.Option(help="Of the heads and the text encoder.")] = 3e-4,
    trunk_rate: Annotated[float, typer.Option(help="Of pretrained networks, with --full.")] = 5e-5,
    seed: Annotated[int, typer.Option(help="Of the split, the start values and the batches.")] = 0,
    hold_out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Patient ids, one a line, that are used for nothing.", show_default=False),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on with an unfinished run of the same settings and data.")
    ] = True,
    use: Annotated[
        bool, typer.Option("--use/--no-use", help="Name it in archive.toml for searching, if it beats the default.")
    ] = True,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard/--no-tensorboard", help="Write a TensorBoard log, where it is installed.")
    ] = True,
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
    held = read_patient_ids(hold_out) if hold_out else frozenset()
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
            hold_out=held,
            resume=resume,
            tensorboard=tensorboard,
            use=use,
            on_progress=advance,
        )
    if result.resumed:
        say(f"caseindex: went on with the unfinished run {result.run.name}")
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


@app.command(epilog="Example: caseindex train convert resnet50.pth resnet50.safetensors")
def convert(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A PyTorch checkpoint: .pt, .pth, .bin, .ckpt.")],
    target: Annotated[
        Path | None,
        typer.Argument(metavar="[OUT]", help="Default: the same name with .safetensors.", show_default=False),
    ] = None,
    format: FormatOption = None,
) -> None:
    """Convert a PyTorch checkpoint to safetensors, without running any code that it may hold.

    Only tensors are read (weights_only); a checkpoint that needs anything else is refused. A nested `state_dict` or
    `model` is unwrapped, and a `module.` prefix taken off.
    """
    from caseindex.train.convert import convert_checkpoint

    emit(convert_checkpoint(source, target), format=format)
