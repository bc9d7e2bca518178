"""`train text-target`: images get the vectors of their reports, on a small archive of drawn pictures."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from caseindex.encoders.model import load_model
from caseindex.encoders.prompts import margins, pair_softmax, prompt_vectors, prompts_of
from caseindex.errors import ModelNotFound, SettingsError, TrainingError
from caseindex.index.archive import Archive
from caseindex.records import ItemKind, Series
from caseindex.train.text_target import TextTargetResult, train_text_target
from caseindex.train.text_target_settings import TextTargetSettings
from caseindex.train.text_target_space import concept_space
from caseindex.train.text_target_task import TargetTask
from tests.train.drawn_archive import make_archive

SMALL = {"dim": 16, "whitened": 24, "vocabulary": 800, "batch": 16, "epochs": 6, "validation": 0.2, "test": 0.3}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, TextTargetResult]]:
    archive = make_archive(tmp_path_factory.mktemp("target") / "archive")
    yield archive, train_text_target(archive, TextTargetSettings(**SMALL), tensorboard=False)
    archive.store.close()


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [("ischemic stroke", 0), ("ишемический инсульт", 0), ("субдуральная гематома", 1), ("патологии не выявлено", 2)],
)
def test_sentences_score_images_of_unseen_patients(
    trained: tuple[Archive, TextTargetResult], sentence: str, kind: int
) -> None:
    archive, result = trained
    model = load_model(archive.models_dir, "text-target")
    unseen = [int(study[-3:]) for study in json.loads((result.run / "split.json").read_text())["test"]]
    with archive.store.read() as reader:
        vectors = np.stack([reader.embedding(result.fingerprint, ItemKind.IMAGE, f"i{n}") for n in unseen])
    assert model.text is not None
    pair = prompt_vectors(model.text, prompts_of(sentence))
    assert pair is not None
    scores = margins(vectors, *pair)
    has = np.array([n % 3 == kind for n in unseen])
    assert scores[has].min() > scores[~has].max()
    assert (pair_softmax(scores)[has] > 0.5).all()


def test_the_card_says_how_well(trained: tuple[Archive, TextTargetResult]) -> None:
    archive, result = trained
    assert result.test.mean_auc.value > 0.95
    assert set(result.test.findings) >= {"ischemic_stroke", "normal"}
    recall = result.test.recall["image_to_text_recall@10"]
    assert recall.value > result.test.chance["image_to_text_recall@10"]
    card = (archive.models_dir / "text-target" / "MODEL_CARD.md").read_text("utf-8")
    assert "| ischemic_stroke |" in card
    assert "Case" not in card  # no report's text


def test_embeddings_equal_a_pass_over_the_pixels(trained: tuple[Archive, TextTargetResult]) -> None:
    archive, result = trained
    model = load_model(archive.models_dir, "text-target")
    assert model.image is not None
    with archive.store.read() as reader:
        stored = reader.embedding(result.fingerprint, ItemKind.IMAGE, "i7")
    pixels = np.asarray(Picture.open(archive.path / "7.png"))
    np.testing.assert_allclose(model.image.encode(model.image.preprocess(pixels)[None])[0], stored, atol=2e-5)


def test_interrupted_and_resumed_gives_the_same_model(
    trained: tuple[Archive, TextTargetResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_archive(tmp_path / "archive")
    plain, steps = TargetTask.loss, []

    def stopping(self: TargetTask, batch: object, epoch: int, number: int) -> object:
        steps.append(number)
        if len(steps) == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(self, batch, epoch, number)

    monkeypatch.setattr(TargetTask, "loss", stopping)
    with pytest.raises(KeyboardInterrupt):
        train_text_target(archive, TextTargetSettings(**SMALL), tensorboard=False)
    result = train_text_target(archive, TextTargetSettings(**SMALL), tensorboard=False)
    archive.store.close()
    assert result.resumed
    assert len(steps) == trained[1].loop.steps
    assert result.fingerprint == trained[1].fingerprint


def test_a_model_of_the_archive_gives_the_targets_and_its_text_side(
    trained: tuple[Archive, TextTargetResult],
) -> None:
    archive, _ = trained
    settings = TextTargetSettings(**{**SMALL, "epochs": 1}, name="second", text_encoder="text-target")
    train_text_target(archive, settings, tensorboard=False)
    one, two = (load_model(archive.models_dir, name).text for name in ("text-target", "second"))
    assert one is not None
    assert two is not None
    np.testing.assert_array_equal(one.encode(["stroke"]), two.encode(["stroke"]))
    with pytest.raises(ModelNotFound, match="text encoder"):
        train_text_target(archive, replace(settings, name="third", text_encoder="imagenet"), tensorboard=False)


def test_one_per_sequence(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "archive", 12)
    with archive.store.read() as reader:
        images = list(reader.images())
    archive.store.put(
        images=[
            replace(image, modality="MR", series_uid=f"{int(image.image_uid[1:]) % 2} {image.study_uid}")
            for image in images
        ],
        series=[
            Series(
                series_uid=f"{n % 2} study-{n:03d}", study_uid=f"study-{n:03d}", description=("ax T2", "FLAIR")[n % 2]
            )
            for n in range(12)
        ],
    )
    settings = TextTargetSettings(**{**SMALL, "epochs": 1}, modality="mr", sequence="t2")
    assert sum(train_text_target(archive, settings, tensorboard=False).studies.values()) == 6
    with pytest.raises(TrainingError, match="asked for"):
        train_text_target(archive, replace(settings, modality="CT"), tensorboard=False)
    archive.store.close()


def test_the_space_of_concepts_tells_assertion_from_denial_in_any_language() -> None:
    texts = ["Ischemic stroke.", "No stroke. Hydrocephalus.", "Субдуральная гематома.", "No hydrocephalus. Stroke."]
    encoder = concept_space(texts, 8, 500).encoder
    stroke, russian, denied, other = encoder.encode(["stroke", "инсульт", "no stroke", "hydrocephalus"])
    np.testing.assert_allclose(stroke, russian, atol=1e-6)
    assert stroke @ denied < 0.9
    assert stroke @ other < 0.9
    assert not encoder.encode(["xyzzy"]).any()


def test_prompt_pairs() -> None:
    assert prompts_of("гидроцефалия").negatives[0] == "гидроцефалия не выявлено"
    assert prompts_of("脑积水").negatives[0] == "未见脑积水"
    assert "abnormal" in prompts_of("no pathology").negatives[0]
    assert prompts_of("stroke", "healthy brain").negatives == ("healthy brain",)


@pytest.mark.parametrize("change", [{"name": "../x"}, {"name": "a", "text_encoder": "a"}, {"dim": 1}, {"minutes": 0.0}])
def test_settings_out_of_range(change: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        TextTargetSettings(**change)  # type: ignore[arg-type]
