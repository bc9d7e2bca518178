"""What the settings of identity training do, on a network of two layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from caseindex.encoders.head_in_parts import HeadInParts
from caseindex.encoders.preprocessing import Preprocessing
from caseindex.errors import SettingsError
from caseindex.train.identity_core import Material, Trained, train_on
from caseindex.train.identity_head import compressed
from caseindex.train.identity_settings import IdentitySettings, with_recipe
from caseindex.train.identity_task import IdentityImages, IdentityTask
from tests.train.distributed_worker import COMMON, drawn_images, network

ROWS = np.arange(36)


def _trained(folder: Path, images: IdentityImages | None = None, recipe: str = "caseindex", **changed: Any) -> Trained:
    return train_on(_material(folder, images or drawn_images()), with_recipe(recipe, **{**COMMON, **changed}))


def _material(
    folder: Path, images: IdentityImages, trunk: Callable[[], torch.nn.Module] | None = None, side: int = 32
) -> Material:
    return Material(
        images=images, trunk=trunk or _seeded, preprocessing=Preprocessing(height=side, width=side), folder=folder,
        train=ROWS[:-9], validation=ROWS[-9:], device="cpu",
    )  # fmt: skip


def _seeded() -> torch.nn.Module:
    torch.manual_seed(1)
    return network()


def _differs(trained: Trained) -> float:
    """How far the trunk has moved from its start."""
    start = _seeded().state_dict()
    return max(float((value - start[name]).abs().max()) for name, value in trained.module.trunk.state_dict().items())


def _last_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last epoch is always the best, so that what it trained is what is looked at."""
    scores = iter(range(1000))
    monkeypatch.setattr(IdentityTask, "validate", lambda self: {"score": float(next(scores)), "pair_auc": 0.5})


def test_in_frozen_epochs_only_the_head_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _last_weights(monkeypatch)
    heads = []
    for epochs, frozen in ((1, 4), (2, 4), (2, 1)):
        folder = tmp_path / f"{epochs}-{frozen}"
        folder.mkdir()
        trained = _trained(folder, epochs=epochs, frozen_epochs=frozen, rounds=0)
        heads.append(trained.module.weight.detach().clone())
        assert (_differs(trained) == 0) is (frozen == 4)
    assert not torch.equal(heads[0], heads[1])


def test_a_trunk_rate_of_zero_keeps_the_trunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _last_weights(monkeypatch)
    assert _differs(_trained(tmp_path, trunk_rate=0.0)) == 0


def test_pictures_grow_from_one_size_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    plain = IdentityTask.loss

    def noting(self: IdentityTask, batch: Any, epoch: int, number: int) -> torch.Tensor:
        hook = self._module.trunk.register_forward_pre_hook(lambda _, given: seen.append((epoch, given[0].shape[-1])))
        value = plain(self, batch, epoch, number)
        hook.remove()
        return value

    monkeypatch.setattr(IdentityTask, "loss", noting)
    pooled = torch.nn.Sequential(*list(network())[:-1], torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten())
    settings = with_recipe("caseindex", **{**COMMON, "sizes": (32, 48), "rounds": 0})
    train_on(_material(tmp_path, drawn_images(), lambda: pooled, 48), settings)
    assert set(seen) == {(0, 32), (1, 32), (2, 48), (3, 48)}


@pytest.mark.parametrize("recipe", ["caseindex", "siamese"])
def test_hard_negatives_are_mined_after_a_warm_up(recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there: dict[int, list[str]] = {}
    plain = IdentityTask.loss

    def noting(self: IdentityTask, batch: Any, epoch: int, number: int) -> torch.Tensor:
        there[epoch] = sorted(file.name for file in tmp_path.glob("round-*"))
        return plain(self, batch, epoch, number)

    monkeypatch.setattr(IdentityTask, "loss", noting)
    _trained(tmp_path, recipe=recipe, rounds=1, epochs=4)
    assert there == {0: [], 1: [], 2: ["round-1.npy"], 3: ["round-1.npy"]}
    mined = np.load(tmp_path / "round-1.npy")
    persons = drawn_images().persons
    assert mined.shape == (27, 8)
    assert (mined[:, 0] >= 0).mean() > 0.5
    anchors, places = np.nonzero(mined >= 0)
    assert (persons[anchors] != persons[mined[anchors, places]]).all()


def test_the_published_recipe_trains_on_the_mined_strangers(tmp_path: Path) -> None:
    trained = _trained(tmp_path, recipe="siamese", rounds=1)
    mined = np.load(tmp_path / "round-1.npy")[:, 0]

    def strangers(epoch: int) -> list[tuple[int, int]]:
        batches = trained.task.batches(epoch)
        return [tuple(pair) for pairs, different in batches for pair in pairs[different == 1].tolist()]

    assert all(mined[one] == two for one, two in strangers(3))
    assert not all(mined[one] == two for one, two in strangers(0))
    assert len(strangers(3)) == len(strangers(0)) == 27


def test_pictures_of_nobody_known_are_in_no_batch(tmp_path: Path) -> None:
    images = drawn_images()
    persons = images.persons.copy()
    persons[[0, 4, 8]] = -1
    unknown = replace(images, persons=persons, families=persons)
    for recipe in ("caseindex", "siamese"):
        folder = tmp_path / recipe
        folder.mkdir()
        task = _trained(folder, unknown, recipe=recipe, rounds=1).task
        for epoch in range(4):
            batches = [batch[0] if recipe == "siamese" else batch for batch in task.batches(epoch)]
            assert not set(np.concatenate([batch.ravel() for batch in batches]).tolist()) & {0, 4, 8}
        assert (np.load(folder / "round-1.npy")[[0, 4, 8]] == -1).all()


def test_the_network_as_it_was_stays_beside_the_trained_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _last_weights(monkeypatch)
    (tmp_path / "alone").mkdir()
    alone, both = _trained(tmp_path / "alone", rounds=0), _trained(tmp_path, rounds=0, beside=True)
    start, learned = _seeded().state_dict(), alone.module.trunk.state_dict()
    state = both.module.trunk.state_dict()
    assert all(torch.equal(state[f"networks.0.{name}"], value) for name, value in learned.items())
    assert all(torch.equal(state[f"networks.1.{name}"], value) for name, value in start.items())
    assert both.widths == alone.widths * 2
    assert len(both.within[0]) == sum(both.widths)
    assert isinstance(both.head, HeadInParts)
    assert both.head.dim == alone.head.dim == COMMON["dim"]
    features = both.task.embedded(ROWS, features=True)
    half = np.ascontiguousarray(features[:, : both.widths[0]])
    np.testing.assert_allclose(half * np.sqrt(2), alone.task.embedded(ROWS, features=True), atol=1e-5)
    assert both.head(features).shape == (len(ROWS), COMMON["dim"])


def test_a_learned_head_is_of_one_network() -> None:
    with pytest.raises(SettingsError, match="learned head"):
        IdentitySettings(head="learned", beside=True)
    assert with_recipe("siamese").beside is False


def test_compressed_deviations_keep_their_scatter() -> None:
    generator = np.random.default_rng(0)
    deviations = (generator.normal(size=(400, 5)) @ generator.normal(size=(5, 30))).astype(np.float32)
    small = compressed(deviations, rows=12)
    assert small.shape == (12, 30)
    np.testing.assert_allclose(small.T @ small, deviations.T @ deviations, rtol=1e-3, atol=1e-1)
    assert compressed(deviations[:7], rows=12) is not None
    assert len(compressed(deviations[:7], rows=12)) == 7


def test_rounds_and_sizes_are_spread_over_the_epochs() -> None:
    settings = IdentitySettings(epochs=7, rounds=2, sizes=(64, 96, 128))
    assert [settings.round_of(epoch) for epoch in range(7)] == [0, 0, 0, 1, 1, 2, 2]
    assert [settings.size_of(epoch) for epoch in range(7)] == [64, 64, 64, 96, 96, 128, 128]
