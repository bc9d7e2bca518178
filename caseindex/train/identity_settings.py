"""What `train identity` can be told; saved with the run, resolved. Each published recipe is one of :data:`RECIPES`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, get_args

from caseindex.errors import SettingsError
from caseindex.train.setting_checks import check_choice, check_name, check_ranges

LossName = Literal["supcon", "contrastive", "triplet", "multi-similarity", "arcface", "pairs"]
HeadName = Literal["fitted", "learned"]
Augmentation = Literal["none", "slight", "strong"]
#: The losses that ``margin`` is of.
WITH_MARGIN: Final[frozenset[LossName]] = frozenset({"contrastive", "triplet", "arcface", "pairs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySettings:
    """``loss``: `pairs` is the Siamese network's, on explicit pairs; the others take all pairs of a batch of
    ``batch_persons`` x ``images``. ``margin``: of `pairs`, `contrastive`, `triplet`, `arcface`; 0 tries 0.1 to 1.0 and
    keeps the best by validation AUC (without effect on the other losses). ``head``: `fitted` estimates the last linear map anew after training, from views and
    persons; `learned` keeps the trained one. ``sizes``: picture sides, one after the other over equal parts of the
    epochs. ``rounds`` of hard negatives, in equal parts of the epochs; ``positive_aware``: see
    :mod:`caseindex.train.hard_negatives`, 0 turns it off. ``memory``: embeddings of past batches as further strangers.
    ``frozen_epochs``: first ones, in which only the head learns. ``align``: register pictures to their mean.
    ``mask_text``: blank burned-in text before training. ``beside``: the network as it was stays beside the trained one, and
    both have an equal share of the embedding (of a `fitted` head only)."""

    name: str = "identity"
    recipe: str = "caseindex"
    image_encoder: str = "grid-one"
    loss: LossName = "supcon"
    margin: float = 0.5
    temperature: float = 0.07
    dim: int = 512
    head: HeadName = "fitted"
    beside: bool = True
    align: bool = True
    mask_text: bool = True
    augmentation: Augmentation = "strong"
    sizes: tuple[int, ...] = (224,)
    rounds: int = 1
    positive_aware: float = 0.95
    epochs: int = 40
    patience: int = 40
    minutes: float | None = None
    frozen_epochs: int = 0
    batch_persons: int = 64
    images: int = 2
    singletons: float = 0.33
    memory: int = 0
    learning_rate: float = 1e-3
    trunk_rate: float = 1e-3
    weight_decay: float = 0.05
    seed: int = 0
    validation: float = 0.1
    test: float = 0.15

    def __post_init__(self) -> None:
        """Raises :class:`~caseindex.errors.SettingsError` for a value out of range."""
        check_name(self.name)
        if self.name == "grid":
            raise SettingsError("name 'grid'", "the untrained default has this name", "Choose another name")
        check_choice("recipe", self.recipe, RECIPES)
        check_choice("loss", self.loss, get_args(LossName))
        check_choice("head", self.head, get_args(HeadName))
        check_choice("augmentation", self.augmentation, get_args(Augmentation))
        if not self.sizes or any(not 32 <= side <= 2048 or side % 16 for side in self.sizes):
            raise SettingsError("sizes", f"{self.sizes} are not sides of 32 to 2048, multiples of 16", "Say 160,224")
        check_ranges(
            self,
            margin=(0.0, 2.0),
            rounds=(0, 100),
            positive_aware=(0.0, 1.0),
            frozen_epochs=(0, 100_000),
            batch_persons=(2, 65536),
            images=(2, 64),
            singletons=(0.0, 0.9),
            memory=(0, 10_000_000),
        )
        if self.beside and self.head != "fitted":
            raise SettingsError("beside", f"a {self.head} head is of one network", "Turn one of the two off")
        if self.epochs <= self.rounds:
            raise SettingsError("rounds", f"{self.rounds} do not fit in {self.epochs} epochs", "Give more epochs")

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "sizes": list(self.sizes)}

    def round_of(self, epoch: int) -> int:
        """The hard-negative round that ``epoch`` belongs to; 0 before the first.

        >>> [IdentitySettings(epochs=6, rounds=2).round_of(epoch) for epoch in range(6)]
        [0, 0, 1, 1, 2, 2]
        """
        return min(self.rounds, epoch * (self.rounds + 1) // self.epochs)

    def size_of(self, epoch: int) -> int:
        """The pictures' side in ``epoch``."""
        return self.sizes[min(len(self.sizes) - 1, epoch * len(self.sizes) // self.epochs)]


#: Settings that a recipe fixes; the user's own options come on top.
RECIPES: Final[dict[str, dict[str, Any]]] = {
    "caseindex": {},
    # The archive search in chest X-rays as published: shared weights, contrastive loss on pairs (half of one person,
    # half of strangers), margin 0.5, 224 x 224, then rounds of hard negatives without guards. Its ResNet-50 needs
    # weights from a file (`--image-encoder torchvision:resnet50@FILE`); the offline network stands in by default.
    "siamese": {
        "image_encoder": "lite0",
        "loss": "pairs",
        "margin": 0.5,
        "dim": 128,
        "head": "learned",
        "beside": False,
        "align": False,
        "mask_text": False,
        "augmentation": "none",
        "rounds": 2,
        "positive_aware": 0.0,
        "learning_rate": 3e-4,
        "trunk_rate": 3e-4,
    },
}


def with_recipe(recipe: str, **given: Any) -> IdentitySettings:
    """The recipe's settings with the user's on top (those that are ``None`` count as not given).

    Raises :class:`~caseindex.errors.SettingsError`.
    """
    check_choice("recipe", recipe, RECIPES)
    own = {name: value for name, value in given.items() if value is not None}
    return IdentitySettings(recipe=recipe, **{**RECIPES[recipe], **own})
