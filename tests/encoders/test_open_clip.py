"""`open_clip:FOLDER`: a tiny model saved here, compared with open_clip itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from caseindex.encoders import catalogue
from caseindex.encoders.model import load_model, load_text_encoder
from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.errors import ModelDamaged, ModelNotFound
from tests.contracts import image_encoder, text_encoder
from tests.encoders.tiny_clip import PLAIN, WITH_BERT, save

TEXTS = ["acute ischemic stroke", "No pathology. Normal brain.", "缺血性脑卒中", "midline shift " * 40]


def test_both_towers_are_open_clips_own(tmp_path: Path) -> None:
    import open_clip

    folder = save(tmp_path / "clip", PLAIN)
    model = load_model(tmp_path / "models", f"open_clip:{folder}", device="cpu")
    theirs = open_clip.create_model(f"local-dir:{folder}").eval()
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS)
    pictures = [
        image_encoder.pictures()[0],
        np.arange(64 * 64 * 3, dtype=np.uint32).reshape(64, 64, 3).astype(np.uint8),
    ]
    assert model.image is not None
    assert model.text is not None
    batch = np.stack([model.image.preprocess(picture) for picture in pictures])
    with torch.inference_mode():
        words = theirs.encode_text(tokens, normalize=True).numpy()
        seen = theirs.encode_image(torch.from_numpy(batch), normalize=True).numpy()
    np.testing.assert_allclose(model.text.encode(TEXTS), words, atol=2e-6)
    np.testing.assert_allclose(model.image.encode(batch), seen, atol=2e-6)
    image_encoder.check(model.image)
    text_encoder.check(model.text)
    assert model.text.fingerprint == model.image.fingerprint == model.fingerprint
    assert model.dim == 16
    alone = load_text_encoder(tmp_path, f"open_clip:{folder}", device="cpu")
    assert alone is not None
    assert alone.fingerprint == model.fingerprint


def test_its_preprocessing_is_the_folders(tmp_path: Path) -> None:
    image = load_model(tmp_path, f"open_clip:{save(tmp_path / 'clip', PLAIN)}", device="cpu").image
    assert image is not None
    white = image.preprocess(np.full((32, 32), 255, np.uint8))
    assert white.shape == (3, 32, 32)
    np.testing.assert_allclose(white[:, 5, 5], [0.6 / 0.2, 0.5 / 0.25, 0.4 / 0.3], atol=1e-5)


def test_a_huggingface_text_tower_from_the_folder_alone(tmp_path: Path) -> None:
    import open_clip
    from open_clip.tokenizer import HFTokenizer
    from safetensors.torch import load_file

    folder = save(tmp_path / "clip", WITH_BERT)
    encoder = load_text_encoder(tmp_path, f"open_clip:{folder}", device="cpu")
    assert encoder is not None
    here = {"hf_model_name": str(folder), "hf_model_pretrained": False}
    theirs = open_clip.CustomTextCLIP(**{**WITH_BERT, "text_cfg": {**WITH_BERT["text_cfg"], **here}}).eval()  # type: ignore[dict-item]
    theirs.load_state_dict(load_file(folder / "open_clip_model.safetensors"))
    tokenizer = HFTokenizer(str(folder), context_length=24, strip_sep_token=True)
    with torch.inference_mode():
        expected = theirs.encode_text(tokenizer(TEXTS), normalize=True).numpy()
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=2e-6)


def test_the_folders_place_is_no_part_of_the_fingerprint(tmp_path: Path) -> None:
    for config in (PLAIN, WITH_BERT):
        one, two = (save(tmp_path / name, config) for name in ("one", "two"))
        first, second = (load_model(tmp_path, f"open_clip:{folder}", device="cpu") for folder in (one, two))
        assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize("config", [PLAIN, WITH_BERT])
def test_its_image_tower_is_rebuilt_from_its_description(config: dict[str, Any], tmp_path: Path) -> None:
    """What a model trained on top of it stores: no text tower, and no name of the hub, is needed."""
    image = load_model(tmp_path, f"open_clip:{save(tmp_path / 'clip', config)}", device="cpu").image
    assert isinstance(image, TorchImageEncoder)
    network = catalogue.untrained(json.loads(json.dumps(image.spec)))
    network.load_state_dict(image.network.state_dict())
    batch = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        np.testing.assert_array_equal(network.eval()(batch).numpy(), image.network(batch).numpy())


def test_training_one_loaded_model_leaves_the_next_as_it_was(tmp_path: Path) -> None:
    name = f"open_clip:{save(tmp_path / 'clip', PLAIN)}"
    first = load_model(tmp_path, name, device="cpu")
    assert isinstance(first.image, TorchImageEncoder)
    with torch.no_grad():
        for value in first.image.network.parameters():
            value += 1
    assert load_model(tmp_path, name, device="cpu").fingerprint == first.fingerprint


def test_pickled_weights_are_refused_and_convert(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    from caseindex.train.convert import convert_checkpoint

    expected = load_model(tmp_path, f"open_clip:{save(tmp_path / 'kept', PLAIN)}", device="cpu").fingerprint
    folder = save(tmp_path / "clip", PLAIN)
    weights, pickled = folder / "open_clip_model.safetensors", folder / "open_clip_pytorch_model.bin"
    torch.save(load_file(weights), pickled)
    weights.unlink()
    with pytest.raises(ModelDamaged, match=f"train convert {pickled} {weights}"):
        load_model(tmp_path, f"open_clip:{folder}")
    convert_checkpoint(pickled, weights)
    assert load_model(tmp_path, f"open_clip:{folder}", device="cpu").fingerprint == expected


def test_a_folder_that_is_not_complete_or_not_readable_says_so(tmp_path: Path) -> None:
    folder = save(tmp_path / "clip", PLAIN)
    (folder / "open_clip_model.safetensors").write_bytes(b"\x80\x04.")
    with pytest.raises(ModelDamaged, match="safetensors"):
        load_model(tmp_path, f"open_clip:{folder}")
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(ModelNotFound, match=r"no open_clip_model\.safetensors"):
        load_model(tmp_path, f"open_clip:{folder}")
    (folder / "open_clip_config.json").write_text("{")
    with pytest.raises(ModelDamaged, match="not an open_clip configuration"):
        load_model(tmp_path, f"open_clip:{folder}")
    (folder / "open_clip_config.json").unlink()
    with pytest.raises(ModelNotFound, match=r"no open_clip_config\.json"):
        load_model(tmp_path, f"open_clip:{folder}")


def test_published_weights_offline_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip

    def unreachable(*arguments: object, **named: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(open_clip, "create_model", unreachable)
    with pytest.raises(ModelNotFound, match=r"open_clip_config\.json.*open_clip:/path/folder"):
        load_model(tmp_path, "open_clip:ViT-B-32")
    with pytest.raises(ModelNotFound, match="laion2b_s34b_b79k"):
        load_model(tmp_path, "open_clip:ViT-B-32/no_such_tag")
