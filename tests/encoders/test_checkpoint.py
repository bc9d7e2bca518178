from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from caseindex.encoders import checkpoint
from caseindex.errors import ModelDamaged, ModelNotFound

TENSORS = {"text.a": np.arange(6, dtype=np.float32).reshape(2, 3), "image.b": np.ones(4, np.float32)}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "m"
    checkpoint.save(folder, {"dim": 3}, TENSORS, extra={"tokenizer.json": b"{}"}, card="# m\n")
    return folder


def test_what_is_saved_is_read(model: Path) -> None:
    config = checkpoint.read_config(model)
    assert config["dim"] == 3
    assert set(checkpoint.read_tensors(model)) == {"text.a", "image.b"}
    only = checkpoint.read_tensors(model, "text.")
    np.testing.assert_array_equal(only["a"], TENSORS["text.a"])
    assert list(only) == ["a"]
    assert (model / "MODEL_CARD.md").read_text() == "# m\n"
    assert [item.name for item in model.parent.iterdir()] == ["m"]  # nothing half-written is left


def test_the_fingerprint_covers_weights_configuration_and_tokenizer(tmp_path: Path) -> None:
    def fingerprint(dim: int = 3, weight: float = 1.0, tokenizer: bytes = b"{}", name: str = "n") -> str:
        tensors = {**TENSORS, "image.b": np.full(4, weight, np.float32)}
        return checkpoint.save(tmp_path / "x", {"dim": dim, "name": name}, tensors, extra={"tokenizer.json": tokenizer})

    first = fingerprint()
    assert first == fingerprint()
    assert first == fingerprint(name="another")  # renaming a model does not make its embeddings useless
    assert len({first, fingerprint(dim=4), fingerprint(weight=2.0), fingerprint(tokenizer=b"{} ")}) == 4


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_changed_file_is_named(model: Path, name: str) -> None:
    path = model / name
    content = bytearray(path.read_bytes())
    if name == "config.json":
        content = bytearray(content.replace(b'"dim": 3', b'"dim": 4'))
    else:
        content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelDamaged, match="fingerprint"):
        checkpoint.read_config(model)


def test_an_added_tokenizer_is_noticed(model: Path) -> None:
    (model / "lexicon.tsv").write_text("id\n")
    with pytest.raises(ModelDamaged, match="fingerprint"):
        checkpoint.read_config(model)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"format": "1"}'])
def test_a_configuration_that_is_none(model: Path, content: bytes) -> None:
    (model / "config.json").write_bytes(content)
    with pytest.raises(ModelDamaged):
        checkpoint.read_config(model)


def test_a_newer_format_is_refused(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "format": 99}))
    with pytest.raises(ModelDamaged, match="reads up to 1"):
        checkpoint.read_config(model)


def test_missing_parts(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        checkpoint.read_config(tmp_path / "nowhere")
    (model / "model.safetensors").unlink()
    with pytest.raises(ModelDamaged, match="missing"):
        checkpoint.read_config(model)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "best.pth", "model.pt", "last.ckpt", "weights.pkl"])
def test_a_pickle_is_refused_with_the_way_to_convert_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04.")
    with pytest.raises(ModelDamaged, match="caseindex train convert"):
        checkpoint.refuse_pickle(tmp_path)
    with pytest.raises(ModelDamaged, match="caseindex train convert"):
        checkpoint.refuse_pickle(tmp_path / name)


def test_truncated_weights(model: Path) -> None:
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ModelDamaged, match="safetensors"):
        checkpoint.read_tensors(model)
