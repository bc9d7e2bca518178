"""Training an identity encoder on pictures in memory: from the start values to the last linear map. No archive here, so
that benchmarks run the very same code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from caseindex.encoders.nuisance import Nuisance
from caseindex.encoders.preprocessing import Preprocessing
from caseindex.encoders.whitening import Whitening
from caseindex.encoders.within_class import deviations_of_persons, fit_within_class
from caseindex.errors import TrainingError
from caseindex.ingest.heap import keep_all_freed_memory
from caseindex.records import Float32Array, Int64Array
from caseindex.train import distributed
from caseindex.train.identity_settings import WITH_MARGIN, IdentitySettings
from caseindex.train.identity_task import IdentityImages, IdentityModule, IdentityTask
from caseindex.train.loop import LoopResult
from caseindex.train.losses.arcface import SubCenterArcFace
from caseindex.train.optimisation import optimise, trunk_and_head
from caseindex.train.progress import OnProgress, silent
from caseindex.train.run_folder import write_json

VIEWED = 800  # images that are seen in other views to estimate what varies
VIEWS = 2
WITHIN_ROWS = 256  # directions of the persons' variation that are kept with the model
MARGINS = tuple(round(0.1 * step, 1) for step in range(1, 11))


@dataclass(frozen=True, slots=True)
class Trained:
    """``module``: with the best weights; ``within``: [m, trunk dim], how images of one person differ; ``head``: the last
    linear map, estimated anew or as it was trained."""

    module: IdentityModule
    task: IdentityTask
    head: Whitening
    within: Float32Array
    outcome: LoopResult
    settings: IdentitySettings


def train_on(
    images: IdentityImages,
    trunk: Callable[[], torch.nn.Module],
    settings: IdentitySettings,
    preprocessing: Preprocessing,
    folder: Path,
    *,
    train: Int64Array,
    validation: Int64Array,
    device: str,
    tensorboard: bool = False,
    on_progress: OnProgress | None = None,
) -> Trained:
    """``trunk`` builds the network with its start weights. A margin of 0 is chosen first: each of 0.1 to 1.0 is trained
    up to the first hard-negative round, the best by validation AUC goes the whole way; those that collapse are out.

    Raises :class:`~caseindex.errors.TrainingError` for a collapse or a loss that is not finite.
    """
    progress = on_progress or silent
    if device == "cpu":
        keep_all_freed_memory()
    if settings.margin == 0 and settings.loss in WITH_MARGIN:
        settings = _best_margin(images, trunk, settings, preprocessing, folder, train, validation, device, progress)
    task, module = _begun(images, trunk, settings, preprocessing, folder, train, validation, device)
    outcome = optimise(
        task,
        trunk_and_head(module, settings),
        settings,
        folder,
        start_counts=True,
        tensorboard=tensorboard,
        on_progress=progress,
    )
    features = task.embedded(train, features=True)
    within = compressed(deviations_of_persons(features, images.persons[train]))
    if settings.head == "learned":
        weight = module.weight.detach().cpu().numpy()
        head = Whitening(module.mean.cpu().numpy(), weight)
    else:
        head = fit_within_class(
            features, _deviations(images, train, features, task, settings), within, dim=settings.dim
        )
    return Trained(module, task, head, within, outcome, settings)


def compressed(deviations: Float32Array, rows: int = WITHIN_ROWS) -> Float32Array:
    """[at most ``rows``, dim] with nearly the same scatter: its largest principal directions, scaled."""
    if len(deviations) <= rows:
        return deviations
    values, left = np.linalg.eigh((deviations @ deviations.T).astype(np.float64))
    del values
    return np.asarray(left[:, ::-1][:, :rows].T @ deviations, np.float32)


def _begun(
    images: IdentityImages,
    trunk: Callable[[], torch.nn.Module],
    settings: IdentitySettings,
    preprocessing: Preprocessing,
    folder: Path,
    train: Int64Array,
    validation: Int64Array,
    device: str,
) -> tuple[IdentityTask, IdentityModule]:
    torch.manual_seed(settings.seed)
    network = trunk().requires_grad_(True).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    persons = len(np.unique(images.persons[train][images.persons[train] >= 0]))
    dim = _trunk_dim(network, settings.sizes[-1], device)
    blank = Whitening(np.zeros(dim, np.float32), np.zeros((dim, settings.dim), np.float32))
    module = IdentityModule(network, blank, settings, persons).to(device)
    task = IdentityTask(
        images,
        module,
        settings,
        preprocessing,
        folder,
        train=train,
        validation=validation,
        device=device,
    )
    sample = train[np.linspace(0, len(train) - 1, min(4000, len(train))).round().astype(int)]
    features = task.embedded(sample, features=True)
    head = fit_within_class(features, _deviations(images, sample, features, task, settings), dim=settings.dim)
    projection = head.projection / np.linalg.norm((features - head.mean) @ head.projection, axis=1).mean()
    if projection.shape[1] < settings.dim:  # fewer images than dimensions
        projection = np.pad(projection, ((0, 0), (0, settings.dim - projection.shape[1])))
    with torch.no_grad():
        module.mean.copy_(torch.from_numpy(head.mean))
        module.weight.copy_(torch.from_numpy(np.asarray(projection, np.float32)))
    if isinstance(module.criterion, SubCenterArcFace):
        begun = torch.from_numpy(task.embedded(train)).to(device)
        module.criterion.start_from(begun, task.classes(train), seed=settings.seed)
    return task, module


def _deviations(
    images: IdentityImages, rows: Int64Array, features: Float32Array, task: IdentityTask, settings: IdentitySettings
) -> Float32Array:
    places = np.linspace(0, len(rows) - 1, min(VIEWED, len(rows))).round().astype(int)
    generator, nuisance = np.random.default_rng(settings.seed), Nuisance()
    parts = []
    for _ in range(VIEWS):
        shown = [nuisance(np.asarray(images.pixels[rows[place]]), generator) for place in places]
        views = np.stack([task.preprocessing.registered(one) for one in shown])  # as other pictures of the person are
        parts.append(task.embedded_pictures(views) - features[places])
    return np.concatenate(parts)


def _trunk_dim(network: torch.nn.Module, side: int, device: str) -> int:
    was = network.training
    network.eval()
    with torch.no_grad():
        dim = int(network(torch.zeros(1, 3, side, side, device=device)).shape[1])
    network.train(was)
    return dim


def _best_margin(
    images: IdentityImages,
    trunk: Callable[[], torch.nn.Module],
    settings: IdentitySettings,
    preprocessing: Preprocessing,
    folder: Path,
    train: Int64Array,
    validation: Int64Array,
    device: str,
    progress: OnProgress,
) -> IdentitySettings:
    short = max(1, settings.epochs // (settings.rounds + 1))
    found: dict[float, float] = {}
    failed: dict[float, TrainingError] = {}
    for margin in MARGINS:
        trial = replace(settings, margin=margin, rounds=0, epochs=short, patience=short, minutes=None)
        place = folder / f"margin-{margin}"
        if distributed.start()[0] == 0:
            place.mkdir(exist_ok=True)
        distributed.wait()
        task, module = _begun(images, trunk, trial, preprocessing, place, train, validation, device)
        try:
            optimise(
                task,
                trunk_and_head(module, trial),
                trial,
                place,
                start_counts=False,
                stage=f"margin {margin}",
                on_progress=progress,
            )
        except TrainingError as error:  # a small margin is what collapses
            failed[margin] = error
            continue
        found[margin] = task.validate()["pair_auc"]
    if not found:
        raise failed[MARGINS[-1]]
    if distributed.start()[0] == 0:
        write_json(folder / "margins.json", {str(margin): found.get(margin) for margin in MARGINS})
    return replace(settings, margin=max(found, key=lambda margin: found[margin]))
