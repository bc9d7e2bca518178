"""`train classifier`: labels of pictures or of reports. The recipe, from top to bottom."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from caseindex.encoders import checkpoint
from caseindex.encoders.classifier import NETWORK
from caseindex.errors import DependencyMissing, TrainingError
from caseindex.evaluation.classification_report import ClassificationReport, classification_report
from caseindex.evaluation.label_table import LabelTable
from caseindex.index.archive import Archive
from caseindex.ingest.heap import keep_all_freed_memory
from caseindex.train.classifier_card import classifier_card
from caseindex.train.classifier_contrast import Contrast
from caseindex.train.classifier_data import LabelledItems, read_labelled
from caseindex.train.classifier_parts import Parts, of_images, of_text
from caseindex.train.classifier_settings import ClassifierSettings
from caseindex.train.classifier_split import stratified_split
from caseindex.train.classifier_task import ClassifierTask, averaged, fitted_temperature
from caseindex.train.loop import LoopResult
from caseindex.train.optimisation import optimise, trunk_and_head
from caseindex.train.progress import OnProgress, silent
from caseindex.train.run_folder import close_run, digest, open_run
from caseindex.train.split import Split

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
    loop: LoopResult
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
    progress = on_progress or silent
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
    train, validation, test = split.rows([item.uid for item in data.items])
    counts = split.counts()

    # The run: a folder of its own, or the unfinished one of the same settings and data.
    described = digest([[item.uid, item.patient, item.text, dict(item.labels)] for item in data.items], data.classes)
    folder, resumed = open_run(archive.runs_dir, settings, split, resume=resume, data=described)

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
    outcome = optimise(
        task,
        trunk_and_head(parts.module, settings),
        settings,
        folder,
        start_counts=False,
        tensorboard=tensorboard,
        on_progress=progress,
    )

    # How sure it may be, and how good it is on patients that it has not seen.
    temperature = fitted_temperature(task.logits(validation), truth[validation], many)
    found = averaged(task.logits(test), temperature, many)
    shares = np.nanmean(truth[train], axis=0)
    report, prior = (
        classification_report(
            answers,
            truth[test],
            [data.items[row].patient for row in test],
            data.classes,
            many=many,
            seed=settings.seed,
        )
        for answers in (found, np.tile(shares, (len(test), 1)))
    )
    picture = _confusion(report, folder / CONFUSION)
    card = classifier_card(settings, counts, outcome, report, prior, data.left_out, picture is not None, parts.contrast)
    fingerprint = _save(archive, settings, data, parts, temperature, card, counts)
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
    close_run(folder, replace(result, confusion=picture and Path(picture.name)), card)
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


def _save(
    archive: Archive,
    settings: ClassifierSettings,
    data: LabelledItems,
    parts: Parts,
    temperature: float,
    card: str,
    counts: dict[str, int],
) -> str:
    config = {
        "name": settings.name,
        "dim": len(data.classes),
        "classifier": {
            "input": settings.input,
            "classes": list(data.classes),
            "many": data.many,
            "temperature": temperature,
            "mirror": settings.mirror and settings.input == "image",
            "test_time": parts.inputs.views,
            **parts.config,
        },
        "training": {"recipe": "classifier", "items": counts, "seed": settings.seed},
    }
    tensors = {f"{NETWORK}{name}": value.detach().cpu().numpy() for name, value in parts.saved().items()}
    return checkpoint.save(archive.models_dir / settings.name, config, tensors, card=card)


def _confusion(report: ClassificationReport, path: Path) -> Path | None:
    from caseindex.evaluation.confusion_plot import plot_confusion

    if report.confusion is None:
        return None
    try:
        plot_confusion(report.confusion, report.labels, path, f"{report.items} items of {report.patients} patients")
    except DependencyMissing:
        return None
    return path
