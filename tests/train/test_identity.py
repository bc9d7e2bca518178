"""`train identity` from an archive to a model, on a small archive of drawn persons. One archive for all: the untrained
default is fitted to it once."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from caseindex.encoders.headed_image import HeadedImageEncoder
from caseindex.encoders.model import load_model
from caseindex.errors import SettingsError, TrainingError
from caseindex.evaluation.bootstrap import Interval
from caseindex.index import identity_model
from caseindex.index.archive import Archive
from caseindex.records import Image, ItemKind, Study
from caseindex.settings import load_settings
from caseindex.train import identity, identity_core, identity_head
from caseindex.train.identity import IdentityResult, train_identity
from caseindex.train.identity_comparison import Comparison, Figures
from caseindex.train.identity_settings import IdentitySettings, with_recipe
from caseindex.train.identity_task import IdentityTask
from tests.train.drawn_persons import SMALL, make_persons

SETTINGS = with_recipe("caseindex", **SMALL, memory=24)


@pytest.fixture(scope="module", autouse=True)
def few_views() -> Iterator[None]:
    """To estimate what varies, fewer views than usual: they are most of the time here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity_head, "FIRST", (1, 24))
        patch.setattr(identity_head, "LAST", (1, 24))
        patch.setattr(identity_model, "VIEWED", 24)
        patch.setattr(identity_model, "VIEWS", 1)
        yield


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """24 patients with 3 images, 4 with one, and an image of nobody known."""
    made = make_persons(tmp_path_factory.mktemp("identity") / "archive")
    file = made.path / "unknown.png"
    Picture.fromarray(np.asarray(Picture.open(made.path / "p000-0.png"))[::-1]).save(file)
    lone = [f"lone{number}" for number in range(4)]
    made.store.put(
        studies=[Study(study_uid=name, patient_id=name) for name in lone] + [Study(study_uid="unknown")],
        images=[
            Image(image_uid=name, study_uid=name, file=f"p00{n}-0.png", source=str(made.path / f"p00{n}-0.png"),
                  patient_id=name, modality="CR")
            for n, name in enumerate(lone)
        ]
        + [Image(image_uid="unknown", study_uid="unknown", file=file.name, source=str(file), modality="CR")],
    )  # fmt: skip
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    made = make_persons(tmp_path_factory.mktemp("other") / "elsewhere", 8, 2, first=100)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def trained(archive: Archive, other: Archive) -> IdentityResult:
    result = train_identity(archive, SETTINGS, others=[other], tensorboard=False)
    assert result is not None
    return result


@pytest.fixture
def own(archive: Archive, trained: IdentityResult, tmp_path: Path) -> Iterator[Archive]:
    """A copy of the archive with its model, for a test that trains again: what it writes is nobody else's."""
    copied = Archive.open(Path(shutil.copytree(archive.path, tmp_path / "archive")))
    yield copied
    copied.store.close()


def _run(archive: Archive, settings: IdentitySettings, **more: Any) -> IdentityResult:
    result = train_identity(archive, settings, tensorboard=False, **more)
    assert result is not None
    return result


def _document(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


def test_the_run_folder_says_what_was_done(archive: Archive, trained: IdentityResult) -> None:
    settings = _document(trained.run / "settings.json")
    assert {name: settings[name] for name in SETTINGS.document()} == SETTINGS.document()
    assert {"base", "data", "split"} <= set(settings)
    result = _document(trained.run / "result.json")
    assert result["fingerprint"] == trained.fingerprint
    assert result["here"]["trained"]["top_1"]["value"] == trained.here.trained.top_1.value  # type: ignore[union-attr]
    lines = [json.loads(line) for line in (trained.run / "metrics.jsonl").read_text().splitlines()]
    validated = [line for line in lines if line["part"] == "validation"]
    assert [line["epoch"] for line in validated] == list(range(trained.loop.epochs))
    assert {"mean_loss", "pair_auc", "top_1"} <= set(validated[0])
    assert sorted(file.name for file in trained.run.iterdir()) == [
        "MODEL_CARD.md", "best.safetensors", "metrics.jsonl", "result.json", "settings.json", "split.json",
    ]  # fmt: skip


def test_the_model_card(archive: Archive, trained: IdentityResult) -> None:
    card = (archive.models_dir / "identity" / "MODEL_CARD.md").read_text("utf-8")
    assert card == (trained.run / "MODEL_CARD.md").read_text("utf-8")
    assert trained.here is not None
    count = trained.images["train"]
    for said in (
        f"{count} images to train",
        trained.why,
        f"{trained.here.trained.top_1.value:.3f} ({trained.here.trained.top_1.low:.3f}-",
        "archive elsewhere (16 queries, gallery 16)",
        "no patient is on two sides",
        "Not a medical device",
        '"memory": 24',
    ):
        assert said in card, said


def test_no_patient_is_on_two_sides(trained: IdentityResult) -> None:
    split = _document(trained.run / "split.json")
    sides = {name: {uid[:4] for uid in split[name] if uid.startswith("p")} for name in ("train", "validation", "test")}
    assert sum(map(len, sides.values())) == len(set().union(*sides.values())) == 24
    assert all(sides.values())


def test_everything_is_embedded_and_equals_a_pass_over_the_pixels(archive: Archive, trained: IdentityResult) -> None:
    model = load_model(archive.models_dir, "identity")
    assert isinstance(model.image, HeadedImageEncoder)
    assert model.fingerprint == trained.fingerprint
    with archive.store.read() as reader:
        assert reader.counts().embeddings[trained.fingerprint] == 24 * 3 + 4 + 1
        stored = reader.embedding(trained.fingerprint, ItemKind.IMAGE, "p007-1")
    pixels = np.asarray(Picture.open(archive.path / "p007-1.png"))
    np.testing.assert_allclose(model.image.encode(model.image.preprocess(pixels)[None])[0], stored, atol=2e-5)


def test_it_is_measured_on_an_archive_that_it_was_not_trained_on(trained: IdentityResult, other: Archive) -> None:
    (there,) = trained.others
    assert (there.where, there.queries, there.gallery) == ("archive elsewhere", 16, 16)
    assert 0.5 < there.trained.pair_auc.value <= 1
    with other.store.read() as reader:
        assert not reader.counts().embeddings  # nothing is written to it
    assert not other.models_dir.exists() or not list(other.models_dir.iterdir())
    assert (other.path / "archive.toml").read_text() == "# mine\n"


@pytest.mark.parametrize("stop_at", [2, 7], ids=["before the hard negatives", "after"])
def test_interrupted_and_resumed_gives_the_same_weights(
    stop_at: int, own: Archive, trained: IdentityResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, steps = IdentityTask.loss, []

    def stopping(self: IdentityTask, batch: object, epoch: int, number: int) -> object:
        steps.append(number)
        if len(steps) == stop_at:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(self, batch, epoch, number)

    monkeypatch.setattr(IdentityTask, "loss", stopping)
    with pytest.raises(KeyboardInterrupt):
        train_identity(own, SETTINGS, tensorboard=False)
    result = _run(own, SETTINGS)
    assert result.resumed
    assert len(steps) == trained.loop.steps == 8
    assert (result.run / "best.safetensors").read_bytes() == (trained.run / "best.safetensors").read_bytes()
    assert result.fingerprint == trained.fingerprint  # of all weights, bit by bit


def test_another_seed_gives_another_model(own: Archive, trained: IdentityResult) -> None:
    changed = _run(own, with_recipe("caseindex", **{**SMALL, "epochs": 2, "seed": 1, "name": "seeded"}), use=False)
    assert not changed.resumed
    assert changed.fingerprint != trained.fingerprint
    assert _document(changed.run / "split.json") != _document(trained.run / "split.json")


# The published recipe.

SIAMESE = {**SMALL, "sizes": (32,), "batch_persons": 24, "learning_rate": None, "trunk_rate": None, "name": "siamese"}


def test_the_published_recipe_is_one_configuration() -> None:
    settings = with_recipe("siamese")
    assert (settings.loss, settings.margin, settings.sizes, settings.rounds) == ("pairs", 0.5, (224,), 2)
    assert (settings.positive_aware, settings.augmentation, settings.head) == (0.0, "none", "learned")
    assert with_recipe("siamese", rounds=1, augmentation="slight").rounds == 1
    with pytest.raises(SettingsError, match="Known: caseindex, siamese"):
        with_recipe("twins")


def test_margin_auto_keeps_the_best_of_ten(own: Archive) -> None:
    """The model is worse than the untrained default, which is said in so many words."""
    quiet = {**SIAMESE, "trunk_rate": 1e-4, "margin": 0.0, "epochs": 2, "rounds": 1}
    result = _run(own, with_recipe("siamese", **quiet))
    tried = {float(margin): auc for margin, auc in _document(result.run / "margins.json").items()}
    assert sorted(tried) == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    scores = {margin: auc for margin, auc in tried.items() if auc is not None}
    assert len(set(scores.values())) > 1
    assert scores[result.margin] == max(scores.values())
    card = (own.models_dir / "siamese" / "MODEL_CARD.md").read_text("utf-8")
    assert f'"margin": {result.margin}' in card
    assert not list(result.run.glob("margin-*/*.safetensors"))
    assert result.here is not None
    assert result.here.trained.top_1.value < result.here.untrained.top_1.value
    assert result.why.startswith("WORSE than the untrained default on unseen patients.")
    assert result.why in card
    assert not result.in_use
    assert load_settings(own.path / "archive.toml").models.identity != "siamese"


def test_a_margin_that_collapses_is_out(own: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    validate = IdentityTask.validate

    def collapsing(self: IdentityTask) -> dict[str, float]:
        if self._folder.name == "margin-0.2" or all_of_them:
            raise TrainingError(self._folder.name, "the embeddings have collapsed", "Give a larger --margin")
        return {**validate(self), "pair_auc": 0.9}

    monkeypatch.setattr(IdentityTask, "validate", collapsing)
    monkeypatch.setattr(identity_core, "MARGINS", (0.2, 0.4))
    quiet = {**SIAMESE, "trunk_rate": 1e-4, "margin": 0.0, "epochs": 1, "rounds": 0, "name": "margins"}
    settings = with_recipe("siamese", **quiet)
    all_of_them = False
    result = _run(own, settings)
    assert result.margin == 0.4
    assert _document(result.run / "margins.json") == {"0.2": None, "0.4": 0.9}
    all_of_them = True
    with pytest.raises(TrainingError, match=r"margin-0\.4: the embeddings have collapsed"):
        _run(own, settings)


def test_a_collapse_stops_it_by_name(own: Archive) -> None:
    """Far too high a learning rate drives everybody to one point."""
    with pytest.raises(TrainingError, match=r"collaps-\d+-\d+.*: the embeddings have collapsed"):
        _run(own, with_recipe("siamese", **{**SIAMESE, "trunk_rate": 3e-2, "name": "collaps"}))
    assert not (own.models_dir / "collaps").exists()


# What is put to use, and what is said.


def _figures(top_1: float, auc: float) -> Figures:
    def at(value: float) -> Interval:
        return Interval(value, value - 0.05, value + 0.05)

    return Figures(top_1=at(top_1), top_5=at(top_1), pair_auc=at(auc), tpr=at(0.2))


def _comparison(gain: Interval, auc: float, where: str = "unseen patients of this archive") -> Comparison:
    return Comparison(
        where=where,
        queries=100,
        gallery=100,
        trained=_figures(0.5 + gain.value, auc),
        untrained=_figures(0.5, 0.9),
        gain=gain,
    )


BETTER = _comparison(Interval(0.1, 0.05, 0.15), 0.95)
WORSE = Interval(-0.1, -0.15, -0.05)
VERDICTS = {
    "better": (BETTER, [], True, "Better than", None),
    "as good": (_comparison(Interval(0.01, -0.05, 0.07), 0.9), [], False, "Not better than", "WORSE"),
    "worse": (_comparison(WORSE, 0.95), [], False, "WORSE than the untrained default on unseen patients", None),
    "worse elsewhere": (
        BETTER,
        [_comparison(WORSE, 0.95, "archive b"), _comparison(BETTER.gain, 0.95, "archive c")],
        True,
        "Better than",
        None,
    ),
    "better first, worse in pairs": (_comparison(BETTER.gain, 0.85), [], True, "Better than", None),
    "as good first, better in pairs": (
        _comparison(Interval(0.01, -0.05, 0.07), 0.96),
        [],
        True,
        "Better than",
        "WORSE",
    ),
    "behind first, better in pairs": (_comparison(Interval(-0.01, -0.07, 0.05), 0.96), [], False, "WORSE than", None),
    "behind elsewhere": (
        BETTER,
        [_comparison(Interval(-0.003, -0.008, 0.003), 0.9, "archive d")],
        True,
        "Better than",
        "WORSE",
    ),
    "nothing to compare": (None, [], False, "Not compared", "WORSE"),
}


@pytest.mark.parametrize("case", list(VERDICTS))
def test_the_verdict(case: str) -> None:
    here, others, adopted, begins, not_said = VERDICTS[case]
    better, why = identity.verdict(here, others)
    assert better is adopted
    assert why.startswith(begins)
    assert not_said is None or not_said not in why
    assert ("archive.toml is unchanged" in why) is not adopted
    assert ("WORSE than the untrained default on archive b: do not use it there" in why) is (case == "worse elsewhere")
    assert ("Behind the untrained default on archive d, though within chance" in why) is (case == "behind elsewhere")
    assert "on archive b, archive c" not in why
    assert ("pair AUC is WORSE" in why) is (case == "better first, worse in pairs")


@pytest.mark.parametrize("use", [True, False])
def test_only_what_is_better_is_put_to_use(
    use: bool, own: Archive, trained: IdentityResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = own.path / "archive.toml"
    assert (load_settings(toml).models.identity == "identity") is trained.in_use
    assert trained.in_use is (trained.here is not None and trained.here.better)
    monkeypatch.setattr(identity, "compared_here", lambda *_: BETTER)
    settings = with_recipe("caseindex", **{**SMALL, "epochs": 1, "rounds": 0, "name": "good"})
    result = _run(own, settings, use=use)
    assert result.in_use is use
    assert (load_settings(toml).models.identity == "good") is use
    assert toml.read_text().startswith("# mine\n")
    assert ("It was not put to use, as asked" in result.why) is not use


def test_an_archive_of_patients_with_one_image_each(tmp_path: Path) -> None:
    made = make_persons(tmp_path / "archive", 5, 1)
    with pytest.raises(TrainingError, match="no patient has two images of one kind"):
        train_identity(made, SETTINGS, tensorboard=False)
    made.store.close()


@pytest.mark.parametrize(
    "change",
    [{"name": "../x"}, {"name": "grid"}, {"loss": "mse"}, {"sizes": (100,)}, {"rounds": 40}, {"minutes": 0.0}, {"margin": 3.0}],
    ids=str,
)  # fmt: skip
def test_settings_out_of_range(change: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        IdentitySettings(**change)  # type: ignore[arg-type]
