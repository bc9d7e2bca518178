"""The one training loop. A recipe gives it a task; it steps, logs, validates, checkpoints, stops early, resumes.

What a step does depends only on the task, the seed and the state in the checkpoint, so an interrupted run that is
resumed ends with the same bits as one that was not (on a CPU).
"""

from __future__ import annotations

import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from caseindex.errors import TrainingError
from caseindex.train import checkpoint, distributed
from caseindex.train.checkpoint import Progress

BEST = "best.safetensors"
METRICS = "metrics.jsonl"


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
    first = distributed.start()[0] == 0  # of several processes one writes
    progress, log = Progress(), _Log(folder if first else None, tensorboard)
    file = folder / checkpoint.FILE
    steps_per_epoch = len(task.batches(0))
    total = steps_per_epoch * settings.epochs
    base_rates = [group["lr"] for group in optimizer.param_groups]
    if file.is_file():
        progress = checkpoint.load(file, task.module, optimizer)
        if on_step:
            on_step(progress.step, total)
    elif settings.start_counts:
        progress.best_score = _validated(task)["score"]
        _save_best(folder / BEST, task.module, first)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    whole = set(map(id, getattr(getattr(task.module, "criterion", None), "parameters", list)()))
    local = [parameter for parameter in parameters if id(parameter) not in whole]
    started, before = time.monotonic(), progress.seconds
    saved = started
    stopped = "epochs"
    with _stop_signals() as asked:
        while progress.epoch < settings.epochs:
            if progress.epoch - progress.best_epoch > settings.patience and progress.best_score > float("-inf"):
                stopped = "patience"
                break
            task.module.train()
            pending: list[torch.Tensor] = []
            batches = task.batches(progress.epoch)
            for number in range(progress.batch, len(batches)):
                rate = _rate(progress.step, total, settings.warmup)
                for group, base in zip(optimizer.param_groups, base_rates, strict=True):
                    group["lr"] = base * rate
                optimizer.zero_grad(set_to_none=True)
                loss = task.loss(batches[number], progress.epoch, number)
                loss.backward()  # type: ignore[no-untyped-call]
                distributed.sum_gradients(local)
                torch.nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
                optimizer.step()
                pending.append(loss.detach())
                progress.step += 1
                progress.batch = number + 1
                if on_step:
                    on_step(1, total)
                now = time.monotonic()
                progress.seconds = before + now - started
                out_of_time = distributed.agreed(
                    settings.minutes is not None and progress.seconds >= 60 * settings.minutes
                )
                stopping = distributed.agreed(asked())
                # Reading a loss waits for the device, so it is done now and then, not at every step.
                if len(pending) >= settings.log_steps or stopping or out_of_time or number + 1 == len(batches):
                    values = [float(value) for value in pending]
                    pending = []
                    if not all(map(math.isfinite, values)):
                        raise TrainingError(
                            folder.name, f"the loss is not finite at step {progress.step}", "Lower --learning-rate"
                        )
                    for value in values:
                        progress.loss_sum += value
                    log.write(
                        {"step": progress.step, "epoch": progress.epoch, "loss": values[-1], "rate": rate}, "train"
                    )
                if stopping or now - saved >= settings.checkpoint_s:
                    if first:
                        checkpoint.save(file, task.module, optimizer, progress)
                    saved = now
                    if stopping:
                        log.close()
                        raise KeyboardInterrupt
                if out_of_time:
                    break
            complete = progress.batch == len(batches)
            metrics = _validated(task)
            score = metrics["score"]
            log.write(
                {
                    "step": progress.step,
                    "epoch": progress.epoch,
                    "mean_loss": progress.loss_sum / max(1, progress.batch),
                    "seconds": round(progress.seconds, 3),
                    **metrics,
                },
                "validation",
            )
            if score > progress.best_score:
                progress.best_score, progress.best_epoch = score, progress.epoch
                _save_best(folder / BEST, task.module, first)
            if complete:
                progress.epoch, progress.batch, progress.loss_sum = progress.epoch + 1, 0, 0.0
            if first:
                checkpoint.save(file, task.module, optimizer, progress)
            saved = time.monotonic()
            if distributed.agreed(settings.minutes is not None and progress.seconds >= 60 * settings.minutes):
                stopped = "minutes" if progress.epoch < settings.epochs else "epochs"
                break
    distributed.wait()  # the best weights are on disk
    _load_best(folder / BEST, task.module)
    log.close()
    return LoopResult(
        stopped, progress.epoch, progress.step, progress.best_epoch, progress.best_score, progress.seconds
    )


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


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Whether SIGINT or SIGTERM came: the step in progress is finished first. A second one stops at once."""
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def note(number: int, frame: object) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)

    old = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


class _Log:
    """`metrics.jsonl`, and TensorBoard where it is installed and wanted. ``folder``: ``None`` writes nothing."""

    def __init__(self, folder: Path | None, tensorboard: bool) -> None:
        self._file = (folder / METRICS).open("a", encoding="utf-8", buffering=1) if folder is not None else None
        self._board: Any = None
        if tensorboard and folder is not None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                return
            self._board = SummaryWriter(str(folder / "tensorboard"))  # type: ignore[no-untyped-call]

    def write(self, values: dict[str, Any], part: str) -> None:
        if self._file is not None:
            self._file.write(json.dumps({"part": part, **values}) + "\n")
        if self._board is not None:
            for name, value in values.items():
                if name not in ("step", "epoch"):
                    self._board.add_scalar(f"{part}/{name}", value, values["step"])

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        if self._board is not None:
            self._board.close()
