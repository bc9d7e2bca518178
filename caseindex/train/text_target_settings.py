"""What `train text-target` can be told; saved with the run, resolved."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from typing import Any

from caseindex.errors import SettingsError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTargetSettings:
    """``text_encoder``: whose vectors of the reports are the targets: ``concepts`` (of the lexicon's findings, made on
    this archive), or a model of this archive with a text side (`language`, `pair`). ``modality``, ``sequence``: only such
    images (``sequence``: part of the series description, without case). ``frozen``: the image network stays as it is.
    ``dim``: of the ``concepts`` space; a model has its own."""

    name: str = "text-target"
    image_encoder: str = "imagenet"
    text_encoder: str = "concepts"
    modality: str | None = None
    sequence: str | None = None
    frozen: bool = True
    dim: int = 128
    epochs: int = 60
    patience: int = 15
    minutes: float | None = None
    batch: int = 64
    learning_rate: float = 3e-4
    trunk_rate: float = 5e-5
    weight_decay: float = 0.1
    dropout: float = 0.3
    whitened: int = 192
    vocabulary: int = 2000
    seed: int = 0
    validation: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        """Raises :class:`~caseindex.errors.SettingsError` for a value out of range."""
        if not _NAME.fullmatch(self.name):
            raise SettingsError(
                f"name {self.name!r}", "not usable as a folder name", "Letters, digits, '.', '_' and '-', at most 64"
            )
        if self.name == self.text_encoder:
            raise SettingsError(
                f"name {self.name!r}", "the model that gives the targets has it", "Give another name with --name"
            )
        ranges: dict[str, tuple[float, float]] = {
            "dim": (2, 4096),
            "epochs": (1, 100_000),
            "patience": (1, 100_000),
            "batch": (2, 65536),
            "learning_rate": (1e-8, 1.0),
            "trunk_rate": (0.0, 1.0),
            "weight_decay": (0.0, 10.0),
            "dropout": (0.0, 0.95),
            "whitened": (2, 65536),
            "vocabulary": (100, 1_000_000),
            "validation": (0.01, 0.45),
            "test": (0.01, 0.45),
        }
        for item in fields(self):
            if item.name in ranges:
                low, high = ranges[item.name]
                value = getattr(self, item.name)
                if not low <= value <= high:
                    raise SettingsError(item.name, f"{value} is outside {low:g} to {high:g}", "Choose a value within")
        if self.minutes is not None and not self.minutes > 0:
            raise SettingsError("minutes", f"{self.minutes} is not above 0", "Give a time, or leave it out")

    def document(self) -> dict[str, Any]:
        return asdict(self)
