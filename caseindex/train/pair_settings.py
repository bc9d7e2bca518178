"""What `train pair` can be told; saved with the run, resolved."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from caseindex.errors import SettingsError
from caseindex.train.setting_checks import check_choice, check_name, check_ranges

LossName = Literal["infonce", "siglip"]
FusionName = Literal["none", "attention"]
#: Of text encoders that were trained before.
TEXT_FAMILIES = ("language:", "hf:", "open_clip:", "ruclip:")


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
        check_name(self.name)
        check_choice("loss", self.loss, get_args(LossName))
        check_choice("fusion", self.fusion, get_args(FusionName))
        if self.text_encoder != "tiny" and not self.text_encoder.startswith(TEXT_FAMILIES):
            raise SettingsError(
                f"text encoder {self.text_encoder!r}",
                "unknown",
                "Known: tiny, language:MODEL (of `train language`), hf:NAME_OR_FOLDER, open_clip:NAME, ruclip:FOLDER",
            )
        check_ranges(self, text_negatives=(0, 64), views=(1, 256), balance=(0.0, 1.0))

    def document(self) -> dict[str, Any]:
        return asdict(self)
