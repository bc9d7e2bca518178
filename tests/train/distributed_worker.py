"""Trains small identity encoders in this process of several (or alone), with each kind of loss; the first one saves what
came of it. ``python -m tests.train.distributed_worker FOLDER``, under `torchrun` or not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from caseindex.encoders.preprocessing import Preprocessing
from caseindex.train import distributed
from caseindex.train.identity_core import Material, train_on
from caseindex.train.identity_settings import IdentitySettings, with_recipe
from caseindex.train.identity_task import IdentityImages
from tests.train.drawn_persons import draw

PERSONS, EACH = 12, 3
COMMON = {
    "sizes": (32,), "dim": 8, "epochs": 4, "patience": 4, "batch_persons": 5, "images": 3, "learning_rate": 1e-3,
    "trunk_rate": 1e-3, "beside": False,
}  # fmt: skip
#: 15 rows a batch: one process has 8 of them, the other 7.
RECIPES: dict[str, IdentitySettings] = {
    "memory and hard negatives": with_recipe("caseindex", **COMMON, memory=30),
    "arcface": with_recipe("caseindex", **COMMON, loss="arcface", rounds=0),
    "pairs": with_recipe("siamese", **COMMON, rounds=1),
    "beside": with_recipe("caseindex", **{**COMMON, "beside": True}, rounds=0),
    "head first": with_recipe("caseindex", **COMMON, loss="triplet", frozen_epochs=2, rounds=0),
}


def network() -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 5, 2), torch.nn.Tanh(), torch.nn.Conv2d(8, 8, 3, 2), torch.nn.Tanh(), torch.nn.Flatten()
    )


def drawn_images() -> IdentityImages:
    persons = np.repeat(np.arange(PERSONS), EACH)
    pixels = np.stack([draw(person, number)[::3, ::3] for person in range(PERSONS) for number in range(EACH)])
    each = np.arange(len(persons))
    return IdentityImages(pixels, persons, persons, np.zeros_like(persons), each, each)


def main(folder: Path) -> None:
    rank, processes = distributed.start()
    torch.set_num_threads(1)
    images = drawn_images()
    each = np.arange(PERSONS * EACH)
    losses: dict[str, list[float]] = {}
    for name, settings in RECIPES.items():
        place = folder / name
        if rank == 0:
            place.mkdir(parents=True)
        distributed.wait()
        material = Material(
            images=images, trunk=network, preprocessing=Preprocessing(height=32, width=32), folder=place,
            train=each[:-9], validation=each[-9:], device="cpu",
        )  # fmt: skip
        trained = train_on(material, settings)
        if rank == 0:
            lines = [json.loads(line) for line in (place / "metrics.jsonl").read_text().splitlines()]
            losses[name] = [line["mean_loss"] for line in lines if line["part"] == "validation"]
            state = {name: value.contiguous() for name, value in trained.module.state_dict().items()}
            save_file(state, place / "trained.safetensors")
    if rank == 0:
        (folder / "result.json").write_text(json.dumps({"processes": processes, "losses": losses}))
    distributed.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
