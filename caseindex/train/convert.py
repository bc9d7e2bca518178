"""PyTorch pickles to safetensors, through ``weights_only``: tensors are read, nothing is run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from caseindex.errors import ModelDamaged, ModelNotFound, UsageError


def convert_checkpoint(source: Path, target: Path | None = None) -> dict[str, Any]:
    """Writes ``target`` (default: ``source`` with `.safetensors`); never over an existing file.

    Raises :class:`~caseindex.errors.ModelNotFound`, :class:`~caseindex.errors.UsageError` for a target that is
    there, :class:`~caseindex.errors.ModelDamaged` for a file that holds more than tensors or none.
    """
    from safetensors.torch import save_file

    target = target or source.with_suffix(".safetensors")
    if not source.is_file():
        raise ModelNotFound(source, "no such file", "Name a PyTorch checkpoint")
    if target.exists():
        raise UsageError(target, "is there already", "Name another file to write")
    try:
        stored = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged or hostile bytes make the unpickler raise almost anything
        raise ModelDamaged(
            source,
            "not a PyTorch checkpoint of tensors alone; anything else in it could run code",
            "Save its state_dict() alone where it was made",
        ) from error
    tensors = {
        name.removeprefix("module."): value.detach().clone().contiguous()
        for name, value in _unwrapped(stored).items()
        if isinstance(value, torch.Tensor)
    }
    if not tensors:
        raise ModelDamaged(source, "no tensors in it", "Name a checkpoint with a state_dict")
    work = target.with_name(target.name + ".tmp")
    # Without this entry older releases of transformers refuse the file.
    save_file(tensors, work, metadata={"format": "pt"})
    os.replace(work, target)
    return {"file": str(target), "tensors": len(tensors), "bytes": target.stat().st_size}


def _unwrapped(stored: Any) -> dict[str, Any]:
    for _ in range(3):
        if not isinstance(stored, dict):
            return {}
        inner = next((stored[key] for key in ("state_dict", "model", "model_state_dict") if key in stored), None)
        if not isinstance(inner, dict):
            break
        stored = inner
    return {str(name): value for name, value in stored.items()}
