"""What `train language` can be told; saved with the run, resolved."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from typing import Any

from caseindex.errors import SettingsError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageSettings:
    """``dim`` of the space; ``width``, ``layers``, ``heads`` and ``hidden`` of the transformer; ``max_tokens`` of one
    piece of a report; ``masked``: share of the tokens that are hidden and guessed, ``mask_weight`` of that loss;
    ``told``: share of the pairs whose other side is the report's statements told in another language. ``batch``
    reports per step; ``validation`` and ``test``: shares of the patients; ``minutes``: stop after this time."""

    name: str = "language"
    dim: int = 256
    width: int = 128
    layers: int = 2
    heads: int = 4
    hidden: int = 256
    max_tokens: int = 512
    vocabulary: int = 8000
    masked: float = 0.15
    mask_weight: float = 0.2
    told: float = 0.65
    temperature: float = 0.07
    epochs: int = 40
    patience: int = 8
    minutes: float | None = None
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    seed: int = 0
    validation: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        """Raises :class:`~caseindex.errors.SettingsError` for a value out of range."""
        if not _NAME.fullmatch(self.name):
            raise SettingsError(
                f"name {self.name!r}", "not usable as a folder name", "Letters, digits, '.', '_' and '-', at most 64"
            )
        ranges: dict[str, tuple[float, float]] = {
            "dim": (2, 4096),
            "width": (4, 4096),
            "layers": (1, 48),
            "heads": (1, 64),
            "hidden": (4, 16384),
            "max_tokens": (16, 8192),
            "vocabulary": (100, 1_000_000),
            "masked": (0.0, 0.9),
            "mask_weight": (0.0, 100.0),
            "told": (0.0, 1.0),
            "temperature": (1e-3, 10.0),
            "epochs": (1, 100_000),
            "patience": (1, 100_000),
            "batch": (2, 65536),
            "learning_rate": (1e-8, 1.0),
            "weight_decay": (0.0, 10.0),
            "validation": (0.01, 0.45),
            "test": (0.01, 0.45),
        }
        for item in fields(self):
            if item.name in ranges:
                low, high = ranges[item.name]
                value = getattr(self, item.name)
                if not low <= value <= high:
                    raise SettingsError(item.name, f"{value} is outside {low:g} to {high:g}", "Choose a value within")
        if self.width % self.heads:
            raise SettingsError("heads", f"{self.width} is not a multiple of {self.heads}", "Choose a divisor of width")
        if self.minutes is not None and not self.minutes > 0:
            raise SettingsError("minutes", f"{self.minutes} is not above 0", "Give a time, or leave it out")

    def document(self) -> dict[str, Any]:
        return asdict(self)
