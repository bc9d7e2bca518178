"""The loop on a small task: stopped and resumed it ends with the same bits; it stops when it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from caseindex.errors import ModelDamaged, TrainingError
from caseindex.train import checkpoint
from caseindex.train.loop import BEST, LoopResult, LoopSettings, run
from caseindex.train.run_log import METRICS


class Regression:
    """y = x W with dropout, so that the random numbers matter."""

    def __init__(self, scores: list[float] | None = None, stop_at: int | None = None) -> None:
        torch.manual_seed(3)
        self.module = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 2))
        self.scores, self.stop_at, self.steps = scores, stop_at, 0

    def batches(self, epoch: int) -> list[Any]:
        return [np.random.default_rng([epoch, number]).normal(size=(16, 6)).astype(np.float32) for number in range(5)]

    def loss(self, batch: Any, epoch: int, number: int) -> torch.Tensor:
        self.steps += 1
        if self.steps == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        x = torch.from_numpy(batch)
        return ((self.module(x) - x[:, :2]) ** 2).mean()

    def validate(self) -> dict[str, float]:
        torch.rand(7)  # must not disturb training
        return {"score": self.scores.pop(0) if self.scores else float(self.module[0].weight.sum())}


def _run(task: Regression, folder: Path, **settings: Any) -> LoopResult:
    folder.mkdir(exist_ok=True)
    optimizer = torch.optim.AdamW(task.module.parameters(), lr=1e-2)
    return run(task, optimizer, LoopSettings(**{"epochs": 4, "patience": 99, **settings}), folder)


def _bits(task: Regression) -> list[bytes]:
    return [value.numpy().tobytes() for value in task.module.state_dict().values()]


@pytest.mark.parametrize("stop_at", [1, 3, 5, 6, 13, 19])
def test_stopped_and_resumed_is_bit_equal(stop_at: int, tmp_path: Path) -> None:
    whole = Regression()
    expected = _run(whole, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        _run(Regression(stop_at=stop_at), tmp_path / "parts")
    second = Regression()
    torch.rand(11)  # another process has other random numbers
    found = _run(second, tmp_path / "parts")
    assert second.steps == 20 - stop_at
    assert _bits(second) == _bits(whole)
    assert (found.steps, found.best_epoch, found.best_score) == (20, expected.best_epoch, expected.best_score)


def test_killed_and_resumed_is_bit_equal(tmp_path: Path) -> None:
    """SIGKILL between checkpoints: the steps since the last one are done again."""
    code = f"""
import sys, time; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_loop import Regression, _run
task = Regression()
plain = task.loss
def slow(*arguments):
    if task.steps >= 12: print("go", flush=True); time.sleep(60)
    return plain(*arguments)
task.loss = slow
_run(task, Path({str(tmp_path / "parts")!r}))
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "go\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    whole = Regression()
    _run(whole, tmp_path / "whole")
    second = Regression()
    _run(second, tmp_path / "parts")
    assert second.steps == 10  # from the end of the second epoch
    assert _bits(second) == _bits(whole)


def test_patience_and_the_best_weights(tmp_path: Path) -> None:
    task = Regression(scores=[0.1, 0.5, 0.3, 0.5, 0.2, 0.9])
    result = _run(task, tmp_path / "r", epochs=6, patience=2)
    assert (result.stopped, result.epochs, result.best_epoch, result.best_score) == ("patience", 4, 1, 0.5)
    from safetensors.torch import load_file

    best = load_file(tmp_path / "r" / BEST)
    assert all(torch.equal(value, best[name]) for name, value in task.module.state_dict().items())


def test_the_start_is_kept_where_nothing_beats_it(tmp_path: Path) -> None:
    task = Regression(scores=[0.9, 0.1, 0.2, 0.3])
    before = [value.clone() for value in task.module.state_dict().values()]
    result = _run(task, tmp_path / "r", epochs=9, patience=2, start_counts=True)
    assert (result.stopped, result.epochs, result.best_epoch, result.best_score) == ("patience", 2, -1, 0.9)
    assert all(torch.equal(a, b) for a, b in zip(before, task.module.state_dict().values(), strict=True))


def test_minutes_stop_it(tmp_path: Path) -> None:
    task = Regression()
    plain = task.loss
    task.loss = lambda *arguments: (time.sleep(0.05), plain(*arguments))[1]  # type: ignore[method-assign]
    result = _run(task, tmp_path / "r", minutes=0.002)
    assert result.stopped == "minutes"
    assert 1 <= result.steps <= 3  # 0.12 s at no less than 0.05 s each; fewer on a busy machine


def test_a_loss_that_is_not_finite(tmp_path: Path) -> None:
    task = Regression()
    plain = task.loss
    task.loss = lambda batch, epoch, number: plain(batch, epoch, number) * float("nan")  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match="not finite"):
        _run(task, tmp_path / "r")


def test_metrics_are_logged(tmp_path: Path) -> None:
    _run(Regression(), tmp_path / "r")
    lines = [json.loads(line) for line in (tmp_path / "r" / METRICS).read_text().splitlines()]
    assert [line["epoch"] for line in lines if line["part"] == "validation"] == [0, 1, 2, 3]
    assert all(np.isfinite(line["mean_loss"]) for line in lines if line["part"] == "validation")


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    _run(Regression(), tmp_path)
    file = tmp_path / checkpoint.FILE
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(ModelDamaged, match="--fresh"):
        _run(Regression(), tmp_path)
