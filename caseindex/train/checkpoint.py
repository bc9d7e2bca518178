"""The state of a run in one safetensors file, swapped in by one rename: weights, optimiser, random numbers, counters."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from caseindex.errors import ModelDamaged

FILE = "checkpoint.safetensors"


@dataclass(slots=True)
class Progress:
    """Where a run is. ``batch`` batches of ``epoch`` are done; ``step`` counts optimiser steps over all epochs;
    ``loss_sum`` is that of the epoch so far."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    best_score: float = float("-inf")
    best_epoch: int = -1
    seconds: float = 0.0


def save(path: Path, module: torch.nn.Module, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
    from safetensors.torch import save_file

    tensors = {f"module.{name}": value for name, value in module.state_dict().items()}
    plain: dict[str, dict[str, Any]] = {}
    for index, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            if isinstance(value, torch.Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            else:
                plain.setdefault(str(index), {})[name] = value
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    metadata = {"progress": json.dumps(asdict(progress)), "optimizer": json.dumps(plain)}
    write_tensors(path, tensors, metadata, save_file)


def write_tensors(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str], save_file: Any) -> None:
    """Beside its place, synced, then renamed: a kill leaves the old checkpoint or the new one."""
    work = path.with_suffix(".tmp")
    copies = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()
    }
    save_file(copies, work, metadata=metadata)
    with work.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(work, path)


def load(path: Path, module: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Restores everything that :func:`save` wrote; :class:`~caseindex.errors.ModelDamaged` for another network's."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata()
        state: dict[int, dict[str, Any]] = {
            int(index): dict(values) for index, values in json.loads(metadata["optimizer"]).items()
        }
        for name, value in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".", 2)
                state.setdefault(int(index), {})[key] = value
        module.load_state_dict({name[7:]: value for name, value in tensors.items() if name.startswith("module.")})
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        progress = Progress(**json.loads(metadata["progress"]))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelDamaged(
            path, f"not a checkpoint of this run ({type(error).__name__})", "Start again with --fresh"
        ) from error
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
    return progress
