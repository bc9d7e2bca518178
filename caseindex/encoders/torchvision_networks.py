"""torchvision's classification networks (ResNet-18/50, EfficientNet-B4, ...), classifier taken off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from caseindex.encoders.catalogue import Trunk
from caseindex.encoders.preprocessing import Preprocessing
from caseindex.encoders.weight_files import Once, load_into, reachable
from caseindex.errors import ModelNotFound


def architecture(network: str) -> Any:
    """The network without its classifier: [batch, 3, height, width] -> [batch, dim]."""
    from torchvision import models

    return _headless(models.get_model(network, weights=None))


def _headless(model: Any) -> Any:
    import torch

    for name in ("fc", "classifier", "heads", "head"):
        if hasattr(model, name):
            setattr(model, name, torch.nn.Identity())
            break
    return model


def trunk(what: str) -> Trunk:
    """``NAME`` or ``NAME@FILE.safetensors`` (weights with or without the classifier's)."""
    import torch
    from torchvision import models

    network, _, file = what.partition("@")
    known = models.list_models(module=models)
    if network not in known:
        raise ModelNotFound(f"torchvision:{network}", "torchvision has no such network", f"Known: {', '.join(known)}")
    weights = models.get_model_weights(network).DEFAULT
    transforms = weights.transforms()

    def make() -> Any:
        if file:
            model = architecture(network)
            load_into(model, Path(file))
            return model
        place = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]
        with reachable(
            f"torchvision:{network}",
            f"Without a network, put {weights.url} at {place}, or name a file: "
            f"torchvision:{network}@/path/weights.safetensors",
        ):
            # The publisher's checkpoint is a pickle of tensors: read with weights_only, its sha256 prefix checked.
            state = torch.hub.load_state_dict_from_url(weights.url, check_hash=True, weights_only=True, progress=False)
            full = models.get_model(network, weights=None)
            full.load_state_dict(state)
            return _headless(full)

    once = Once(make)
    size = int(transforms.crop_size[0])
    plain = architecture(network).eval()
    with torch.inference_mode():
        dim = int(plain(torch.zeros(1, 3, size, size)).shape[1])
    return Trunk(
        spec={"family": "torchvision", "network": network},
        dim=dim,
        preprocessing=Preprocessing(
            height=size, width=size, fit="pad", mean=tuple(transforms.mean), std=tuple(transforms.std)
        ),
        build=once,
        weights_digest=once.digest,
    )
