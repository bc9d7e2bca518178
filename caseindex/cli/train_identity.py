"""`caseindex train identity`: an encoder that finds the images of one patient."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from caseindex.cli.options import ArchiveOption, FormatOption
from caseindex.cli.output import emit, say
from caseindex.cli.possibly_same import PossiblySameOption, read_possibly_same
from caseindex.cli.stages import stages
from caseindex.cli.train_options import MinutesOption, ModelNameOption, ResumeOption, TensorboardOption
from caseindex.cli.train_result import as_document, say_resumed
from caseindex.errors import UsageError


class Recipe(StrEnum):
    CASEINDEX = "caseindex"
    SIAMESE = "siamese"


class Augmentation(StrEnum):
    NONE = "none"
    SLIGHT = "slight"
    STRONG = "strong"


class Loss(StrEnum):
    SUPCON = "supcon"
    CONTRASTIVE = "contrastive"
    TRIPLET = "triplet"
    MULTI_SIMILARITY = "multi-similarity"
    ARCFACE = "arcface"
    PAIRS = "pairs"


def identity(
    archive: ArchiveOption = None,
    name: ModelNameOption = "identity",
    recipe: Annotated[
        Recipe,
        typer.Option(help="caseindex: ours; siamese: contrastive pairs with hard-negative rounds, as published."),
    ] = Recipe.CASEINDEX,
    image_encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="grid, grid-one, lite0, resnet50, timm:NAME, torchvision:NAME.",
            show_default="grid-one",
        ),
    ] = None,
    loss: Annotated[Loss | None, typer.Option(show_default="supcon")] = None,
    margin: Annotated[
        str | None,
        typer.Option(help="Of the loss, or auto: 0.1 to 1.0, the best by validation AUC.", show_default="0.5"),
    ] = None,
    rounds: Annotated[int | None, typer.Option(min=0, help="Hard-negative rounds.", show_default="1")] = None,
    positive_aware: Annotated[
        float | None,
        typer.Option(
            help="Leave a stranger out that is more similar than this share of the own image; 0: never.",
            show_default="0.95",
        ),
    ] = None,
    augmentation: Annotated[
        Augmentation | None,
        typer.Option(
            help="slight: rotation and zoom, as published; strong: also shift, exposure, blur, letters, blocks.",
            show_default="strong",
        ),
    ] = None,
    beside: Annotated[
        bool | None,
        typer.Option(
            "--beside/--alone",
            help="Keep the untrained network beside the trained one: better on other archives, twice the time to embed.",
            show_default="beside",
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, show_default="40")] = None,
    minutes: MinutesOption = None,
    sizes: Annotated[
        str | None, typer.Option(help="Picture sides, one after the other: 160,224.", show_default="224")
    ] = None,
    frozen_epochs: Annotated[
        int | None, typer.Option(min=0, help="First epochs in which only the head learns.", show_default="0")
    ] = None,
    batch_persons: Annotated[int | None, typer.Option(min=2, help="Patients per step.", show_default="64")] = None,
    images: Annotated[int | None, typer.Option(min=2, help="Images of each per step.", show_default="2")] = None,
    memory: Annotated[
        int | None, typer.Option(min=0, help="Past embeddings as further strangers.", show_default="0")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of the head.", show_default="0.001")] = None,
    trunk_rate: Annotated[float | None, typer.Option(help="Of the network.", show_default="0.001")] = None,
    validation: Annotated[
        float | None, typer.Option(help="Share of the patients that chooses the epoch.", show_default="0.1")
    ] = None,
    test: Annotated[
        float | None, typer.Option(help="Share of the patients that it is measured on.", show_default="0.15")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the split, the batches and the views.")] = 0,
    possibly_same: PossiblySameOption = None,
    other: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Another archive, not trained on, to say how the model does there; repeatable. Nothing is written to it.",
            show_default=False,
        ),
    ] = None,
    resume: ResumeOption = True,
    use: Annotated[
        bool, typer.Option("--use/--no-use", help="Name it in archive.toml for identity, if it beats the default.")
    ] = True,
    tensorboard: TensorboardOption = True,
    format: FormatOption = None,
) -> None:
    """Learn to find images of the same patient, from the patient ids that the archive has.

    The split is by patient. Decisions taken on the audit's list (`audit --decide`) are used. Writes models/NAME with a
    model card and a run folder; says by how much it beats the untrained default, and where it does not. Interrupted,
    it goes on when it is run again. Several processes: torchrun --nproc-per-node N -m caseindex train identity.
    """
    from caseindex.index.archive import Archive
    from caseindex.train import distributed
    from caseindex.train.identity import train_identity
    from caseindex.train.identity_settings import WITH_MARGIN, with_recipe

    opened = Archive.find(archive)
    settings = with_recipe(
        recipe.value,
        name=name,
        image_encoder=image_encoder,
        loss=loss.value if loss else None,
        margin=_margin(margin),
        rounds=rounds,
        positive_aware=positive_aware,
        augmentation=augmentation.value if augmentation else None,
        beside=beside,
        epochs=epochs,
        patience=epochs,
        minutes=minutes,
        sizes=_sizes(sizes),
        frozen_epochs=frozen_epochs,
        batch_persons=batch_persons,
        images=images,
        memory=memory,
        learning_rate=learning_rate,
        trunk_rate=trunk_rate,
        validation=validation,
        test=test,
        seed=seed,
    )
    if margin is not None and settings.loss not in WITH_MARGIN:
        say(f"caseindex: the loss {settings.loss} has no margin; --margin is without effect")
    try:
        with stages(
            {"pictures": "images", "training": "steps", "fitting the head": "views", "embedding": "images"}
        ) as advance:
            result = train_identity(
                opened,
                settings,
                possibly_same=read_possibly_same(possibly_same),
                others=[Archive.open(path) for path in other or ()],
                resume=resume,
                tensorboard=tensorboard,
                use=use,
                on_progress=advance,
            )
    finally:
        distributed.stop()
    if result is None:  # not the first of several processes
        return
    say_resumed(result)
    say(f"caseindex: {result.why}")
    here = result.here
    row = {
        "name": result.name,
        "fingerprint": result.fingerprint[:12],
        "images": result.images["train"],
        "epochs": result.loop.epochs,
        "seconds": round(result.loop.seconds, 1),
        "first right": f"{here.trained.top_1.value:.3f}" if here else "",
        "untrained": f"{here.untrained.top_1.value:.3f}" if here else "",
        "in_use": result.in_use,
    }
    emit(as_document(result), [row], format=format)


def _margin(given: str | None) -> float | None:
    if given is None:
        return None
    if given.strip().lower() == "auto":
        return 0.0
    try:
        value = float(given)
    except ValueError as error:
        raise UsageError("--margin", f"{given!r} is not a number", "Give a number above 0, or auto") from error
    if not value > 0:
        raise UsageError("--margin", f"{given} is not above 0", "Give a number above 0, or auto")
    return value


def _sizes(given: str | None) -> tuple[int, ...] | None:
    if given is None:
        return None
    try:
        return tuple(int(part) for part in given.split(","))
    except ValueError as error:
        raise UsageError("--sizes", f"{given!r} are not numbers", "Say for example 160,224") from error
