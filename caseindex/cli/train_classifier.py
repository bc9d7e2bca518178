"""`caseindex train classifier`: labels of pictures or of reports."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from caseindex.cli.options import ArchiveOption, FormatOption
from caseindex.cli.output import emit, say
from caseindex.cli.stages import stages
from caseindex.cli.train_options import HoldOutOption, MinutesOption, ResumeOption, SeedOption, TensorboardOption
from caseindex.cli.train_result import as_document, say_resumed


class Input(StrEnum):
    IMAGE = "image"
    TEXT = "text"


def classifier(
    archive: ArchiveOption = None,
    name: Annotated[
        str | None,
        typer.Option(help="The model's folder in models/.", show_default="image-classifier or text-classifier"),
    ] = None,
    input: Annotated[
        Input | None, typer.Option(help="What is labelled: images or their reports.", show_default="image")
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of images: cnn (five layers, as published), or an encoder: imagenet, lite0, resnet50, timm:NAME. "
            "Of text: words (ours), lstm (as published).",
            show_default="imagenet or words",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Labels by image, report or study: a column `label`, or a column each (1, 0, -1, empty). "
            "Default: the labels that the archive's records have; of several the first.",
            show_default=False,
        ),
    ] = None,
    many: Annotated[bool, typer.Option("--many/--one", help="An item may have several labels, or has one.")] = False,
    frozen: Annotated[
        bool | None,
        typer.Option("--frozen/--full", help="A head on features computed once, or train all.", show_default="frozen"),
    ] = None,
    content: Annotated[
        bool | None,
        typer.Option("--content/--whole", help="Cut pictures to what they show.", show_default="content"),
    ] = None,
    mirror: Annotated[
        bool | None,
        typer.Option(
            "--mirror/--no-mirror", help="Mirrored views too; not for labels with a side.", show_default="mirror"
        ),
    ] = None,
    test_time: Annotated[
        int | None, typer.Option(min=1, help="Views of a picture to average: test-time augmentation.", show_default="2")
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=32, help="Side of the pictures in pixels.", show_default="224")
    ] = None,
    contrast: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=20,
            help="Of the pictures, times the encoder's own.",
            show_default="chosen on training patients",
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, show_default="100; cnn 10000, lstm 50, words 40")] = None,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many epochs without a better validation LRAP.")
    ] = None,
    minutes: MinutesOption = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Items per step.", show_default="32")] = None,
    learning_rate: Annotated[float | None, typer.Option(show_default="0.001; words 0.02")] = None,
    trunk_rate: Annotated[
        float | None, typer.Option(help="Of a pretrained network, with --full.", show_default="0.0001")
    ] = None,
    test: Annotated[float | None, typer.Option(help="Share of the patients to test on.", show_default="0.25")] = None,
    validation: Annotated[
        float | None, typer.Option(help="Share of the others to stop and to calibrate on.", show_default="0.1")
    ] = None,
    test_patients: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Patient ids, one a line, to test on instead.", show_default=False),
    ] = None,
    hold_out: HoldOutOption = None,
    seed: SeedOption = 0,
    resume: ResumeOption = True,
    tensorboard: TensorboardOption = True,
    format: FormatOption = None,
) -> None:
    """Learn to label images, or reports: one classifier each over the same labels can then be compared.

    The split is by patient, each side with its share of every label. Says accuracy, LRAP, macro F1, MCC and AUC on the
    test side, class by class, with 95% intervals by patient, beside what the labels' shares alone would give; writes
    models/NAME with a model card and the confusion matrix as a picture. Interrupted, it goes on when it is run again.
    """
    from caseindex.evaluation.label_table import read_label_table
    from caseindex.index.archive import Archive
    from caseindex.train.classifier import train_classifier
    from caseindex.train.classifier_settings import classifier_settings
    from caseindex.train.patient_list import read_patient_ids

    opened = Archive.find(archive)
    what = input.value if input else None
    settings = classifier_settings(
        network,
        input=what,
        many=many,
        frozen=frozen,
        content=content,
        mirror=mirror,
        views=test_time,
        size=size,
        contrast=contrast,
        epochs=epochs,
        patience=patience,
        minutes=minutes,
        batch=batch,
        learning_rate=learning_rate,
        trunk_rate=trunk_rate,
        test=test,
        validation=validation,
        seed=seed,
        name=name,
    )
    units = {
        "pictures": "images",
        "contrast": "images",
        "image features": "images",
        "reports": "reports",
        "training": "steps",
    }
    with stages(units) as advance:
        result = train_classifier(
            opened,
            settings,
            labels=read_label_table(labels) if labels else None,
            hold_out=read_patient_ids(hold_out),
            test_patients=read_patient_ids(test_patients),
            resume=resume,
            tensorboard=tensorboard,
            on_progress=advance,
        )
    say_resumed(result)
    for label, count in result.left_out.items():
        say(f"caseindex: the label {label!r} was left out: {count} patients have it")
    emit(as_document(result), _rows(result), format=format)


def _rows(result: Any) -> list[dict[str, Any]]:
    """The whole first, then each label; a value with its interval in one cell."""
    whole = {"label": "all", "items": result.test.items, "patients": result.test.patients}
    rows = [whole | {name: _cell(value) for name, value in result.test.metrics.items()}]
    for item in result.test.classes:
        cells = {name: _cell(item.metrics[name]) for name in ("sensitivity", "precision", "f1", "mcc", "auc")}
        rows.append({"label": item.label, "items": item.items, "patients": item.patients, **cells})
    return rows


def _cell(value: Any) -> str:
    from caseindex.train.card import interval_text

    return interval_text(value, missing="-")
