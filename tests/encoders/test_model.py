from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from caseindex.encoders import catalogue, checkpoint
from caseindex.encoders.headed_image import HeadedImageEncoder
from caseindex.encoders.model import HEAD, TRUNK, load_model, load_text_encoder
from caseindex.encoders.whitening import fit_whitening
from caseindex.errors import ModelDamaged, ModelNotFound
from tests.contracts import image_encoder


@pytest.mark.parametrize("name", ["imagenet", "grid", "grid-one"])
def test_contract_of_the_offline_encoders(name: str, tmp_path: Path) -> None:
    model = load_model(tmp_path, name)
    assert model.image is not None
    assert model.text is None
    assert load_text_encoder(tmp_path, name) is None
    image_encoder.check(model.image)
    assert load_model(tmp_path, name).fingerprint == model.fingerprint


@pytest.mark.parametrize(("name", "stages"), [("grid", (3, 4)), ("grid-one", (4,))])
def test_the_grid_is_the_average_of_its_cells(name: str, stages: tuple[int, ...], tmp_path: Path) -> None:
    encoder = load_model(tmp_path, name).image
    assert encoder is not None
    batch = np.stack([encoder.preprocess(image_encoder.pictures()[0])])
    network = encoder.network  # type: ignore[attr-defined]
    with torch.inference_mode():
        stem = network.bn(network.stem(torch.from_numpy(batch)))
        layers = [network.blocks[: stage + 1](stem).numpy()[0] for stage in stages]  # [80 or 112, 14, 14]
    edges = [(2 * cell, 2 * cell + 2) for cell in range(7)]
    by_hand = np.concatenate([maps[:, a:b, c:d].mean((1, 2)) for maps in layers for a, b in edges for c, d in edges])
    assert encoder.dim == len(by_hand)
    np.testing.assert_allclose(encoder.encode(batch)[0], by_hand / np.linalg.norm(by_hand), atol=1e-5)


def _random_weights(name: str, tmp_path: Path) -> str:
    from safetensors.torch import save_file

    from caseindex.encoders import timm_networks, torchvision_networks

    family, _, network = name.partition(":")
    torch.manual_seed(0)
    plain = (timm_networks if family == "timm" else torchvision_networks).architecture(network)
    file = tmp_path / f"{network}.safetensors"
    save_file(plain.state_dict(), file)
    return f"{name}@{file}"


@pytest.mark.parametrize("name", ["timm:resnet10t", "torchvision:resnet18", "timm:mobilenetv3_small_050"])
def test_contract_of_local_weights(name: str, tmp_path: Path) -> None:
    model = load_model(tmp_path, _random_weights(name, tmp_path))
    assert model.image is not None
    image_encoder.check(model.image)


def test_a_whitened_folder(tmp_path: Path) -> None:
    raw = load_model(tmp_path, "grid")
    assert raw.image is not None
    trunk = catalogue.trunk("grid")
    inputs = np.stack([raw.image.preprocess(picture) for picture in image_encoder.pictures(8)])
    whitening = fit_whitening(raw.image.encode(inputs), 6)
    tensors = {f"{TRUNK}{key}": value.numpy() for key, value in trunk.build().state_dict().items()}
    tensors |= {f"{HEAD}mean": whitening.mean, f"{HEAD}projection": whitening.projection}
    image = {
        "trunk": trunk.spec,
        "trunk_dim": trunk.dim,
        "preprocessing": trunk.preprocessing.config(),
        "base_fingerprint": raw.fingerprint,
    }
    checkpoint.save(tmp_path / "grid", {"dim": 6, "image": image}, tensors)
    model = load_model(tmp_path, "grid")  # the archive's own wins over the catalogue's
    assert isinstance(model.image, HeadedImageEncoder)
    image_encoder.check(model.image)
    np.testing.assert_allclose(model.image.encode(inputs), model.image.from_base(raw.image.encode(inputs)), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no-such", "imagenet"),
        ("timm:no_such_network", "timm.list_models"),
        ("torchvision:no_such", "resnet18"),
        ("open_clip:no-such", "open_clip_config.json"),
        ("hf:/no/such/folder", "no such folder"),
        ("", "Known"),
        ("..", "Known"),
        ("timm:", "Of the catalogue"),
        ("torchvision:resnet18@/no/such.safetensors", "no such file"),
    ],
)
def test_an_unknown_name_says_what_is_known(name: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=says):
        load_model(tmp_path, name)


def test_missing_weights_offline_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", _no_network)
    with pytest.raises(ModelNotFound, match=r"put https://.* at .*checkpoints.*or name a file"):
        load_model(tmp_path, "resnet50")


def _no_network(*arguments: object, **named: object) -> None:
    raise OSError("Name or service not known")


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    file.write_bytes(b"\x80\x04.")
    with pytest.raises(ModelDamaged, match="train convert"):
        load_model(tmp_path, f"torchvision:resnet18@{file}")
    with pytest.raises(ModelDamaged, match="train convert"):
        load_model(tmp_path, str(file))


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    name = _random_weights("torchvision:resnet18", tmp_path).replace("resnet18@", "resnet34@")
    with pytest.raises(ModelDamaged, match="does not fit"):
        load_model(tmp_path, name)


def test_loading_a_name_does_not_import_torch(tmp_path: Path) -> None:
    import subprocess

    code = (
        "import sys; from pathlib import Path; from caseindex.encoders.model import load_model;"
        "load_model(Path('.'), 'imagenet'); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
