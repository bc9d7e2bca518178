"""`hf:FOLDER` of a CLIP, SigLIP, Chinese-CLIP: both towers by value against transformers' own model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from caseindex.encoders import catalogue
from caseindex.encoders.model import load_model, load_text_encoder
from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.errors import ModelNotFound
from tests.contracts import image_encoder, text_encoder
from tests.encoders.tiny_text_models import save_bert
from tests.encoders.tiny_towers import save_sentence_folder, save_towers

TEXTS = ["acute ischemic stroke", "no pathology . normal brain .", "left " * 40, ""]


@pytest.mark.parametrize("kind", ["clip", "siglip", "chinese_clip"])
def test_both_towers_are_transformers_own(tmp_path: Path, kind: str) -> None:
    from transformers import AutoTokenizer

    theirs = save_towers(tmp_path / "m", kind)
    model = load_model(tmp_path / "models", f"hf:{tmp_path / 'm'}", device="cpu")
    assert isinstance(model.image, TorchImageEncoder)
    assert model.text is not None
    tokens = AutoTokenizer.from_pretrained(tmp_path / "m")(
        TEXTS,
        padding="max_length" if kind == "siglip" else True,
        truncation=True,
        max_length=20,
        return_tensors="pt",
    )
    if kind == "siglip":
        tokens = {"input_ids": tokens["input_ids"]}
    elif kind == "clip":
        tokens = {key: tokens[key] for key in ("input_ids", "attention_mask")}
    batch = np.stack([model.image.preprocess(picture) for picture in image_encoder.pictures(3)])
    with torch.inference_mode():
        words = theirs.get_text_features(**tokens).pooler_output
        seen = theirs.get_image_features(pixel_values=torch.from_numpy(batch)).pooler_output
    for ours, other in ((model.text.encode(TEXTS), words), (model.image.encode(batch), seen)):
        np.testing.assert_allclose(ours, torch.nn.functional.normalize(other, dim=1).numpy(), atol=1e-5)
    assert model.text.fingerprint == model.image.fingerprint == model.fingerprint
    image_encoder.check(model.image)
    text_encoder.check(model.text)
    # The architecture that a trained model's folder stores takes the weights.
    again = catalogue.untrained(model.image.spec)
    again.load_state_dict(model.image.network.state_dict())
    with torch.inference_mode():
        torch.testing.assert_close(again.eval()(torch.from_numpy(batch)), seen, atol=1e-5, rtol=0)


def test_pictures_are_normalised_as_the_folder_says(tmp_path: Path) -> None:
    save_towers(tmp_path / "m", "clip")
    image = load_model(tmp_path, f"hf:{tmp_path / 'm'}", device="cpu").image
    assert image is not None
    white = image.preprocess(np.full((32, 32), 255, np.uint8))
    np.testing.assert_allclose(white[:, 5, 5], [0.6 / 0.2, 0.5 / 0.25, 0.4 / 0.3], atol=1e-5)


def test_a_text_model_is_no_image_encoder(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="no image tower in a bert"):
        catalogue.trunk(f"hf:{save_bert(tmp_path / 'bert')}")


def states(folder: Path, texts: list[str], length: int = 12) -> list[torch.Tensor]:
    """Of each text alone, so without padding: [tokens, width]."""
    from transformers import AutoTokenizer, BertModel

    tokenizer, network = AutoTokenizer.from_pretrained(folder), BertModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        return [
            network(**tokenizer(text, truncation=True, max_length=length, return_tensors="pt")).last_hidden_state[0]
            for text in texts
        ]


def test_poolings_of_a_sentence_transformers_folder(tmp_path: Path) -> None:
    computed = states(save_bert(tmp_path / "plain"), TEXTS)
    ways = {
        "cls_token": lambda rows: rows[0],
        "max_tokens": lambda rows: rows.max(0).values,
        "mean_tokens": lambda rows: rows.mean(0),
        "lasttoken": lambda rows: rows[-1],
        "mean_sqrt_len_tokens": lambda rows: rows.sum(0) / len(rows) ** 0.5,
    }
    for name, way in ways.items():
        flags = {f"pooling_mode_{other}": other == name for other in ways}
        folder = save_sentence_folder(tmp_path / name, pooling=flags)
        encoder = load_text_encoder(tmp_path, f"hf:{folder}", device="cpu")
        assert encoder is not None
        expected = torch.stack([torch.nn.functional.normalize(way(rows), dim=0) for rows in computed])
        np.testing.assert_allclose(encoder.encode(TEXTS), expected.numpy(), atol=2e-6, err_msg=name)
    folder = save_sentence_folder(tmp_path / "two", pooling={"pooling_mode": ["cls", "mean"]})
    encoder = load_text_encoder(tmp_path, f"hf:{folder}", device="cpu")
    assert encoder is not None
    assert encoder.dim == 64
    joined = torch.stack([torch.cat([rows[0], rows.mean(0)]) for rows in computed])
    np.testing.assert_allclose(encoder.encode(TEXTS), torch.nn.functional.normalize(joined).numpy(), atol=2e-6)


def test_a_dense_layer_and_prompts(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    prompts = {"query": "case : ", "passage": "a left "}
    folder = save_sentence_folder(
        tmp_path / "s", pooling={"pooling_mode_mean_tokens": True}, dense=True, prompts=prompts
    )
    layer = load_file(folder / "2_Dense" / "model.safetensors")
    for name, prompt in (("", "case : "), ("#passage", "a left ")):
        encoder = load_text_encoder(tmp_path, f"hf:{folder}{name}", device="cpu")
        assert encoder is not None
        assert encoder.dim == 12
        means = torch.stack([rows.mean(0) for rows in states(folder, [prompt + text for text in TEXTS])])
        expected = torch.nn.functional.normalize(torch.tanh(means @ layer["linear.weight"].T + layer["linear.bias"]))
        np.testing.assert_allclose(encoder.encode(TEXTS), expected.numpy(), atol=2e-6)
        text_encoder.check(encoder)


def test_a_prompt_that_is_not_pooled(tmp_path: Path) -> None:
    folder = save_sentence_folder(
        tmp_path / "s", pooling={"pooling_mode": "mean", "include_prompt": False}, prompts={"query": "case : "}
    )
    encoder = load_text_encoder(tmp_path, f"hf:{folder}", device="cpu")
    assert encoder is not None
    rows = states(folder, ["case : acute stroke"])[0]  # [CLS] case : acute stroke [SEP]; ":" is unknown
    expected = torch.nn.functional.normalize(rows[3:].mean(0), dim=0)
    np.testing.assert_allclose(encoder.encode(["acute stroke"])[0], expected.numpy(), atol=2e-6)


def test_a_clip_within_a_sentence_transformers_folder(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    save_towers(folder / "0_CLIPModel", "clip")
    module = '[{"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"}]'
    (folder / "modules.json").write_text(module)
    inside, outside = (load_model(tmp_path, f"hf:{place}", device="cpu") for place in (folder / "0_CLIPModel", folder))
    assert inside.fingerprint == outside.fingerprint
    assert outside.image is not None
    assert outside.text is not None
