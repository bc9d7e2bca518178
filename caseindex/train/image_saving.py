"""The image side of a trained model as it is stored: the trunk of the catalogue and the head over it."""

from __future__ import annotations

from typing import Any

import torch

from caseindex.encoders.model import HEAD, TRUNK
from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.train.towers import ProjectionHead


def image_side(
    encoder: TorchImageEncoder, head: ProjectionHead, *, frozen: bool
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """(the ``image`` part of the configuration, the tensors by their names in the file). ``frozen``: the trunk is as it was,
    so what is embedded with it already can be used again."""
    tensors = {f"{TRUNK}{name}": value for name, value in encoder.network.state_dict().items()}
    tensors |= {f"{HEAD}{name}": value for name, value in head.tensors().items()}
    config = {
        "trunk": encoder.spec,
        "trunk_dim": encoder.dim,
        "preprocessing": encoder.preprocessing.config(),
        "base_fingerprint": encoder.fingerprint if frozen else None,
    }
    return config, tensors
