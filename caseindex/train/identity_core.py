"""Training an identity encoder on pictures in memory: from the start values to the last linear map. No archive here, so
that benchmarks run the very same code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from caseindex.encoders.head_in_parts import HeadInParts
from caseindex.encoders.preprocessing import Preprocessing
from caseindex.encoders.side_by_side import SideBySide
from caseindex.encoders.whitening import Whitening
from caseindex.errors import TrainingError
from caseindex.ingest.heap import keep_all_freed_memory
from caseindex.records import Float32Array, Int64Array
from caseindex.train import distributed
from caseindex.train.identity_head import fitted_head, starting_head, variation
from caseindex.train.identity_settings import WITH_MARGIN, IdentitySettings
from caseindex.train.identity_task import IdentityImages, IdentityModule, IdentityTask
from caseindex.train.loop import LoopResult
from caseindex.train.losses.arcface import SubCenterArcFace
from caseindex.train.optimisation import optimise, trunk_and_head
from caseindex.train.progress import OnProgress, silent
from caseindex.train.run_folder import write_json

MARGINS = tuple(round(0.1 * step, 1) for step in range(1, 11))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Material:
    """What a run trains with. ``trunk`` builds the network with its start weights; ``train``, ``validation``: rows of
    ``images``; ``folder``: of the run."""

    images: IdentityImages
    trunk: Callable[[], torch.nn.Module]
    preprocessing: Preprocessing
    folder: Path
    train: Int64Array
    validation: Int64Array
    device: str

    def network(self) -> torch.nn.Module:
        """A new one, on the device."""
        return self.trunk().to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True, slots=True)
class Trained:
    """``module``: with the best weights; where the untrained network stays, its trunk is both, ``widths`` their columns.
    ``within``: [m, sum of widths], how images of one person differ; ``head``: the last linear map, estimated anew or as it
    was trained."""

    module: IdentityModule
    task: IdentityTask
    head: Whitening | HeadInParts
    within: Float32Array
    widths: tuple[int, ...]
    outcome: LoopResult
    settings: IdentitySettings


def train_on(
    material: Material,
    settings: IdentitySettings,
    *,
    tensorboard: bool = False,
    on_progress: OnProgress | None = None,
) -> Trained:
    """A margin of 0 is chosen first: each of 0.1 to 1.0 is trained up to the first hard-negative round, the best by
    validation AUC goes the whole way; those that collapse are out.

    Raises :class:`~caseindex.errors.TrainingError` for a collapse or a loss that is not finite.
    """
    progress = on_progress or silent
    if material.device == "cpu":
        keep_all_freed_memory()
    if settings.margin == 0 and settings.loss in WITH_MARGIN:
        settings = _best_margin(material, settings, progress)
    task, module = _begun(material, settings)
    outcome = optimise(
        task,
        trunk_and_head(module, settings),
        settings,
        material.folder,
        start_counts=True,
        tensorboard=tensorboard,
        on_progress=progress,
    )
    widths: tuple[int, ...] = (len(module.mean),)
    if settings.beside:
        module.trunk = SideBySide([module.trunk, material.network()])
        widths *= 2
    within = variation(task, material.images, material.train)
    if settings.head == "learned":
        head: Whitening | HeadInParts = Whitening(module.mean.cpu().numpy(), module.weight.detach().cpu().numpy())
    else:
        head = fitted_head(task, material.images, material.train, settings, within, widths, progress)
    return Trained(module, task, head, within, widths, outcome, settings)


def _begun(material: Material, settings: IdentitySettings) -> tuple[IdentityTask, IdentityModule]:
    torch.manual_seed(settings.seed)
    images, train, device = material.images, material.train, material.device
    network = material.network().requires_grad_(True)
    persons = len(np.unique(images.persons[train][images.persons[train] >= 0]))
    dim = _trunk_dim(network, settings.sizes[-1], device)
    blank = Whitening(np.zeros(dim, np.float32), np.zeros((dim, settings.dim), np.float32))
    module = IdentityModule(network, blank, settings, persons).to(device)
    task = IdentityTask(
        images,
        module,
        settings,
        material.preprocessing,
        material.folder,
        train=train,
        validation=material.validation,
        device=device,
    )
    head = starting_head(task, images, train, settings)
    with torch.no_grad():
        module.mean.copy_(torch.from_numpy(head.mean))
        module.weight.copy_(torch.from_numpy(head.projection))
    if isinstance(module.criterion, SubCenterArcFace):
        begun = torch.from_numpy(task.embedded(train)).to(device)
        module.criterion.start_from(begun, task.classes(train), seed=settings.seed)
    return task, module


def _trunk_dim(network: torch.nn.Module, side: int, device: str) -> int:
    was = network.training
    network.eval()
    with torch.no_grad():
        dim = int(network(torch.zeros(1, 3, side, side, device=device)).shape[1])
    network.train(was)
    return dim


def _best_margin(material: Material, settings: IdentitySettings, progress: OnProgress) -> IdentitySettings:
    short = max(1, settings.epochs // (settings.rounds + 1))
    found: dict[float, float] = {}
    failed: dict[float, TrainingError] = {}
    for margin in MARGINS:
        trial = replace(settings, margin=margin, rounds=0, epochs=short, patience=short, minutes=None)
        place = material.folder / f"margin-{margin}"
        if distributed.start()[0] == 0:
            place.mkdir(exist_ok=True)
        distributed.wait()
        task, module = _begun(replace(material, folder=place), trial)
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
        write_json(material.folder / "margins.json", {str(margin): found.get(margin) for margin in MARGINS})
    return replace(settings, margin=max(found, key=lambda margin: found[margin]))
