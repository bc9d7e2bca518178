"""A model on disk: `config.json`, `model.safetensors`, `tokenizer.json`, `MODEL_CARD.md`, and one fingerprint over
the first three. Nothing in it is executed: pickles are refused."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from caseindex.errors import ModelDamaged, ModelNotFound

FORMAT_VERSION = 1
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "MODEL_CARD.md"
#: Everything that changes what the model computes, beside config and weights.
EXTRA_FILES = ("tokenizer.json", "lexicon.tsv", "bpe.model")

Tensors = Mapping[str, npt.NDArray[Any]]


def config_digest(config: Mapping[str, Any]) -> str:
    """sha256 of the configuration as canonical JSON, its own ``fingerprint`` and descriptive fields left out."""
    kept = {key: value for key, value in config.items() if key not in ("fingerprint", "name", "training")}
    return hashlib.sha256(
        json.dumps(kept, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    ).hexdigest()


def combined(config: Mapping[str, Any], digests: Mapping[str, str]) -> str:
    """The fingerprint: 64 hexadecimal digits over the configuration and the digests of the files."""
    lines = [f"{CONFIG} {config_digest(config)}", *(f"{name} {digests[name]}" for name in sorted(digests))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save(
    folder: Path,
    config: Mapping[str, Any],
    tensors: Tensors,
    *,
    extra: Mapping[str, bytes] | None = None,
    card: str = "",
) -> str:
    """Writes the model beside its place and swaps it in by renaming; returns the fingerprint.

    ``extra``: contents by name, of :data:`EXTRA_FILES`. An existing model of this name is replaced.
    """
    from safetensors.numpy import save_file

    unknown = set(extra or {}) - set(EXTRA_FILES)
    if unknown:
        raise ValueError(f"unknown model files {sorted(unknown)}; known: {', '.join(EXTRA_FILES)}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, work / WEIGHTS)
        for name, content in (extra or {}).items():
            (work / name).write_bytes(content)
        digests = {name: file_digest(work / name) for name in (WEIGHTS, *sorted(extra or {}))}
        document = {"format": FORMAT_VERSION, **config}
        document["fingerprint"] = combined(document, digests)
        (work / CONFIG).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
        if card:
            (work / CARD).write_text(card, "utf-8")
        for path in work.iterdir():
            _sync(path)
        os.chmod(work, 0o755)
        _swap(work, folder)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return str(document["fingerprint"])


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _swap(work: Path, folder: Path) -> None:
    if folder.exists():
        old = folder.with_name(f".{folder.name}-old-{os.getpid()}")
        os.rename(folder, old)  # a folder cannot be replaced by one rename unless it is empty
        os.rename(work, folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.rename(work, folder)


def read_config(folder: Path, *, verify: bool = True) -> dict[str, Any]:
    """The configuration of the model in ``folder``, checked against its fingerprint.

    Raises :class:`~caseindex.errors.ModelNotFound` where there is none, :class:`~caseindex.errors.ModelDamaged` for
    one that is not readable, newer than this program, a pickle, or different from what was saved.
    """
    path = folder / CONFIG
    refuse_pickle(folder)
    if not path.is_file():
        raise ModelNotFound(folder, f"no {CONFIG} in it", "Name a folder that `caseindex train` or `embed` wrote")
    again = "Copy it again from where it was trained, or train it again"
    try:
        config = json.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelDamaged(path, f"not JSON ({error})", again) from error
    if not isinstance(config, dict) or not isinstance(config.get("format"), int):
        raise ModelDamaged(path, "not the configuration of a caseindex model", again)
    if config["format"] > FORMAT_VERSION:
        raise ModelDamaged(
            path,
            f"its format is {config['format']}, this caseindex reads up to {FORMAT_VERSION}",
            "Install a newer caseindex",
        )
    if verify:
        names = [WEIGHTS, *(name for name in EXTRA_FILES if (folder / name).exists())]
        for name in names:
            if not (folder / name).is_file():
                raise ModelDamaged(folder / name, "the file is missing", again)
        if combined(config, {name: file_digest(folder / name) for name in names}) != config.get("fingerprint"):
            raise ModelDamaged(folder, "its files differ from the fingerprint that was stored with them", again)
    return config


def refuse_pickle(path: Path, wanted: str | None = None) -> None:
    """A PyTorch pickle can run code when it is loaded: refused by name, with the way to convert it.

    ``wanted``: the name under which the weights are looked for beside it, where that is not its own.
    """
    pickles = [path] if path.is_file() else sorted(path.glob("*")) if path.is_dir() else []
    for item in pickles:
        is_weights = item.name in (CONFIG, WEIGHTS) or (path / WEIGHTS).exists()
        if item.suffix in (".pt", ".pth", ".bin", ".ckpt", ".pkl") and not is_weights:
            if path.is_dir() and any(path.glob("*.safetensors")):
                continue
            into = f" {item.with_name(wanted)}" if wanted else ""
            raise ModelDamaged(
                item, "a pickle, which could run code when loaded", f"Convert it: caseindex train convert {item}{into}"
            )


def read_tensors(folder: Path, prefix: str = "") -> dict[str, npt.NDArray[Any]]:
    """Tensors whose names begin with ``prefix``, the prefix cut off; only these are read from disk."""
    from safetensors import SafetensorError, safe_open

    path = folder / WEIGHTS
    try:
        with safe_open(path, framework="numpy") as file:
            return {name[len(prefix) :]: file.get_tensor(name) for name in file.keys() if name.startswith(prefix)}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelDamaged(
            path, f"not readable as safetensors ({error})", "Copy it again, or train it again"
        ) from error
