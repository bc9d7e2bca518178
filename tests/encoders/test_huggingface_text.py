"""`hf:FOLDER` and `hf:NAME`: tiny models saved here, compared with transformers' own arithmetic."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from caseindex.encoders.model import load_model, load_text_encoder
from caseindex.errors import ModelDamaged, ModelNotFound
from tests.contracts import text_encoder
from tests.encoders.tiny_text_models import save_bert, save_distilbert

TEXTS = [
    "Acute ischemic stroke in the left hemisphere.",
    "No pathology.",
    "subdural hematoma on the right side, midline shift, " * 5,  # more tokens than there are positions
    "",
]


def by_hand(folder: Path, texts: list[str]) -> np.ndarray:
    """One text at a time, so without padding: the mean over all tokens of it, [CLS] and [SEP] included."""
    from transformers import AutoTokenizer, BertModel

    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = BertModel.from_pretrained(folder, dtype=torch.float32).eval()
    rows = []
    for text in texts:
        tokens = tokenizer(text, truncation=True, max_length=24, return_tensors="pt")
        with torch.inference_mode():
            mean = network(**tokens).last_hidden_state[0].mean(0).numpy()
        rows.append(mean / np.linalg.norm(mean))
    return np.stack(rows)


def test_it_is_the_mean_state_that_transformers_computes(tmp_path: Path) -> None:
    folder = save_bert(tmp_path / "bert")
    model = load_model(tmp_path / "models", f"hf:{folder}", device="cpu")
    assert model.image is None
    assert model.text is not None
    assert model.dim == 32
    vectors = model.text.encode(TEXTS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, by_hand(folder, TEXTS), atol=2e-6)
    text_encoder.check(model.text)


def test_padding_and_the_order_of_a_batch_change_nothing(tmp_path: Path) -> None:
    encoder = load_text_encoder(tmp_path, f"hf:{save_bert(tmp_path / 'bert')}", device="cpu")
    assert encoder is not None
    texts = [f"case {number} of acute stroke " + "left " * (number % 9) for number in range(70)]  # three batches
    together = encoder.encode(texts)
    np.testing.assert_allclose(encoder.encode(texts[::-1])[::-1], together, atol=2e-6)
    np.testing.assert_allclose(
        np.concatenate([encoder.encode([text]) for text in texts[30:36]]), together[30:36], atol=2e-6
    )


def test_a_language_model_without_a_pooler_has_one_fingerprint(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """transformers draws the missing pooler anew with each loading."""
    folder = save_bert(tmp_path / "bert", language_model=True)
    capfd.readouterr()
    first, second = (load_model(tmp_path, f"hf:{folder}", device="cpu") for _ in range(2))
    assert first.fingerprint == second.fingerprint
    assert capfd.readouterr() == ("", "")
    assert first.text is not None
    np.testing.assert_allclose(first.text.encode(TEXTS), by_hand(folder, TEXTS), atol=2e-6)


def test_the_fingerprint_covers_weights_and_tokenizer(tmp_path: Path) -> None:
    folder = save_bert(tmp_path / "bert")
    first = load_model(tmp_path, f"hf:{folder}", device="cpu").fingerprint
    document = json.loads((folder / "tokenizer.json").read_text())
    words = document["model"]["vocab"]
    words["left"], words["right"] = words["right"], words["left"]
    (folder / "tokenizer.json").write_text(json.dumps(document))
    second = load_model(tmp_path, f"hf:{folder}", device="cpu").fingerprint
    third = load_model(tmp_path, f"hf:{save_bert(tmp_path / 'mlm', language_model=True)}", device="cpu").fingerprint
    assert len({first, second, third}) == 3


def test_weights_in_half_precision_are_computed_in_float32(tmp_path: Path) -> None:
    folder = save_bert(tmp_path / "bert", dtype=torch.bfloat16)
    encoder = load_text_encoder(tmp_path, f"hf:{folder}", device="cpu")
    assert encoder is not None
    assert {value.dtype for value in encoder.network.parameters()} == {torch.float32}  # type: ignore[attr-defined]
    np.testing.assert_allclose(encoder.encode(TEXTS), by_hand(folder, TEXTS), atol=2e-6)


def test_a_model_without_token_types(tmp_path: Path) -> None:
    encoder = load_text_encoder(tmp_path, f"hf:{save_distilbert(tmp_path / 'd')}", device="cpu")
    assert encoder is not None
    assert encoder.encode(TEXTS).shape == (4, 32)


def test_a_folder_of_pickled_weights_is_refused_and_converts(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    from caseindex.train.convert import convert_checkpoint

    folder = save_bert(tmp_path / "bert")
    expected = load_model(tmp_path, f"hf:{folder}", device="cpu").fingerprint
    weights, pickled = folder / "model.safetensors", folder / "pytorch_model.bin"
    torch.save(load_file(weights), pickled)
    weights.unlink()
    with pytest.raises(ModelDamaged, match=f"train convert {pickled} {weights}"):
        load_model(tmp_path, f"hf:{folder}")
    convert_checkpoint(pickled, weights)
    assert load_model(tmp_path, f"hf:{folder}", device="cpu").fingerprint == expected


def test_weights_that_lack_a_layer_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = save_bert(tmp_path / "bert")
    tensors = load_file(folder / "model.safetensors")
    del tensors["encoder.layer.1.output.dense.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelDamaged, match=r"lack encoder\.layer\.1\.output\.dense\.weight"):
        load_model(tmp_path, f"hf:{folder}")


def test_a_folder_without_a_model_says_what_belongs_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelNotFound, match="save_pretrained"):
        load_model(tmp_path, f"hf:{tmp_path / 'empty'}")


def test_a_hub_name_offline_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelNotFound, match=r"hf download someone/tiny-bert --local-dir FOLDER.*hf:FOLDER"):
        load_model(tmp_path, "hf:someone/tiny-bert")


def test_a_hub_name_is_found_in_the_local_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's own layout: refs/main names the snapshot."""
    from huggingface_hub import constants

    home = tmp_path / "models--someone--tiny-bert"
    save_bert(home / "snapshots" / ("a" * 40))
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("a" * 40)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    encoder = load_text_encoder(tmp_path / "models", "hf:someone/tiny-bert", device="cpu")
    assert encoder is not None
    np.testing.assert_allclose(encoder.encode(TEXTS), by_hand(home / "snapshots" / ("a" * 40), TEXTS), atol=2e-6)
