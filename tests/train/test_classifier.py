"""`train classifier` from an archive to a model, on a small archive of drawn pictures."""

from __future__ import annotations

import csv
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from caseindex.encoders.classifier import ImageClassifier, TextClassifier, load_classifier
from caseindex.encoders.classifier_networks import PublishedCnn, PublishedLstm
from caseindex.encoders.model import load_model
from caseindex.encoders.preprocessing import Preprocessing
from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.errors import ModelNotFound, SettingsError, TrainingError, UsageError
from caseindex.evaluation.label_table import read_label_table
from caseindex.index.archive import Archive
from caseindex.train.classifier import ClassifierResult, train_classifier
from caseindex.train.classifier_contrast import CONTRASTS, Contrast, chosen_contrast, with_contrast
from caseindex.train.classifier_settings import classifier_settings
from caseindex.train.classifier_split import stratified_split
from caseindex.train.classifier_task import ClassifierTask
from tests.train.drawn_archive import make_archive

KINDS = ("stroke", "haematoma", "normal")
QUICK = {"epochs": 12, "batch": 16, "size": 64, "whitened": 16, "hidden": 16, "validation": 0.2}


def labelled(folder: Path, patients: int = 60) -> Archive:
    archive = make_archive(folder, patients)
    with archive.store.read() as reader:
        images = list(reader.images())
    archive.store.put(images=[replace(image, labels=(KINDS[int(image.image_uid[1:]) % 3],)) for image in images])
    return archive


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    made = labelled(tmp_path_factory.mktemp("classifier") / "archive")
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def trained(archive: Archive) -> ClassifierResult:
    return train_classifier(archive, classifier_settings(**QUICK), tensorboard=False)


def test_the_head_on_an_encoder_learns_and_says_so(archive: Archive, trained: ClassifierResult) -> None:
    assert trained.test.metrics["accuracy"].value == 1.0
    assert trained.test.metrics["lrap"].value > trained.prior.metrics["lrap"].value
    card = (archive.models_dir / "image-classifier" / "MODEL_CARD.md").read_text("utf-8")
    assert f"{trained.items['train']} pictures to train" in card
    assert trained.confusion is not None
    assert trained.confusion.read_bytes().startswith(b"\x89PNG")
    split = json.loads((trained.run / "split.json").read_text())
    assert not set(split["train"]) & (set(split["validation"]) | set(split["test"]))
    assert sorted(path.name for path in trained.run.glob("*.npy")) == []  # no patient's picture is left behind


def test_the_saved_model_answers_as_in_training(archive: Archive, trained: ClassifierResult) -> None:
    model = load_classifier(archive.models_dir, "image-classifier")
    assert isinstance(model, ImageClassifier)
    assert model.classes == trained.classes == tuple(sorted(KINDS))
    with pytest.raises(ModelNotFound, match="a classifier"):
        load_model(archive.models_dir, "image-classifier")
    test = json.loads((trained.run / "split.json").read_text())["test"]
    pictures = [np.asarray(Picture.open(archive.path / f"{uid[1:]}.png")) for uid in test]
    found = model.predict(pictures)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    assert [model.classes[place] for place in found.argmax(1)] == [KINDS[int(uid[1:]) % 3] for uid in test]
    once, twice = model.predict(pictures[:1], test_time=1), model.predict([pictures[0][:, ::-1]], test_time=1)
    np.testing.assert_allclose(model.predict(pictures[:1], test_time=2), (once + twice) / 2, atol=1e-4)


def test_the_contrast_is_chosen_on_training_patients_and_kept(archive: Archive, trained: ClassifierResult) -> None:
    assert trained.contrast is not None
    assert list(trained.contrast.lrap) == [f"{contrast:g}" for contrast in CONTRASTS]
    assert trained.contrast.lrap[f"{trained.contrast.value:g}"] == max(trained.contrast.lrap.values())
    model = load_classifier(archive.models_dir, "image-classifier")
    assert isinstance(model, ImageClassifier)
    own = load_model(archive.models_dir, "imagenet").image.preprocessing  # type: ignore[union-attr]
    assert model.preprocessing[0].std == with_contrast(own, trained.contrast.value).std
    settings = classifier_settings(name="given", contrast=3.0, **{**QUICK, "epochs": 1})
    given = train_classifier(archive, settings, tensorboard=False)
    assert given.contrast == Contrast(3.0, {})
    assert "own: 3." in (archive.models_dir / "given" / "MODEL_CARD.md").read_text("utf-8")


class WithThreshold(torch.nn.Module):
    """Sees only what is further from the mean than a threshold, as a network does that was trained on vivid pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("threshold", torch.tensor(0.5))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        flat = pixels[:, 0].flatten(1)
        return torch.cat([torch.relu(flat.abs() - self.threshold).clamp(max=1.0), torch.ones(len(flat), 1)], 1)


def test_faint_pictures_get_more_contrast_and_nobody_tests_on_the_test_side() -> None:
    generator = np.random.default_rng(0)
    kinds = np.arange(90) % 3
    grey = generator.integers(122, 134, (90, 4, 4)).astype(np.uint8)
    for kind in range(3):
        grey[kinds == kind, kind] += (
            70  # faint: 0.27 to 0.29 of the range away from the mean, which the threshold hides
        )
    truth = np.eye(3, dtype=np.float32)[kinds]
    own = Preprocessing(height=4, width=4, mean=(0.5,) * 3, std=(1.0,) * 3)
    pixels = SimpleNamespace(preprocessing=own)
    asked: list[int] = []

    def batch(places: np.ndarray) -> torch.Tensor:
        asked.extend(places.tolist())
        return torch.from_numpy(np.stack([pixels.preprocessing.scaled(grey[place]) for place in places]))

    pixels.batch = batch
    encoder = TorchImageEncoder(name="t", fingerprint="t", dim=17, preprocessing=own, build=WithThreshold, device="cpu")
    patients = [f"p{number // 2}" for number in range(90)]
    train = np.arange(60)
    found = chosen_contrast(
        encoder,
        pixels,  # type: ignore[arg-type]
        truth,
        patients,
        train,
        whitened=8,
        seed=0,
        progress=lambda stage, done, total: None,
    )
    assert found.value == 2.0
    assert found.lrap == {"2": 1.0, "4": 1.0}  # at 1 all pictures look the same
    assert set(asked) == set(range(60))
    assert pixels.preprocessing == own


def test_interrupted_and_resumed_gives_the_same_model(
    trained: ClassifierResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = labelled(tmp_path / "archive")
    plain, steps = ClassifierTask.loss, []

    def stopping(self: ClassifierTask, batch: object, epoch: int, number: int) -> object:
        steps.append(number)
        if len(steps) == 8:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(self, batch, epoch, number)

    monkeypatch.setattr(ClassifierTask, "loss", stopping)
    with pytest.raises(KeyboardInterrupt):
        train_classifier(other, classifier_settings(**QUICK), tensorboard=False)
    result = train_classifier(other, classifier_settings(**QUICK), tensorboard=False)
    other.store.close()
    assert result.resumed
    assert len(steps) == trained.loop.steps
    assert result.fingerprint == trained.fingerprint  # of all weights, bit by bit


def test_published_cnn_has_five_convolutional_layers_and_trains(archive: Archive) -> None:
    settings = classifier_settings("cnn", name="cnn", epochs=3, size=64, batch=16)
    assert (settings.loss, settings.augment, settings.views) == ("cross-entropy", False, 1)
    assert classifier_settings("cnn").epochs == 10_000
    layers = [layer for layer in PublishedCnn(15).modules() if isinstance(layer, torch.nn.Conv2d)]
    shapes = [tuple(layer.weight.shape) for layer in layers]
    assert shapes == [(32, 1, 11, 11), (64, 32, 5, 5), (96, 64, 3, 3), (96, 96, 3, 3), (64, 96, 3, 3)]
    assert sum(isinstance(layer, torch.nn.ReLU) for layer in PublishedCnn(15).modules()) == 5
    assert PublishedCnn(15)([torch.zeros(2, 3, 224, 224)]).shape == (2, 15)
    result = train_classifier(archive, settings, tensorboard=False)
    assert result.loop.epochs == 3
    picture = np.asarray(Picture.open(archive.path / "0.png"))
    assert load_classifier(archive.models_dir, "cnn").predict([picture]).shape == (1, 3)  # type: ignore[list-item]


def test_all_of_an_encoder_can_be_trained(archive: Archive) -> None:
    settings = classifier_settings("lite0", name="full", frozen=False, **{**QUICK, "epochs": 1})
    result = train_classifier(archive, settings, tensorboard=False)
    model = load_classifier(archive.models_dir, "full")
    assert isinstance(model, ImageClassifier)
    test = json.loads((result.run / "split.json").read_text())["test"]
    found = model.predict([np.asarray(Picture.open(archive.path / f"{uid[1:]}.png")) for uid in test])
    right = np.mean([model.classes[n] == KINDS[int(uid[1:]) % 3] for n, uid in zip(found.argmax(1), test, strict=True)])
    assert right == pytest.approx(result.test.metrics["accuracy"].value)


@pytest.mark.parametrize("network", ["words", "lstm"])
def test_reports_are_classified(archive: Archive, network: str) -> None:
    settings = classifier_settings(network, name=network, validation=0.2, epochs=40, learning_rate=0.02)
    result = train_classifier(archive, settings, tensorboard=False)
    assert result.test.metrics["accuracy"].value == 1.0
    model = load_classifier(archive.models_dir, network)
    assert isinstance(model, TextClassifier)
    texts = ["Subdural hematoma on the right side. Case 7.", "No pathology. Normal brain. Case 8."]
    assert [model.classes[place] for place in model.predict(texts).argmax(1)] == ["haematoma", "normal"]
    assert model.predict([]).shape == (0, 3)


def test_words_know_other_wordings_and_languages_by_the_lexicon(archive: Archive) -> None:
    settings = classifier_settings("words", name="by-words", validation=0.2, epochs=40, learning_rate=0.02)
    train_classifier(archive, settings, tensorboard=False)
    model = load_classifier(archive.models_dir, "by-words")
    assert isinstance(model, TextClassifier)
    found = model.predict(["Субдуральная гематома слева.", "Ишемический инсульт."])
    assert [model.classes[place] for place in found.argmax(1)] == ["haematoma", "stroke"]


def test_published_lstm_reads_windows_of_150_words() -> None:
    network = PublishedLstm(50, 15)
    assert network.lstm.weight_hh_l0.shape == (4 * 64, 64)
    assert network.out.weight.shape == (15, 64 * 37)  # 150 positions, halved twice
    settings = classifier_settings("lstm")
    assert (settings.loss, settings.epochs) == ("mse", 50)
    windows = torch.randint(1, 50, (3, 150))
    owners = torch.tensor([0, 1, 1])  # the second report has two windows
    found = network((windows, owners))
    each = network((windows, torch.arange(3)))
    torch.testing.assert_close(found, torch.stack([each[0], each[1:].mean(0)]))


def test_labels_of_a_table_with_a_column_each(archive: Archive, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["study_uid", "stripes", "disc", "note"])
        for number in range(60):
            writer.writerow([f"study-{number:03d}", int(number % 3 != 1), ["", 1, 0][number % 3], "x"])
    table = read_label_table(file)
    assert table.order == ("stripes", "disc")
    settings = classifier_settings(name="many", **{**QUICK, "epochs": 30})
    result = train_classifier(archive, settings, labels=table, tensorboard=False)
    assert result.test.confusion is None
    assert result.test.metrics["macro_auc"].value > 0.9
    assert load_classifier(archive.models_dir, "many").many


def test_a_table_of_one_column_and_what_is_no_table(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("image,label\na.png,x;y\nb.png,\n", "utf-8")
    table = read_label_table(file)
    assert table.of(image="a.png") == {"x": 1.0, "y": 1.0}
    assert table.of(image="c.png") is None
    assert not table.many
    for text in ("label\nx\n", "image,age\na,50\n", ""):
        file.write_text(text, "utf-8")
        with pytest.raises(UsageError):
            read_label_table(file)


def test_rare_labels_are_left_out_and_named(archive: Archive, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    rows = [f"i{n},{'rare' if n < 2 else 'ab'[n % 2]}" for n in range(30)]
    file.write_text("image_uid,label\n" + "\n".join(rows) + "\n", "utf-8")
    settings = classifier_settings(name="rare", **{**QUICK, "epochs": 1})
    result = train_classifier(archive, settings, labels=read_label_table(file), tensorboard=False)
    assert result.left_out == {"rare": 2}
    assert sum(result.items.values()) == 28
    file.write_text("image_uid,label\ni0,a\n", "utf-8")
    with pytest.raises(TrainingError, match="0 labels"):
        train_classifier(archive, settings, labels=read_label_table(file), tensorboard=False)


def test_the_split_is_by_patient_and_gives_each_side_its_share_of_rare_labels() -> None:
    patient_of = {f"i{n}": f"p{n // 2}" for n in range(400)}
    labels_of = {f"i{n}": ["rare"] if n < 32 else ["common"] for n in range(400)}
    for seed in range(5):
        split = stratified_split(patient_of, labels_of, validation=0.1, test=0.25, seed=seed)
        sides = [{patient_of[item] for item in side} for side in (split.train, split.validation, split.test)]
        assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]  # noqa: PT018
        assert len(sides[2]) == 50
        assert sum(item in split.test for item in labels_of if labels_of[item] == ["rare"]) == 8
    held = stratified_split(patient_of, labels_of, validation=0.1, test=0.25, hold_out={"p0"})
    assert held.held_out == ("i0", "i1")


@pytest.mark.parametrize(
    "change", [{"name": "../x"}, {"network": "lstm", "input": "image"}, {"views": 0}, {"test": 0.9}]
)
def test_settings_out_of_range(change: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        classifier_settings(**change)  # type: ignore[arg-type]


def test_by_command_with_the_labels_that_the_reports_give(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from caseindex.cli.main import main

    file = tmp_path / "labels.csv"
    words = ["--archive", str(archive.path), "--format", "json"]
    with pytest.raises(SystemExit) as end:
        main(["reports", "label", "--set", "brain-ct", "--output", str(file), *words])
    assert not end.value.code
    capsys.readouterr()
    chosen = ["--labels", str(file), "--name", "by-reports", "--size", "64", "--epochs", "8", "--no-tensorboard"]
    with pytest.raises(SystemExit) as end:
        main(["train", "classifier", *chosen, *words])
    assert not end.value.code
    document = json.loads(capsys.readouterr().out)
    assert len(document["classes"]) == 3
    assert document["test"]["metrics"]["accuracy"]["value"] > document["prior"]["metrics"]["accuracy"]["value"]
    assert load_classifier(archive.models_dir, "by-reports").classes == tuple(document["classes"])
