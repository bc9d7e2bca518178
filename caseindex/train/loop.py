"""The one training loop. A recipe gives it a task; it steps, logs, validates, checkpoints, stops early, resumes.

What a step does depends only on the task, the seed and the state in the checkpoint, so an interrupted run that is
resumed ends with the same bits as one that was not (on a CPU).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from caseindex.errors import TrainingError
from caseindex.train import checkpoint, distributed
from caseindex.train.checkpoint import Progress
from caseindex.train.run_log import RunLog
from caseindex.train.stop_signals import stop_signals

BEST = "best.safetensors"


class Task(Protocol):
    """``module`` holds all that is trained. ``batches(epoch)`` is a pure function of the epoch."""

    @property
    def module(self) -> torch.nn.Module: ...

    def batches(self, epoch: int) -> Sequence[Any]: ...
    def loss(self, batch: Any, epoch: int, number: int) -> torch.Tensor:
        """Scalar; ``number``: of the batch within the epoch."""
        ...

    def validate(self) -> dict[str, float]:
        """Metrics on the validation side; ``"score"``, higher is better, decides when to stop."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """``patience``: epochs without a better score before it stops. ``minutes``: of wall-clock time, over all resumed
    parts. ``start_counts``: the weights that training begins with are validated too, and kept where nothing beats them
    (``best_epoch`` -1). ``warmup``: share of the steps with rising learning rate; then a half cosine down to zero."""

    epochs: int = 40
    patience: int = 8
    minutes: float | None = None
    warmup: float = 0.05
    clip_norm: float = 1.0
    checkpoint_s: float = 60.0
    log_steps: int = 20
    start_counts: bool = False


@dataclass(frozen=True, slots=True)
class LoopResult:
    """``stopped``: ``"epochs"``, ``"patience"`` or ``"minutes"``. The module holds the weights of ``best_epoch``."""

    stopped: str
    epochs: int
    steps: int
    best_epoch: int
    best_score: float
    seconds: float


def run(
    task: Task,
    optimizer: torch.optim.Optimizer,
    settings: LoopSettings,
    folder: Path,
    *,
    on_step: Callable[[int, int], None] | None = None,
    tensorboard: bool = False,
) -> LoopResult:
    """Trains ``task`` until the epochs, the patience or the minutes are used up; goes on from the checkpoint in
    ``folder`` where there is one. ``on_step(1, total)`` is called after each step.

    Raises :class:`~caseindex.errors.TrainingError` for a loss that is not finite, and ``KeyboardInterrupt`` after
    SIGINT or SIGTERM, with the checkpoint written.
    """
    return _Run(task, optimizer, settings, folder, on_step or (lambda done, total: None), tensorboard).whole()


class _Run:
    """``progress``: how far it is; all else is given or follows from what is given."""

    def __init__(
        self,
        task: Task,
        optimizer: torch.optim.Optimizer,
        settings: LoopSettings,
        folder: Path,
        on_step: Callable[[int, int], None],
        tensorboard: bool,
    ) -> None:
        self.task, self.optimizer, self.settings, self.on_step = task, optimizer, settings, on_step
        self.first = distributed.start()[0] == 0  # of several processes one writes
        self.log = RunLog(folder if self.first else None, tensorboard)
        self.folder, self.checkpoint = folder, folder / checkpoint.FILE
        self.total = len(task.batches(0)) * settings.epochs  # steps
        self.base_rates = [group["lr"] for group in optimizer.param_groups]
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        # The loss's own parameters see the whole batch in every process: their gradients are not added up.
        whole = set(map(id, getattr(getattr(task.module, "criterion", None), "parameters", list)()))
        self.local = [parameter for parameter in self.parameters if id(parameter) not in whole]
        self.progress = self._begun()
        self.started = self.saved = time.monotonic()
        self.before = self.progress.seconds

    def _begun(self) -> Progress:
        if self.checkpoint.is_file():
            progress = checkpoint.load(self.checkpoint, self.task.module, self.optimizer)
            self.on_step(progress.step, self.total)
            return progress
        progress = Progress()
        if self.settings.start_counts:
            progress.best_score = _validated(self.task)["score"]
            _save_best(self.folder / BEST, self.task.module, self.first)
        return progress

    def whole(self) -> LoopResult:
        progress, stopped = self.progress, "epochs"
        with stop_signals() as asked:
            while progress.epoch < self.settings.epochs:
                if progress.epoch - progress.best_epoch > self.settings.patience and progress.best_score > -math.inf:
                    stopped = "patience"
                    break
                self._validate(complete=self._epoch(asked))
                if self._out_of_time():
                    stopped = "minutes" if progress.epoch < self.settings.epochs else "epochs"
                    break
        distributed.wait()  # the best weights are on disk
        _load_best(self.folder / BEST, self.task.module)
        self.log.close()
        return LoopResult(
            stopped, progress.epoch, progress.step, progress.best_epoch, progress.best_score, progress.seconds
        )

    def _epoch(self, asked: Callable[[], bool]) -> bool:
        """The rest of an epoch, from where its checkpoint is; whether it came to the end of it."""
        progress = self.progress
        self.task.module.train()
        batches = self.task.batches(progress.epoch)
        pending: list[torch.Tensor] = []
        for number in range(progress.batch, len(batches)):
            rate = _rate(progress.step, self.total, self.settings.warmup)
            pending.append(self._step(batches[number], number, rate))
            progress.seconds = self.before + time.monotonic() - self.started
            out_of_time = self._out_of_time()
            stopping = distributed.agreed(asked())
            # Reading a loss waits for the device, so it is done now and then, not at every step.
            if len(pending) >= self.settings.log_steps or stopping or out_of_time or number + 1 == len(batches):
                self._read(pending, rate)
                pending = []
            if stopping or time.monotonic() - self.saved >= self.settings.checkpoint_s:
                self._save()
            if stopping:
                self.log.close()
                raise KeyboardInterrupt
            if out_of_time:
                break
        return progress.batch == len(batches)

    def _step(self, batch: Any, number: int, rate: float) -> torch.Tensor:
        """The loss, which nobody has waited for yet."""
        for group, base in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group["lr"] = base * rate
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.task.loss(batch, self.progress.epoch, number)
        loss.backward()  # type: ignore[no-untyped-call]
        distributed.sum_gradients(self.local)
        torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.clip_norm)
        self.optimizer.step()
        self.progress.step += 1
        self.progress.batch = number + 1
        self.on_step(1, self.total)
        return loss.detach()

    def _read(self, losses: Sequence[torch.Tensor], rate: float) -> None:
        progress = self.progress
        values = [float(value) for value in losses]
        if not all(map(math.isfinite, values)):
            raise TrainingError(
                self.folder.name, f"the loss is not finite at step {progress.step}", "Lower --learning-rate"
            )
        for value in values:
            progress.loss_sum += value
        self.log.write({"step": progress.step, "epoch": progress.epoch, "loss": values[-1], "rate": rate}, "train")

    def _validate(self, *, complete: bool) -> None:
        """After an epoch, or the part of one that there was time for."""
        progress = self.progress
        metrics = _validated(self.task)
        self.log.write(
            {
                "step": progress.step,
                "epoch": progress.epoch,
                "mean_loss": progress.loss_sum / max(1, progress.batch),
                "seconds": round(progress.seconds, 3),
                **metrics,
            },
            "validation",
        )
        if metrics["score"] > progress.best_score:
            progress.best_score, progress.best_epoch = metrics["score"], progress.epoch
            _save_best(self.folder / BEST, self.task.module, self.first)
        if complete:
            progress.epoch, progress.batch, progress.loss_sum = progress.epoch + 1, 0, 0.0
        self._save()

    def _save(self) -> None:
        if self.first:
            checkpoint.save(self.checkpoint, self.task.module, self.optimizer, self.progress)
        self.saved = time.monotonic()

    def _out_of_time(self) -> bool:
        minutes = self.settings.minutes
        return distributed.agreed(minutes is not None and self.progress.seconds >= 60 * minutes)


def _validated(task: Task) -> dict[str, float]:
    task.module.eval()
    # Validation must not move the random numbers that training draws next.
    with torch.random.fork_rng(), torch.inference_mode():
        return task.validate()


def _rate(step: int, total: int, warmup: float) -> float:
    rising = max(1, round(total * warmup))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, total - rising)))


def _save_best(path: Path, module: torch.nn.Module, first: bool) -> None:
    if not first:
        return
    from safetensors.torch import save_file

    checkpoint.write_tensors(path, dict(module.state_dict()), {}, save_file)


def _load_best(path: Path, module: torch.nn.Module) -> None:
    from safetensors.torch import load_file

    if path.is_file():
        module.load_state_dict(load_file(path))
    module.eval()
