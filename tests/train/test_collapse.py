"""Embeddings that have collapsed are named; healthy ones are not."""

from __future__ import annotations

import numpy as np
import pytest

from caseindex.errors import TrainingError
from caseindex.records import Float32Array
from caseindex.train.collapse import check_collapse

PERSONS = np.arange(200) // 4


def _unit(values: np.ndarray) -> Float32Array:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def _healthy(common: float = 0.0, dim: int = 64) -> Float32Array:
    """``common``: length of a direction that all share."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(50, dim))
    return _unit(centres[PERSONS] + 0.5 * generator.normal(size=(200, dim)) + common * generator.normal(size=dim))


@pytest.mark.parametrize("common", [0.0, 1.0, 3.0])
def test_silent_on_healthy_embeddings(common: float) -> None:
    """Even where strangers are alike to 0.87: an untrained network's are."""
    found = check_collapse(_healthy(common), PERSONS, "run")
    assert found["effective_rank"] > 20
    similarity = _healthy(common) @ _healthy(common).T
    strangers = similarity[PERSONS[:, None] != PERSONS[None, :]].mean()
    assert found["strangers_similarity"] == pytest.approx(float(strangers), abs=1e-6)


def test_the_effective_rank_of_equal_directions_is_their_number() -> None:
    corners = np.concatenate([np.eye(8), -np.eye(8)]).astype(np.float32)
    assert check_collapse(corners, np.arange(16), "run")["effective_rank"] == pytest.approx(8)


COLLAPSED = {
    "one point": np.repeat(_healthy()[:1], 200, 0),
    "nearly one point": _healthy(common=30.0),
    "one line": _unit(np.outer(np.linspace(-1, 1, 200), np.ones(64)) + 1e-3 * _healthy()),
}


@pytest.mark.parametrize("how", list(COLLAPSED))
def test_collapsed_embeddings_are_named(how: str) -> None:
    with pytest.raises(TrainingError, match="run-7: the embeddings have collapsed") as caught:
        check_collapse(COLLAPSED[how], PERSONS, "run-7")
    assert "--learning-rate" in str(caught.value)


def test_strangers_as_far_apart_as_a_small_margin_asks_for_have_not_collapsed() -> None:
    """A contrastive loss of margin 0.1 is content with strangers at a distance of 0.1: a similarity of 0.995."""
    near = _healthy(common=8.0)
    near = _unit(near.mean(0) + 0.6 * (near - near.mean(0)))
    assert 0.98 < float((near @ near.T).mean()) < 0.999
    assert check_collapse(near, PERSONS, "run", margin=0.1)
    for margin in (None, 0.5, 1.0):
        with pytest.raises(TrainingError, match="collapsed"):
            check_collapse(near, PERSONS, "run", margin=margin)
    with pytest.raises(TrainingError, match="collapsed"):
        check_collapse(COLLAPSED["one point"], PERSONS, "run", margin=0.1)


def test_what_is_not_a_number_is_named() -> None:
    broken = _healthy()
    broken[3, 5] = np.nan
    with pytest.raises(TrainingError, match="not finite"):
        check_collapse(broken, PERSONS, "run")


def test_silent_where_there_are_too_few_to_tell() -> None:
    assert check_collapse(COLLAPSED["one point"][:3], PERSONS[:3], "run") == {}
    assert check_collapse(COLLAPSED["one point"][:8], PERSONS[:8], "run") == {}  # two persons


def test_a_sample_of_a_large_set_is_enough() -> None:
    many = np.repeat(_healthy()[:1], 5000, 0)
    with pytest.raises(TrainingError, match="collapsed"):
        check_collapse(many, np.arange(5000), "run", most=100)
