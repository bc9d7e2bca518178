"""How every recipe trains: AdamW (Loshchilov & Hutter 2019) in the one loop, within the limits of its settings."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import torch

from caseindex.train import loop
from caseindex.train.progress import OnProgress, silent

BETAS: Final = (0.9, 0.98)
#: Of a recipe's networks: a pretrained one that is trained too.
TRUNK: Final = "trunk."


class Limits(Protocol):
    @property
    def epochs(self) -> int: ...
    @property
    def patience(self) -> int: ...
    @property
    def minutes(self) -> float | None: ...


class Rates(Protocol):
    @property
    def learning_rate(self) -> float: ...
    @property
    def trunk_rate(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...


def trunk_and_head(module: torch.nn.Module, rates: Rates) -> list[dict[str, Any]]:
    """Parameter groups: matrices decay, vectors do not; what is below ``trunk.`` has a rate of its own.

    The order of the groups is part of a checkpoint: a run that was interrupted goes on only in the same order.
    """
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        groups.setdefault((name.startswith(TRUNK), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": rates.trunk_rate if pretrained else rates.learning_rate,
            "weight_decay": rates.weight_decay if matrix else 0.0,
        }
        for (pretrained, matrix), parameters in sorted(groups.items(), key=lambda item: item[0])
    ]


def optimise(
    task: loop.Task,
    groups: list[dict[str, Any]],
    limits: Limits,
    folder: Path,
    *,
    start_counts: bool,
    stage: str = "training",
    tensorboard: bool = False,
    on_progress: OnProgress = silent,
) -> loop.LoopResult:
    """:func:`caseindex.train.loop.run` over the parameter ``groups``; each step is told as one of ``stage``.

    Raises :class:`~caseindex.errors.TrainingError` for a loss that is not finite.
    """
    settings = loop.LoopSettings(
        epochs=limits.epochs, patience=limits.patience, minutes=limits.minutes, start_counts=start_counts
    )
    return loop.run(
        task,
        torch.optim.AdamW(groups, betas=BETAS),
        settings,
        folder,
        on_step=partial(on_progress, stage),
        tensorboard=tensorboard,
    )
