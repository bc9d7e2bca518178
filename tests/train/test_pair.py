"""`train pair` from an archive to a model in use, on a small archive of drawn pictures."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from caseindex.encoders.headed_image import HeadedImageEncoder
from caseindex.encoders.model import load_model, load_text_encoder
from caseindex.errors import SettingsError, TrainingError
from caseindex.index.archive import Archive
from caseindex.records import Image, ItemKind, Report, Study
from caseindex.settings import load_settings
from caseindex.train.pair import PairResult, train_pair
from caseindex.train.pair_data import read_pairs, with_images
from caseindex.train.pair_settings import PairSettings
from tests.train.drawn_archive import SMALL, make_archive


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, PairResult]]:
    archive = make_archive(tmp_path_factory.mktemp("pair") / "archive")
    yield archive, train_pair(archive, PairSettings(**SMALL), tensorboard=False)
    archive.store.close()


def test_words_find_images_of_unseen_patients(trained: tuple[Archive, PairResult]) -> None:
    archive, result = trained
    text = load_text_encoder(archive.models_dir, "pair")
    split = json.loads((result.run / "split.json").read_text())
    unseen = [int(study[-3:]) for study in split["test"]]
    with archive.store.read() as reader:
        vectors = np.stack([reader.embedding(result.fingerprint, ItemKind.IMAGE, f"i{n}") for n in unseen])
    assert text is not None
    for question, kind in (
        ("ischemic stroke", 0),
        ("ишемический инсульт", 0),
        ("缺血性脑卒中", 0),
        ("субдуральная гематома", 1),
    ):
        similarity = vectors @ text.encode([question])[0]
        by_kind = [np.mean([s for s, n in zip(similarity, unseen, strict=True) if n % 3 == k]) for k in range(3)]
        assert int(np.argmax(by_kind)) == kind, (question, by_kind)


def test_it_is_put_to_use_and_says_why(trained: tuple[Archive, PairResult]) -> None:
    archive, result = trained
    assert result.in_use, result.why
    settings = archive.path / "archive.toml"
    assert load_settings(settings).models.search == "pair"
    assert settings.read_text().startswith("# mine\n")
    card = (archive.models_dir / "pair" / "MODEL_CARD.md").read_text()
    assert "chance" in card
    assert "36 studies to train" in card


def test_everything_is_embedded_and_equals_a_pass_over_the_pixels(trained: tuple[Archive, PairResult]) -> None:
    archive, result = trained
    model = load_model(archive.models_dir, "pair")
    assert isinstance(model.image, HeadedImageEncoder)
    with archive.store.read() as reader:
        assert reader.counts().embeddings[result.fingerprint] == 120
        stored = reader.embedding(result.fingerprint, ItemKind.IMAGE, "i7")
    pixels = np.asarray(Picture.open(archive.path / "7.png"))
    np.testing.assert_allclose(model.image.encode(model.image.preprocess(pixels)[None])[0], stored, atol=2e-5)


def test_interrupted_and_resumed_gives_the_same_model(
    trained: tuple[Archive, PairResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from caseindex.train.pair_task import PairTask

    archive = make_archive(tmp_path / "archive")
    plain, steps = PairTask.loss, []

    def stopping(self: PairTask, batch: object, epoch: int, number: int) -> object:
        steps.append(number)
        if len(steps) == 17:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(self, batch, epoch, number)

    monkeypatch.setattr(PairTask, "loss", stopping)
    with pytest.raises(KeyboardInterrupt):
        train_pair(archive, PairSettings(**SMALL), tensorboard=False)
    result = train_pair(archive, PairSettings(**SMALL), tensorboard=False)
    assert result.resumed
    assert len(steps) == trained[1].loop.steps
    assert result.fingerprint == trained[1].fingerprint  # of all weights, bit by bit
    archive.store.close()


def test_held_out_patients_are_on_no_side(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "archive", 12)
    held = {f"p{number}" for number in range(4)}
    result = train_pair(archive, PairSettings(**{**SMALL, "epochs": 1}), hold_out=held, tensorboard=False, use=False)
    split = json.loads((result.run / "split.json").read_text())
    assert set(split["held_out"]) == {f"study-{number:03d}" for number in range(4)}
    assert not result.in_use
    assert (archive.path / "archive.toml").read_text() == "# mine\n"
    archive.store.close()


def test_an_archive_without_reports(tmp_path: Path) -> None:
    (tmp_path / "archive.toml").write_text("")
    archive = Archive.open(tmp_path)
    with pytest.raises(TrainingError, match="no study of this archive"):
        train_pair(archive, PairSettings(), tensorboard=False)
    archive.store.close()


@pytest.mark.parametrize(
    "change", [{"name": "../x"}, {"loss": "mse"}, {"dim": 1}, {"text_encoder": "bert"}, {"minutes": 0.0}]
)
def test_settings_out_of_range(change: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        PairSettings(**change)  # type: ignore[arg-type]


def test_a_report_that_names_its_images_speaks_of_those_alone(tmp_path: Path) -> None:
    (tmp_path / "archive.toml").write_text("")
    archive = Archive.open(tmp_path)
    archive.store.put(
        studies=[Study(study_uid="s", patient_id="p")],
        images=[Image(image_uid=uid, study_uid="s", file=uid, source=uid) for uid in ("a", "b", "c")],
        reports=[
            Report(report_uid="1", study_uid="s", text="of a", file="t", image_uids=("a",)),
            Report(report_uid="2", study_uid="s", text="of both", file="t", image_uids=("a", "b")),
        ],
    )
    pairs = read_pairs(archive)
    spoken = {image.uid: {pairs.texts[text] for text in image.texts} for image in pairs.images}
    assert spoken == {"a": {"of a", "of both"}, "b": {"of both"}}
    only = with_images(pairs, [1])
    assert (only.texts, [image.uid for image in only.images]) == (("of both",), ["b"])
    archive.store.close()
