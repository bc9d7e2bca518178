"""`train pair` with networks from outside and with `--full`, by its command."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image as Picture
from safetensors.torch import save_file

from caseindex.cli.main import main
from caseindex.encoders import ruclip_towers, timm_networks
from caseindex.encoders.headed_image import HeadedImageEncoder
from caseindex.encoders.huggingface_text import HuggingFaceTextEncoder
from caseindex.encoders.model import load_model, load_text_encoder
from caseindex.index.archive import Archive
from caseindex.records import ItemKind
from caseindex.train.pair_task import PairTask
from tests.encoders.tiny_clip import PLAIN, WITH_BERT
from tests.encoders.tiny_clip import save as save_clip
from tests.encoders.tiny_ruclip import CONFIG as RUCLIP
from tests.encoders.tiny_ruclip import save as save_ruclip
from tests.encoders.tiny_text_models import save_bert, save_distilbert
from tests.encoders.tiny_towers import save_sentence_folder, save_towers
from tests.train.drawn_archive import make_archive

PATIENTS = 24
Train = Callable[..., dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    archive = make_archive(tmp_path / "archive", PATIENTS)
    archive.store.close()
    return archive.path


@pytest.fixture
def train(folder: Path, capsys: pytest.CaptureFixture[str]) -> Train:
    def command(*arguments: str) -> dict[str, Any]:
        capsys.readouterr()
        fixed = ("--dim", "8", "--batch", "8", "--epochs", "2", "--no-tensorboard", "--format", "json")
        with pytest.raises(SystemExit) as end:
            main(["train", "pair", "--archive", str(folder), *fixed, *arguments])
        assert not end.value.code
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert "nan" not in document["why"]
        return document

    return command


@pytest.fixture
def last_is_best(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last epoch is the one that is kept: on a handful of drawn pictures the start is hard to beat."""
    plain, calls = PairTask.validate, itertools.count()

    def rising(self: PairTask) -> dict[str, float]:
        return {**plain(self), "score": float(next(calls))}

    monkeypatch.setattr(PairTask, "validate", rising)


def stored_equals_computed(folder: Path, fingerprint: str) -> None:
    """What the archive holds for an image and a report is what the saved model gives for them."""
    archive = Archive.open(folder)
    try:
        model = load_model(archive.models_dir, "pair", device="cpu")
        assert model.fingerprint == fingerprint
        assert model.image is not None
        assert model.text is not None
        with archive.store.read() as reader:
            assert reader.counts().embeddings[fingerprint] == 2 * PATIENTS
            seen = reader.embedding(fingerprint, ItemKind.IMAGE, "i7")
            read = reader.embedding(fingerprint, ItemKind.REPORT, "r7")
            report = reader.report("r7")
        assert report is not None
        assert seen is not None
        assert read is not None
        pixels = np.asarray(Picture.open(folder / "7.png"))
        computed = model.image.encode(model.image.preprocess(pixels)[None])[0]
        np.testing.assert_allclose(computed, seen, atol=1e-4)
        np.testing.assert_allclose(model.text.encode([report.text])[0], read, atol=1e-4)
    finally:
        archive.store.close()


def tiny_timm(tmp_path: Path) -> tuple[str, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    state = timm_networks.architecture("test_resnet").state_dict()
    save_file(state, tmp_path / "timm.safetensors")
    return f"timm:test_resnet@{tmp_path / 'timm.safetensors'}", state


@pytest.mark.usefixtures("last_is_best")
def test_full_training_changes_the_image_network_and_saves_it(folder: Path, train: Train, tmp_path: Path) -> None:
    name, before = tiny_timm(tmp_path)
    document = train("--full", "--image-encoder", name)
    stored_equals_computed(folder, document["fingerprint"])
    model = load_model(folder / "models", "pair", device="cpu")
    assert isinstance(model.image, HeadedImageEncoder)
    after = model.image.base.network.state_dict()
    assert set(after) == set(before)
    changed = [key for key, value in before.items() if not torch.equal(after[key], value)]
    assert any(key.endswith("conv1.weight") for key in changed)
    left = {item.name for item in Path(document["run"]).iterdir()}
    assert not left & {"pixels.npy", "pixels.done", "readable.npy"}


@pytest.mark.usefixtures("last_is_best")
def test_frozen_training_leaves_the_image_network(folder: Path, train: Train, tmp_path: Path) -> None:
    name, before = tiny_timm(tmp_path)
    document = train("--image-encoder", name)
    stored_equals_computed(folder, document["fingerprint"])
    model = load_model(folder / "models", "pair", device="cpu")
    assert isinstance(model.image, HeadedImageEncoder)
    after = model.image.base.network.state_dict()
    for key, value in before.items():
        torch.testing.assert_close(after[key], value, rtol=0, atol=0)


@pytest.mark.usefixtures("last_is_best")
@pytest.mark.parametrize("save", [save_bert, save_distilbert])
def test_a_huggingface_text_encoder_under_a_head(
    save: Callable[[Path], Path], folder: Path, train: Train, tmp_path: Path
) -> None:
    text = save(tmp_path / "text")
    document = train("--text-encoder", f"hf:{text}")
    text.rename(tmp_path / "gone")  # the trained model stands by itself
    stored_equals_computed(folder, document["fingerprint"])
    encoder = load_text_encoder(folder / "models", "pair", device="cpu")
    base = load_text_encoder(folder / "models", f"hf:{tmp_path / 'gone'}", device="cpu")
    assert isinstance(encoder, HuggingFaceTextEncoder)
    assert isinstance(base, HuggingFaceTextEncoder)
    for key, value in base.network.state_dict().items():
        torch.testing.assert_close(encoder.network.state_dict()[key], value, rtol=0, atol=0)


def test_a_text_encoder_that_cannot_be_had_is_said_before_any_work(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["train", "pair", "--archive", str(folder), "--image-encoder", "grid", "--text-encoder", "hf:/no/such"])
    assert end.value.code == 1
    assert "no such folder" in capsys.readouterr().err
    assert not list((folder / "runs").glob("*"))
    archive = Archive.open(folder)
    with archive.store.read() as reader:
        assert list(reader.counts().embeddings.values()) == [PATIENTS]  # those of `imagenet` alone, from before
    archive.store.close()


@pytest.mark.usefixtures("last_is_best")
def test_full_training_with_both_networks_from_outside(folder: Path, train: Train, tmp_path: Path) -> None:
    clip, text = save_clip(tmp_path / "clip", PLAIN), save_bert(tmp_path / "text", language_model=True)
    document = train("--full", "--image-encoder", f"open_clip:{clip}", "--text-encoder", f"hf:{text}")
    (tmp_path / "clip").rename(tmp_path / "gone")
    stored_equals_computed(folder, document["fingerprint"])
    encoder = load_text_encoder(folder / "models", "pair", device="cpu")
    base = load_text_encoder(folder / "models", f"hf:{text}", device="cpu")
    assert isinstance(encoder, HuggingFaceTextEncoder)
    assert isinstance(base, HuggingFaceTextEncoder)
    trained = encoder.network.state_dict()
    assert any(not torch.equal(trained[key], value) for key, value in base.network.state_dict().items())


@pytest.mark.usefixtures("last_is_best")
@pytest.mark.parametrize("kind", ["clip", "siglip", "chinese_clip", "open_clip", "ruclip", "sentence"])
def test_models_of_two_towers_are_fine_tuned(kind: str, folder: Path, train: Train, tmp_path: Path) -> None:
    place = tmp_path / "model"
    image = f"hf:{place}"
    if kind == "ruclip":
        save_ruclip(place, open_clip.CLIP(**ruclip_towers.open_clip_config({**RUCLIP})))
        image = f"ruclip:{place}"
    elif kind == "open_clip":
        image = f"open_clip:{save_clip(place, PLAIN)}"
    elif kind == "sentence":
        save_sentence_folder(place, pooling={"pooling_mode_cls_token": True}, dense=True)
        image = tiny_timm(tmp_path)[0]
    else:
        save_towers(place, kind)
    text = f"hf:{place}" if kind == "sentence" else image
    document = train("--full", "--image-encoder", image, "--text-encoder", text)
    place.rename(tmp_path / "gone")  # the trained model stands by itself
    stored_equals_computed(folder, document["fingerprint"])
    image_trunk = load_model(folder / "models", "pair", device="cpu").image
    assert isinstance(image_trunk, HeadedImageEncoder)
    assert image_trunk.base.network.state_dict()


def test_an_open_clip_whose_text_tower_cannot_be_trained(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = save_clip(tmp_path / "clip", WITH_BERT)
    with pytest.raises(SystemExit) as end:
        main(["train", "pair", "--archive", str(folder), "--text-encoder", f"open_clip:{place}"])
    assert end.value.code == 1
    assert "hf:NAME_OR_FOLDER" in capsys.readouterr().err
