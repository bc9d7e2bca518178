"""`ruclip:FOLDER`: tokenizer and both towers by value against the PyPI packages, whose figures are stored beside."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from caseindex.encoders import ruclip_towers
from caseindex.encoders.model import load_model
from caseindex.encoders.youtokentome_pairs import parse_bpe
from caseindex.errors import ModelDamaged, ModelNotFound
from tests.contracts import image_encoder, text_encoder
from tests.encoders import tiny_ruclip
from tests.encoders.tiny_ruclip import CONFIG, REFERENCE, TEXTS


@pytest.fixture
def reference() -> dict[str, object]:
    document: dict[str, object] = json.loads(REFERENCE.read_text("utf-8"))
    return document


def make(folder: Path, *, pickled: bool = False) -> Path:
    import open_clip

    network = open_clip.CLIP(**ruclip_towers.open_clip_config({**CONFIG}))
    return tiny_ruclip.save(folder, network, pickled=pickled)


def unit(rows: object) -> np.ndarray:
    values = np.array(rows, np.float64)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_tokens_and_towers_are_those_of_the_published_package(tmp_path: Path, reference: dict[str, object]) -> None:
    folder = make(tmp_path / "ruclip")
    model, config, vocabulary = ruclip_towers.load(str(folder))
    ids = ruclip_towers.token_ids(vocabulary, TEXTS, config["context_length"])
    assert ids.tolist() == reference["ids"]
    with torch.inference_mode():
        texts = model.encode_text(torch.from_numpy(ids)).numpy()
        images = model.encode_image(tiny_ruclip.pixels()).numpy()
    np.testing.assert_allclose(texts, reference["texts"], atol=1e-5)
    np.testing.assert_allclose(images, reference["images"], atol=1e-5)
    loaded = load_model(tmp_path, f"ruclip:{folder}", device="cpu")
    assert loaded.text is not None
    assert loaded.image is not None
    np.testing.assert_allclose(loaded.text.encode(TEXTS), unit(reference["texts"]), atol=1e-5)
    np.testing.assert_allclose(loaded.image.encode(tiny_ruclip.pixels().numpy()), unit(reference["images"]), atol=1e-5)
    assert loaded.text.fingerprint == loaded.image.fingerprint == loaded.fingerprint
    image_encoder.check(loaded.image)
    text_encoder.check(loaded.text)


def test_the_installed_package_computes_what_is_stored(tmp_path: Path, reference: dict[str, object]) -> None:
    pytest.importorskip("youtokentome")
    pytest.importorskip("more_itertools")
    model, _ = tiny_ruclip.published()
    now = tiny_ruclip.computed(tiny_ruclip.save(tmp_path / "m", model.CLIP(**CONFIG), pickled=True))
    assert now["ids"] == reference["ids"]
    for key in ("texts", "images"):
        np.testing.assert_allclose(now[key], reference[key], atol=1e-5)


def test_the_published_pickle_is_refused_and_converts(tmp_path: Path) -> None:
    from caseindex.train.convert import convert_checkpoint

    folder = make(tmp_path / "ruclip", pickled=True)
    with pytest.raises(ModelDamaged, match=r"train convert .*pytorch_model\.bin .*model\.safetensors"):
        load_model(tmp_path, f"ruclip:{folder}")
    convert_checkpoint(folder / "pytorch_model.bin", folder / "model.safetensors")
    plain = make(tmp_path / "plain")
    one, two = (load_model(tmp_path, f"ruclip:{place}", device="cpu") for place in (folder, plain))
    assert one.fingerprint == two.fingerprint


def test_a_folder_that_lacks_something_says_what(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="no such folder"):
        load_model(tmp_path, "ruclip:/no/such")
    folder = make(tmp_path / "ruclip")
    (folder / "bpe.model").unlink()
    with pytest.raises(ModelNotFound, match=r"bpe\.model"):
        load_model(tmp_path, f"ruclip:{folder}")


@pytest.mark.parametrize("content", ["", "1 1 9601", "1 0 97 4 1 0 2 3", "1 0 9601 x 1 0 2 3", "1 0 9601 -4 1 0 2 3"])
def test_a_damaged_vocabulary(content: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the file's reader names it
        parse_bpe(content)


def test_merges_go_by_their_order_in_the_file() -> None:
    # Letters a b c; first "b c" -> 7, then "a b" -> 8, then the mark with "a" -> 9.
    pieces = parse_bpe("4 3 9601 3 97 4 98 5 99 6 5 6 7 4 5 8 3 4 9 1 0 2 3")
    assert pieces.ids("abc ab xyzb") == [9, 7, 3, 8, 3, 1, 5]
    assert pieces.size == 10
