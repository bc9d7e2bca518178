"""One folder per training run: resolved settings, split, metrics, checkpoint. A run that was interrupted is found
again by its settings and its data."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, Protocol

from caseindex.encoders.checkpoint import CARD
from caseindex.train import checkpoint
from caseindex.train.split import Split

SETTINGS, SPLIT, RESULT = "settings.json", "split.json", "result.json"
#: What only a run that goes on needs: patterns of names in its folder.
_WORK: Final = (
    checkpoint.FILE,
    "pixels.npy",
    "pixels.done",
    "readable.npy",
    "features.npy",
    "round-*.npy",
    "margin-*/*.safetensors",
)


class RunSettings(Protocol):
    """What the settings of every recipe have."""

    @property
    def name(self) -> str: ...
    def document(self) -> dict[str, Any]: ...


def open_run(runs: Path, settings: RunSettings, split: Split, *, resume: bool, **made_of: str) -> tuple[Path, bool]:
    """(folder, whether it is an unfinished run of the same settings, split and ``made_of``: digests of the data and
    fingerprints of the models that it begins with). Writes the split down."""
    document = {**settings.document(), **made_of, "split": digest(asdict(split))}
    folder, resumed = run_folder(runs, settings.name, document, resume=resume)
    write_json(folder / SPLIT, asdict(split))
    return folder, resumed


def close_run(folder: Path, result: Any, card: str) -> None:
    """Ends the run: its result (a dataclass with the field ``run``) and the model's card beside it; what only a run that
    goes on needs is deleted."""
    write_json(folder / RESULT, asdict(replace(result, run=Path(folder.name))))
    (folder / CARD).write_text(card, "utf-8")
    for pattern in _WORK:
        for file in folder.glob(pattern):
            file.unlink(missing_ok=True)


def run_folder(runs: Path, name: str, settings: Mapping[str, Any], *, resume: bool) -> tuple[Path, bool]:
    """(folder, whether it is an unfinished run of these very settings). ``settings`` holds a digest of the data, so
    that a run is not continued on other data."""
    document = json.dumps(settings, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if resume:
        for folder in sorted(runs.glob(f"{name}-*"), reverse=True):
            file = folder / SETTINGS
            if not (folder / RESULT).exists() and file.is_file() and file.read_text("utf-8") == document:
                return folder, True
    stem = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    for attempt in range(1000):
        folder = runs / (stem if attempt == 0 else f"{stem}-{attempt}")
        try:
            folder.mkdir(parents=True)
            break
        except FileExistsError:
            continue
    (folder / SETTINGS).write_text(document, "utf-8")
    return folder, False


def digest(*parts: object) -> str:
    """sha256 of the parts' JSON: the same data give the same digest."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def write_json(path: Path, document: Any) -> None:
    """Beside its place, then renamed. Paths are written as text, numbers that are not finite as null."""
    import msgspec

    work = path.with_name(path.name + ".tmp")
    work.write_bytes(msgspec.json.format(msgspec.json.encode(document, enc_hook=str), indent=1) + b"\n")
    work.replace(path)
