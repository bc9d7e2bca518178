"""What the training loop costs over the bare forward, backward and step of the same task, batches and optimiser.

Both sides do the same steps in alternation, in one process, on one thread; the figure is the ratio of the medians of the
processor time, which does not count what neighbours on the machine take.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch

from caseindex.train.loop import LoopSettings, run

RESULT = Path(__file__).parent / "results" / "loop_overhead.json"
STEPS = 60


class Task:
    """About the size of the frozen recipe's heads: 2048 features, batches of 64, two linear layers and a contrast."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.module = torch.nn.Sequential(torch.nn.Linear(2048, 1024), torch.nn.ReLU(), torch.nn.Linear(1024, 512))
        generator = np.random.default_rng(0)
        self._batches = [torch.from_numpy(generator.normal(size=(64, 2048)).astype(np.float32)) for _ in range(STEPS)]

    def batches(self, epoch: int) -> list[torch.Tensor]:
        return self._batches

    def loss(self, batch: Any, epoch: int, number: int) -> torch.Tensor:
        vectors = torch.nn.functional.normalize(self.module(batch), dim=1)
        target = torch.arange(len(batch))
        return torch.nn.functional.cross_entropy(vectors @ vectors.roll(1, 0).T / 0.07, target)

    def validate(self) -> dict[str, float]:
        return {"score": 0.0}


def bare(task: Task, optimizer: torch.optim.Optimizer) -> float:
    """Forward, backward, clipping and step: what the recipe asks for, without the loop."""
    parameters = list(task.module.parameters())
    task.module.train()
    start = time.process_time()
    for number, batch in enumerate(task.batches(0)):
        optimizer.zero_grad(set_to_none=True)
        task.loss(batch, 0, number).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    return time.process_time() - start


def looped(task: Task, optimizer: torch.optim.Optimizer) -> float:
    """The same steps by the loop; the validation and the checkpoint at the end of the epoch are not steps."""
    marks: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        run(
            task,
            optimizer,
            LoopSettings(epochs=1),
            Path(folder),
            on_step=lambda done, total: marks.append(time.process_time()),
        )
    return marks[-1] - start


def main(rounds: int = 15) -> int:
    torch.set_num_threads(1)
    task = Task()
    optimizer = torch.optim.AdamW(task.module.parameters(), lr=1e-4)
    bare(task, optimizer), looped(task, optimizer)
    seconds: dict[str, list[float]] = {"bare": [], "loop": []}
    for number in range(rounds):
        sides = [("bare", bare), ("loop", looped)]
        for name, measure in sides if number % 2 == 0 else reversed(sides):
            seconds[name].append(measure(task, optimizer))
    ratios = [loop / plain for loop, plain in zip(seconds["loop"], seconds["bare"], strict=True)]
    result = {
        "steps": STEPS,
        "rounds": rounds,
        "bare_cpu_ms_per_step": 1000 * statistics.median(seconds["bare"]) / STEPS,
        "loop_cpu_ms_per_step": 1000 * statistics.median(seconds["loop"]) / STEPS,
        "ratio": statistics.median(seconds["loop"]) / statistics.median(seconds["bare"]),
        "median_of_ratios": statistics.median(ratios),
        "ratio_of_minima": min(seconds["loop"]) / min(seconds["bare"]),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
