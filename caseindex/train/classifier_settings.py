"""What `train classifier` can be told, and what each network takes unless told otherwise; saved with the run, resolved."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, get_args

from caseindex.errors import SettingsError
from caseindex.train.setting_checks import check_choice, check_name, check_ranges

InputName = Literal["image", "text"]
LossName = Literal["cross-entropy", "mse"]
CNN, LSTM, WORDS = "cnn", "lstm", "words"
TEXT_NETWORKS: Final = (WORDS, LSTM)

#: The published configurations (cross-entropy and 10,000 epochs for pictures; MSE and 50 epochs for reports), and ours.
RECIPES: Final[dict[str, dict[str, Any]]] = {
    CNN: {"epochs": 10_000, "patience": 10_000, "learning_rate": 1e-3, "weight_decay": 0.0, "frozen": False}
    | {"content": False, "mirror": False, "views": 1, "augment": False, "trunk_rate": 1e-3},
    LSTM: {"epochs": 50, "patience": 50, "learning_rate": 1e-3, "weight_decay": 0.0, "loss": "mse", "dropout": 0.0}
    | {"views": 1, "mirror": False},
    WORDS: {"epochs": 40, "patience": 40, "learning_rate": 0.02, "weight_decay": 0.01, "batch": 64, "dropout": 0.2}
    | {"views": 1, "mirror": False},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierSettings:
    """``network``: of pictures ``cnn`` (as published) or an encoder of the catalogue; of reports ``words`` (ours) or
    ``lstm`` (as published). ``frozen``: an encoder stays as it is, its features are computed once for ``views`` views of
    each picture (mirrored unless not ``mirror``, turned); else all is trained. ``content``: pictures are cut to what they
    show; ``size``: their side in pixels; ``contrast``: times the encoder's own, ``None``: chosen on training patients. ``many``: items may have several labels. ``test``, ``validation``: shares of the
    patients. ``least_patients``: a label that fewer have is left out."""

    name: str = "image-classifier"
    input: InputName = "image"
    network: str = "imagenet"
    loss: LossName = "cross-entropy"
    frozen: bool = True
    content: bool = True
    mirror: bool = True
    augment: bool = True
    views: int = 2
    size: int = 224
    contrast: float | None = None
    many: bool = False
    epochs: int = 100
    patience: int = 100
    minutes: float | None = None
    batch: int = 32
    learning_rate: float = 1e-3
    trunk_rate: float = 1e-4
    weight_decay: float = 0.1
    dropout: float = 0.3
    whitened: int = 200
    hidden: int = 128
    vocabulary: int = 5000
    seed: int = 0
    validation: float = 0.1
    test: float = 0.25
    least_patients: int = 3

    def __post_init__(self) -> None:
        """Raises :class:`~caseindex.errors.SettingsError` for a value out of range."""
        check_name(self.name)
        check_choice("input", self.input, get_args(InputName))
        check_choice("loss", self.loss, get_args(LossName))
        if (self.network in TEXT_NETWORKS) != (self.input == "text"):
            raise SettingsError(
                f"network {self.network!r}",
                f"it does not read a {self.input}",
                f"Of text: {', '.join(TEXT_NETWORKS)}; of images: {CNN}, or an encoder such as imagenet or resnet50",
            )
        check_ranges(
            self,
            views=(1, 32),
            size=(32, 2048),
            epochs=(1, 1_000_000),
            patience=(1, 1_000_000),
            batch=(1, 65536),
            hidden=(1, 65536),
            vocabulary=(10, 1_000_000),
            test=(0.01, 0.5),
            least_patients=(3, 1_000_000),
        )
        if self.contrast is not None and not 0.1 <= self.contrast <= 20:
            raise SettingsError("contrast", f"{self.contrast} is outside 0.1 to 20", "Choose a value within")

    def document(self) -> dict[str, Any]:
        return asdict(self)


def classifier_settings(network: str | None = None, **given: Any) -> ClassifierSettings:
    """The settings of ``network``'s recipe with what is ``given`` (``None``: not given). ``input`` follows the network
    where only that is named, and the other way round.

    >>> classifier_settings("lstm").loss, classifier_settings(input="text").network
    ('mse', 'words')
    """
    given = {name: value for name, value in given.items() if value is not None}
    network = network or (WORDS if given.get("input") == "text" else "imagenet")
    given.setdefault("input", "text" if network in TEXT_NETWORKS else "image")
    given.setdefault("name", f"{given['input']}-classifier")  # so that the two of a label set stand side by side
    return ClassifierSettings(**{**RECIPES.get(network, {}), **given, "network": network})
