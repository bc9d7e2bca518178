"""`train classifier`: labels of pictures or of reports. The recipe, from top to bottom."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from caseindex.encoders import checkpoint
from caseindex.encoders.classifier import NETWORK
from caseindex.errors import DependencyMissing, TrainingError
from caseindex.evaluation.classification_report import ClassificationReport, classification_report
from caseindex.evaluation.label_table import LabelTable
from caseindex.index.archive import Archive
from caseindex.ingest.heap import keep_all_freed_memory
from caseindex.train import loop
from caseindex.train.checkpoint import FILE
from caseindex.train.classifier_card import classifier_card
from caseindex.train.classifier_contrast import Contrast
from caseindex.train.classifier_data import LabelledItems, read_labelled
from caseindex.train.classifier_parts import of_images, of_text
from caseindex.train.classifier_settings import ClassifierSettings
from caseindex.train.classifier_split import stratified_split
from caseindex.train.classifier_task import ClassifierTask, averaged, fitted_temperature
from caseindex.train.run_folder import RESULT, digest, run_folder, write_json
from caseindex.train.split import Split

OnProgress = Callable[[str, int, int], None]  # stage, done now, total
CONFUSION = "confusion.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierResult:
    """``test``: on patients that nothing was fitted on; ``prior``: of the labels' shares alone. ``items``: by side of the
    split. ``left_out``: label -> patients, too few. ``confusion``: the picture, where it could be drawn. ``contrast``: of an
    encoder's pictures."""

    name: str
    fingerprint: str
    run: Path
    resumed: bool
    classes: tuple[str, ...]
    items: dict[str, int]
    left_out: dict[str, int]
    loop: loop.LoopResult
    temperature: float
    test: ClassificationReport
    prior: ClassificationReport
    confusion: Path | None
    contrast: Contrast | None = None


def train_classifier(
    archive: Archive,
    settings: ClassifierSettings,
    *,
    labels: LabelTable | None = None,
    hold_out: Collection[str] = (),
    test_patients: Collection[str] = (),
    resume: bool = True,
    tensorboard: bool = True,
    device: str | None = None,
    on_progress: OnProgress | None = None,
) -> ClassifierResult:
    """Trains on the labels of the archive's records, or on the table ``labels``, and saves ``models/NAME``.

    ``hold_out``: patients that are used for nothing; ``test_patients``: who is on the test side, instead of a share of
    all. ``device``: ``"cpu"``, ``"cuda"``; default: GPU where there is one. Raises
    :class:`~caseindex.errors.TrainingError` without data or for a loss that is not finite.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    progress = on_progress or (lambda stage, done, total: None)
    if device == "cpu":
        keep_all_freed_memory()

    # The items, their labels, and who is on which side.
    data = read_labelled(
        archive,
        of_text=settings.input == "text",
        table=labels,
        many=settings.many,
        least_patients=settings.least_patients,
        hold_out=hold_out,
    )
    split = _split(data, settings, hold_out, test_patients)
    place = {item.uid: number for number, item in enumerate(data.items)}
    train, validation, test = (
        np.array([place[uid] for uid in side], np.int64) for side in (split.train, split.validation, split.test)
    )
    counts = {side: len(getattr(split, side)) for side in ("train", "validation", "test", "held_out")}

    # The run: a folder of its own, or the unfinished one of the same settings and data.
    described = digest([[item.uid, item.patient, item.text, dict(item.labels)] for item in data.items], data.classes)
    document = {**settings.document(), "data": described, "split": digest(asdict(split))}
    folder, resumed = run_folder(archive.runs_dir, settings.name, document, resume=resume)
    write_json(folder / "split.json", asdict(split))

    # The network and what it is given.
    torch.manual_seed(settings.seed)
    many = data.many
    parts = (
        of_text(data, settings, train, device, progress)
        if settings.input == "text"
        else of_images(archive, data, settings, train, folder, device, progress)
    )
    if parts.readable is not None:
        train, validation, test = (side[parts.readable[side]] for side in (train, validation, test))
    truth = data.truth
    task = ClassifierTask(
        parts.module,
        parts.inputs,
        truth,
        train=train,
        validation=validation,
        batch=settings.batch,
        seed=settings.seed,
        loss=settings.loss,
        many=many,
        device=device,
    )

    # Training.
    outcome = loop.run(
        task,
        torch.optim.AdamW(_groups(parts.module, settings), betas=(0.9, 0.98)),
        loop.LoopSettings(epochs=settings.epochs, patience=settings.patience, minutes=settings.minutes),
        folder,
        on_step=lambda done, total: progress("training", done, total),
        tensorboard=tensorboard,
    )

    # How sure it may be, and how good it is on patients that it has not seen.
    temperature = fitted_temperature(task.logits(validation), truth[validation], many)
    found = averaged(task.logits(test), temperature, many)
    patients = [data.items[row].patient for row in test]
    report = classification_report(found, truth[test], patients, data.classes, many=many, seed=settings.seed)
    shares = np.nanmean(truth[train], axis=0)
    prior = classification_report(
        np.tile(shares, (len(test), 1)), truth[test], patients, data.classes, many=many, seed=settings.seed
    )
    picture = _confusion(report, folder / CONFUSION)
    card = classifier_card(settings, counts, outcome, report, prior, data.left_out, picture is not None, parts.contrast)
    config = {
        "name": settings.name,
        "dim": len(data.classes),
        "classifier": {
            "input": settings.input,
            "classes": list(data.classes),
            "many": many,
            "temperature": temperature,
            "mirror": settings.mirror and settings.input == "image",
            "test_time": parts.inputs.views,
            **parts.config,
        },
        "training": {"recipe": "classifier", "items": counts, "seed": settings.seed},
    }
    tensors = {f"{NETWORK}{name}": value.detach().cpu().numpy() for name, value in parts.saved().items()}
    fingerprint = checkpoint.save(archive.models_dir / settings.name, config, tensors, card=card)
    if picture is not None:
        shutil.copyfile(picture, archive.models_dir / settings.name / CONFUSION)
    result = ClassifierResult(
        name=settings.name,
        fingerprint=fingerprint,
        run=folder,
        resumed=resumed,
        classes=data.classes,
        items=counts,
        left_out=dict(data.left_out),
        loop=outcome,
        temperature=temperature,
        test=report,
        prior=prior,
        confusion=picture,
        contrast=parts.contrast,
    )
    relative = replace(result, run=Path(folder.name), confusion=picture and Path(picture.name))
    write_json(folder / RESULT, asdict(relative))
    (folder / checkpoint.CARD).write_text(card, "utf-8")
    for name in (FILE, "pixels.npy", "pixels.done", "readable.npy", "features.npy"):
        (folder / name).unlink(missing_ok=True)
    return result


def _split(
    data: LabelledItems, settings: ClassifierSettings, hold_out: Collection[str], test_patients: Collection[str]
) -> Split:
    patient_of = {item.uid: item.patient for item in data.items}
    labels_of: Mapping[str, list[str]] = {item.uid: item.has() for item in data.items}
    split = partial(
        stratified_split,
        patient_of,
        labels_of,
        validation=settings.validation,
        test=settings.test,
        seed=settings.seed,
    )
    if not test_patients:
        return split(hold_out=hold_out)
    tested = tuple(sorted(uid for uid, patient in patient_of.items() if patient in test_patients))
    rest = split(hold_out={*hold_out, *test_patients})
    if not tested:
        raise TrainingError("--test-patients", "none of them has a label here", "Name patients of this archive")
    # Of the patients that are not tested, the share that would have been is trained on too.
    held = tuple(uid for uid in rest.held_out if patient_of[uid] not in test_patients)
    return Split(tuple(sorted((*rest.train, *rest.test))), rest.validation, tested, held)


def _groups(module: torch.nn.Module, settings: ClassifierSettings) -> list[dict[str, Any]]:
    """Matrices decay, vectors do not; a pretrained trunk learns slowly."""
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        groups.setdefault((name.startswith("trunk."), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": settings.trunk_rate if pretrained else settings.learning_rate,
            "weight_decay": settings.weight_decay if decays else 0.0,
        }
        for (pretrained, decays), parameters in sorted(groups.items(), key=lambda item: item[0])
    ]


def _confusion(report: ClassificationReport, path: Path) -> Path | None:
    from caseindex.evaluation.confusion_plot import plot_confusion

    if report.confusion is None:
        return None
    try:
        plot_confusion(report.confusion, report.labels, path, f"{report.items} items of {report.patients} patients")
    except DependencyMissing:
        return None
    return path
