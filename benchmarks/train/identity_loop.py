"""What the identity training loop costs over the bare forward, backward and step on the same batches.

    python benchmarks/train/identity_loop.py [--steps 2] [--rounds 3] [--side 128]

The default recipe: the grid of EfficientNet-Lite0, 128 pictures a step, supervised contrastive loss. Bare:
batches that were read, augmented and scaled beforehand go through network, loss, backward, clipping and step. Ours: the
loop with the task, which reads and augments them. Both sides do the same steps in alternation, in one process, on one
thread; the figure is the ratio of the medians of the processor time, which does not count what neighbours on the machine
take.
"""

from __future__ import annotations

import argparse
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

from caseindex.encoders import catalogue
from caseindex.encoders.whitening import Whitening
from caseindex.ingest.heap import keep_all_freed_memory
from caseindex.train import loop
from caseindex.train.identity_settings import IdentitySettings
from caseindex.train.identity_task import IdentityImages, IdentityModule, IdentityTask
from caseindex.train.identity_views import augmented, drawn
from caseindex.train.losses.person_pairs import person_pairs

RESULT = Path(__file__).parent / "results" / "identity_loop.json"


class OnlySteps(IdentityTask):
    """The task with ``steps`` batches an epoch and without validation, which is not a step."""

    steps = 0

    def batches(self, epoch: int) -> Any:
        return list(super().batches(epoch))[: self.steps]

    def validate(self) -> dict[str, float]:
        return {"score": 0.0}


def made(side: int, steps: int, folder: Path) -> tuple[OnlySteps, IdentityImages, IdentitySettings]:
    settings = IdentitySettings(epochs=1, rounds=0, singletons=0.0, sizes=(side,))
    persons = np.repeat(np.arange(settings.batch_persons * steps), settings.images)
    rows = np.arange(len(persons))
    file = folder / "pixels.npy"
    pixels = np.lib.format.open_memmap(file, "w+", np.uint8, (len(persons), side, side))
    pixels[:] = np.random.default_rng(0).integers(0, 255, pixels.shape, np.uint8)
    pixels.flush()
    images = IdentityImages(np.load(file, mmap_mode="r"), persons, persons, np.zeros_like(persons), rows, rows)
    trunk = catalogue.trunk(settings.image_encoder)
    torch.manual_seed(0)
    projection = np.random.default_rng(0).normal(size=(trunk.dim, settings.dim)).astype(np.float32)
    head = Whitening(np.zeros(trunk.dim, np.float32), projection / np.float32(np.sqrt(trunk.dim)))
    network = trunk.build().requires_grad_(True).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    module = IdentityModule(network, head, settings, len(persons))
    task = OnlySteps(
        images, module, settings, trunk.preprocessing, folder, train=rows, validation=rows[:4], device="cpu"
    )
    task.steps = steps
    return task, images, settings


def ready(task: OnlySteps, images: IdentityImages, settings: IdentitySettings) -> list[Any]:
    """(pixels, persons) of each batch, as the network takes them."""
    found = []
    for number, rows in enumerate(task.batches(0)):
        views = augmented(
            task._resized(rows, settings.sizes[0]), drawn(len(rows), settings.seed, 0, number), settings.augmentation
        )
        found.append((task._scaled(views), torch.from_numpy(images.persons[rows])))
    return found


def bare(task: OnlySteps, batches: list[Any], optimizer: torch.optim.Optimizer) -> float:
    module: Any = task.module
    parameters = list(module.parameters())
    module.train()
    start = time.process_time()
    for pixels, persons in batches:
        optimizer.zero_grad(set_to_none=True)
        module.criterion(person_pairs(module(pixels), persons)).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    return time.process_time() - start


def looped(task: OnlySteps, optimizer: torch.optim.Optimizer) -> float:
    """The same steps by the loop; the checkpoint at the end of the epoch is not a step."""
    marks: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        loop.run(
            task,
            optimizer,
            loop.LoopSettings(epochs=1),
            Path(folder),
            on_step=lambda done, total: marks.append(time.process_time()),
        )
    return marks[-1] - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--output", type=Path, default=RESULT)
    given = parser.parse_args()
    torch.set_num_threads(1)
    keep_all_freed_memory()  # as training does
    with tempfile.TemporaryDirectory() as folder:
        task, images, settings = made(given.side, given.steps, Path(folder))
        optimizer = torch.optim.AdamW(task.module.parameters(), lr=1e-6)
        batches = ready(task, images, settings)
        bare(task, batches[:1], optimizer)
        seconds: dict[str, list[float]] = {"bare": [], "loop": []}
        for number in range(given.rounds):
            for name in ("bare", "loop") if number % 2 == 0 else ("loop", "bare"):
                took = bare(task, batches, optimizer) if name == "bare" else looped(task, optimizer)
                seconds[name].append(took / given.steps)
    ratios = [ours / plain for ours, plain in zip(seconds["loop"], seconds["bare"], strict=True)]
    result = {
        "command": "python benchmarks/train/identity_loop.py",
        "pictures_a_step": settings.batch_persons * settings.images,
        "side": given.side,
        "steps": given.steps,
        "rounds": given.rounds,
        "bare_cpu_s_per_step": statistics.median(seconds["bare"]),
        "loop_cpu_s_per_step": statistics.median(seconds["loop"]),
        "ratio": statistics.median(seconds["loop"]) / statistics.median(seconds["bare"]),
        "median_of_ratios": statistics.median(ratios),
        "ratio_of_minima": min(seconds["loop"]) / min(seconds["bare"]),
    }
    given.output.parent.mkdir(exist_ok=True)
    given.output.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
