"""What `train text-target` can be told; saved with the run, resolved."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from caseindex.errors import SettingsError
from caseindex.train.setting_checks import check_name, check_ranges


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
        check_name(self.name)
        if self.name == self.text_encoder:
            raise SettingsError(
                f"name {self.name!r}", "the model that gives the targets has it", "Give another name with --name"
            )
        check_ranges(self)

    def document(self) -> dict[str, Any]:
        return asdict(self)
