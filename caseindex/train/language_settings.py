"""What `train language` can be told; saved with the run, resolved."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from caseindex.errors import SettingsError
from caseindex.train.setting_checks import check_name, check_ranges


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
        check_name(self.name)
        check_ranges(
            self,
            width=(4, 4096),
            layers=(1, 48),
            heads=(1, 64),
            hidden=(4, 16384),
            max_tokens=(16, 8192),
            masked=(0.0, 0.9),
            mask_weight=(0.0, 100.0),
            told=(0.0, 1.0),
        )
        if self.width % self.heads:
            raise SettingsError("heads", f"{self.width} is not a multiple of {self.heads}", "Choose a divisor of width")

    def document(self) -> dict[str, Any]:
        return asdict(self)
