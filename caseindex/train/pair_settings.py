"""What `train pair` can be told; saved with the run, resolved."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from caseindex.errors import SettingsError

LossName = Literal["infonce", "siglip"]
FusionName = Literal["none", "attention"]
#: Of text encoders that were trained before.
TEXT_FAMILIES = ("language:", "hf:", "open_clip:", "ruclip:")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSettings:
    """``frozen``: the image network stays as it is, its embeddings are computed once; else all is trained.

    ``batch`` studies per step; ``learning_rate`` of the heads and the text side, ``trunk_rate`` of pretrained
    networks that are trained; ``dim`` of the shared space; ``validation`` and ``test``: shares of the patients;
    ``minutes``: stop after this time.

    ``soft_targets``: how far a text is true of an image's report, statement by statement, in place of fits or not.
    ``text_negatives``: so many of an image's own report with an error planted, as further negatives. ``fusion``:
    ``"attention"`` brings up to ``views`` images of a study into one vector. ``balance``: studies with a finding that
    fewer than this share of the studies have come more often (0: as they are). ``keep_start``: what training begins
    with is kept where no epoch beats it on the validation side.
    """

    name: str = "pair"
    image_encoder: str = "imagenet"
    text_encoder: str = "tiny"
    loss: LossName = "infonce"
    frozen: bool = True
    dim: int = 256
    epochs: int = 100
    patience: int = 20
    minutes: float | None = None
    batch: int = 64
    learning_rate: float = 3e-4
    trunk_rate: float = 5e-5
    weight_decay: float = 0.1
    dropout: float = 0.3
    temperature: float = 0.07
    seed: int = 0
    validation: float = 0.1
    test: float = 0.1
    vocabulary: int = 8000
    whitened: int = 192
    soft_targets: bool = False
    text_negatives: int = 0
    fusion: FusionName = "none"
    views: int = 4
    balance: float = 0.0
    keep_start: bool = True

    def __post_init__(self) -> None:
        """Raises :class:`~caseindex.errors.SettingsError` for a value out of range."""
        if not _NAME.fullmatch(self.name):
            raise SettingsError(
                f"name {self.name!r}", "not usable as a folder name", "Letters, digits, '.', '_' and '-', at most 64"
            )
        if self.loss not in get_args(LossName):
            raise SettingsError(f"loss {self.loss!r}", "unknown", f"Known: {', '.join(get_args(LossName))}")
        if self.fusion not in get_args(FusionName):
            raise SettingsError(f"fusion {self.fusion!r}", "unknown", f"Known: {', '.join(get_args(FusionName))}")
        if self.text_encoder != "tiny" and not self.text_encoder.startswith(TEXT_FAMILIES):
            raise SettingsError(
                f"text encoder {self.text_encoder!r}",
                "unknown",
                "Known: tiny, language:MODEL (of `train language`), hf:NAME_OR_FOLDER, open_clip:NAME, ruclip:FOLDER",
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
            "temperature": (1e-3, 10.0),
            "validation": (0.01, 0.45),
            "test": (0.01, 0.45),
            "vocabulary": (100, 1_000_000),
            "whitened": (2, 65536),
            "text_negatives": (0, 64),
            "views": (1, 256),
            "balance": (0.0, 1.0),
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
