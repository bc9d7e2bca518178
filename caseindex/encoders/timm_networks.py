"""Any network of timm, with the preprocessing that its weights were trained with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from caseindex.encoders.catalogue import Trunk
from caseindex.encoders.preprocessing import Preprocessing
from caseindex.encoders.weight_files import Once, load_into, offline_if_unreachable, reachable
from caseindex.errors import ModelNotFound


def architecture(network: str) -> Any:
    """The network without its classifier: [batch, 3, height, width] -> [batch, dim]."""
    import timm

    return timm.create_model(network, pretrained=False, num_classes=0)


def trunk(what: str) -> Trunk:
    """``NAME`` or ``NAME@FILE.safetensors``."""
    offline_if_unreachable()
    import timm
    import torch

    network, _, file = what.partition("@")
    if not timm.is_model(network.split(".")[0]):
        close = timm.list_models(f"*{network[:8]}*")[:5]
        raise ModelNotFound(
            f"timm:{network}",
            "timm has no such network",
            f"Similar: {', '.join(close) or 'none'}; see timm.list_models()",
        )
    with reachable(f"timm:{network}", "Name another network of timm"):
        plain = architecture(network)
    settings = timm.data.resolve_model_data_config(plain)

    def make() -> Any:
        if file:
            model = architecture(network)
            load_into(model, Path(file))
            return model
        with reachable(
            f"timm:{network}",
            "On a machine with a network, save it as safetensors and name the file: "
            f"timm:{network}@/path/weights.safetensors",
        ):
            return timm.create_model(network, pretrained=True, num_classes=0)

    once = Once(make)
    _, height, width = settings["input_size"]
    with torch.inference_mode():
        dim = int(plain.eval()(torch.zeros(1, 3, height, width)).shape[1])
    return Trunk(
        spec={"family": "timm", "network": network},
        dim=dim,
        preprocessing=Preprocessing(
            height=height, width=width, fit="pad", mean=tuple(settings["mean"]), std=tuple(settings["std"])
        ),
        build=once,
        weights_digest=once.digest,
    )
