"""`caseindex train text-target`: an image encoder that gives the vector of the report."""

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
    ResumeOption,
    SeedOption,
    TensorboardOption,
)
from caseindex.cli.train_result import as_document, say_resumed


def text_target(
    archive: ArchiveOption = None,
    name: ModelNameOption = "text-target",
    image_encoder: Annotated[
        str, typer.Option(metavar="NAME", help="imagenet, resnet50, timm:NAME, torchvision:NAME, open_clip:NAME.")
    ] = "imagenet",
    text_encoder: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Whose vectors of the reports are the targets: concepts (of the lexicon), or a model of this archive "
            "with a text side, such as one of `train language`.",
        ),
    ] = "concepts",
    modality: Annotated[
        str | None, typer.Option(help="Only images of this modality: CT, MR, ...", show_default=False)
    ] = None,
    sequence: Annotated[
        str | None,
        typer.Option(help="Only series whose description has this: T2, FLAIR, DWI, ...", show_default=False),
    ] = None,
    full: Annotated[
        bool,
        typer.Option("--full/--frozen", help="Train the image network too, or only a head on features computed once."),
    ] = False,
    epochs: EpochsOption = 60,
    patience: Annotated[
        int, typer.Option(min=1, help="Stop after this many epochs without a smaller validation error.")
    ] = 15,
    minutes: MinutesOption = None,
    batch: Annotated[int, typer.Option(min=2, help="Studies per step.")] = 64,
    dim: Annotated[int, typer.Option(min=2, help="Of the concepts' space; a model has its own.")] = 128,
    learning_rate: Annotated[float, typer.Option(help="Of the head.")] = 3e-4,
    trunk_rate: Annotated[float, typer.Option(help="Of the image network, with --full.")] = 5e-5,
    seed: SeedOption = 0,
    hold_out: HoldOutOption = None,
    resume: ResumeOption = True,
    tensorboard: TensorboardOption = True,
    format: FormatOption = None,
) -> None:
    """Regress images on the vectors of their reports, so that sentences can score images: `caseindex score`.

    No labels are used. The split is by patient; says how well words find images of unseen patients, and how well the
    name of each finding against its denial tells them apart. Interrupted, it goes on when it is run again.
    """
    from caseindex.index.archive import Archive
    from caseindex.train.patient_list import read_patient_ids
    from caseindex.train.text_target import train_text_target
    from caseindex.train.text_target_settings import TextTargetSettings

    opened = Archive.find(archive)
    settings = TextTargetSettings(
        name=name,
        image_encoder=image_encoder,
        text_encoder=text_encoder,
        modality=modality,
        sequence=sequence,
        frozen=not full,
        dim=dim,
        epochs=epochs,
        patience=patience,
        minutes=minutes,
        batch=batch,
        learning_rate=learning_rate,
        trunk_rate=trunk_rate,
        seed=seed,
    )
    units = {"image features": "images", "pictures": "images", "reports": "reports", "training": "steps"}
    with stages(units) as advance:
        result = train_text_target(
            opened,
            settings,
            hold_out=read_patient_ids(hold_out),
            resume=resume,
            tensorboard=tensorboard,
            on_progress=advance,
        )
    say_resumed(result)
    found = result.test
    row = {
        "name": result.name,
        "fingerprint": result.fingerprint[:12],
        "studies": result.studies["train"],
        "epochs": result.loop.epochs,
        "seconds": round(result.loop.seconds, 1),
        "findings": len(found.findings),
        "mean_auc": found.mean_auc.value,
        "text_to_image_recall@10": found.recall["text_to_image_recall@10"].value,
        "chance": found.chance["text_to_image_recall@10"],
    }
    emit(as_document(result), [row], format=format)
