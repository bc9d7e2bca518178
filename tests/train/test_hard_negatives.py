"""A hard-negative round against plain loops over all pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caseindex.records import Float32Array, Int64Array
from caseindex.train import hard_negatives as module
from caseindex.train.hard_negatives import HardNegatives, hard_negatives, searchable


def _gallery(n: int = 300, dim: int = 16, spread: float = 0.7, seed: int = 0) -> tuple[Float32Array, Int64Array]:
    """Persons of 1 to 6 images about a centre each, so near each other that many are taken for one another."""
    generator = np.random.default_rng(seed)
    persons = np.sort(generator.integers(0, n // 3, n))
    centres = generator.normal(size=(n // 3, dim))
    values = centres[persons] + spread * generator.normal(size=(n, dim))
    order = generator.permutation(n)
    values = values[order] / np.linalg.norm(values[order], axis=1, keepdims=True)
    return values.astype(np.float32), persons[order]


def _by_loops(
    embeddings: Float32Array,
    persons: Int64Array,
    families: Int64Array,
    anchors: Int64Array,
    count: int,
    positive_aware: float | None,
) -> list[list[int]]:
    similarity = embeddings @ embeddings.T
    found = []
    for anchor in anchors.tolist():
        own = [
            similarity[anchor, row] for row in range(len(persons)) if persons[row] == persons[anchor] and row != anchor
        ]
        limit = positive_aware * max(own) if own and positive_aware is not None else np.inf
        strangers = [
            row
            for row in np.argsort(-similarity[anchor], kind="stable").tolist()
            if persons[anchor] >= 0 and persons[row] >= 0 and families[row] != families[anchor]
        ]
        taken = [row for row in strangers if similarity[anchor, row] <= limit][:count]
        found.append(taken + [-1] * (count - len(taken)))
    return found


@pytest.mark.parametrize("positive_aware", [None, 0.95, 0.5])
@pytest.mark.parametrize("count", [1, 8])
def test_as_by_loops(count: int, positive_aware: float | None) -> None:
    embeddings, persons = _gallery()
    families = persons.copy()
    families[np.isin(persons, [3, 4, 5])] = 3  # may be one person
    persons[::17] = -1
    families[::17] = -1
    anchors = np.arange(len(persons))
    wanted = _by_loops(embeddings, persons, families, anchors, count, positive_aware)
    found = hard_negatives(embeddings, persons, families, count=count, positive_aware=positive_aware)
    assert found.rows.tolist() == wanted
    similarity = np.where(found.rows >= 0, (embeddings @ embeddings.T)[anchors[:, None], found.rows], -np.inf)
    np.testing.assert_allclose(found.similarities, similarity, rtol=1e-5)
    assert (found.rows[persons >= 0][:, 0] >= 0).mean() > 0.9  # the test is about something


def test_unknown_and_possibly_same_persons_are_never_negatives() -> None:
    """The nearest of anchor 0 are, in this order: of a person that may be its own, unknown, a stranger."""
    angles = np.radians([0, 5, 10, 20, 25])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    persons, families = np.array([0, 1, -1, 2, 0]), np.array([0, 0, -1, 2, 0])
    found = hard_negatives(embeddings, persons, families, positive_aware=None)
    assert found.rows[:, 0].tolist() == [3, 3, -1, 4, 3]
    assert found.spared == 0


def test_probable_own_images_are_left_out() -> None:
    """Anchor 0's other image is at 40 degrees (similarity 0.766), strangers at 10, 42 and 50."""
    angles = np.radians([0, 40, 10, 42, 50])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    persons = np.array([0, 0, 1, 2, 3])
    anchor = np.array([0])

    def nearest(share: float | None) -> tuple[int, int]:
        found = hard_negatives(embeddings, persons, persons, anchors=anchor, positive_aware=share)
        return int(found.rows[0, 0]), found.spared

    assert nearest(None) == (2, 0)
    assert nearest(1.0) == (3, 1)  # 0.743 is below 0.766
    assert nearest(0.95) == (4, 2)  # 0.743 is above 0.95 * 0.766, 0.643 below
    assert nearest(0.5) == (-1, 3)
    lone = hard_negatives(embeddings, persons, persons, anchors=np.array([2]), positive_aware=0.95)
    assert lone.rows[0, 0] == 0  # without another image there is nothing to compare with
    assert lone.spared == 0


def test_the_guard_knows_own_images_beyond_the_neighbours_that_were_asked_for() -> None:
    """50 strangers stand between the anchor and its other image: all are more similar than that one."""
    angles = np.radians(np.concatenate([[0], np.linspace(5, 60, 50), [70], [80]]))
    embeddings = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    persons = np.concatenate([[0], np.arange(1, 51), [0], [51]])
    for count in (1, 4):
        found = hard_negatives(embeddings, persons, persons, anchors=np.array([0]), count=count, positive_aware=0.95)
        assert found.rows[0].tolist() == [52] + [-1] * (count - 1)
        assert found.spared == 50


@pytest.mark.parametrize("held", [1 << 20, 500])
@pytest.mark.parametrize("block", [1, 7, 64])
def test_in_blocks_as_in_one(block: int, held: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a memory map too, and where wide searches go in smaller blocks than they were asked for."""
    embeddings, persons = _gallery(200)
    families = persons // 2
    whole = hard_negatives(embeddings, persons, families, count=3, block=100_000)
    monkeypatch.setattr(module, "_HELD", held)
    monkeypatch.setattr(module, "_FIRST_K", 12)  # so that many are asked again
    np.save(tmp_path / "embeddings.npy", embeddings)
    mapped = np.load(tmp_path / "embeddings.npy", mmap_mode="r")
    parts = hard_negatives(mapped, persons, families, count=3, block=block)
    assert parts.rows.tolist() == whole.rows.tolist()
    np.testing.assert_allclose(parts.similarities, whole.similarities, rtol=1e-5)
    assert parts.spared == whole.spared > 0


def test_only_some_anchors() -> None:
    embeddings, persons = _gallery()
    anchors = np.array([5, 250, 17])
    every = hard_negatives(embeddings, persons, persons, count=2)
    some = hard_negatives(embeddings, persons, persons, anchors=anchors, count=2)
    assert some.rows.tolist() == every.rows[anchors].tolist()


def test_inverted_lists_find_most_of_the_exact_ones_and_repeat_themselves() -> None:
    embeddings, persons = _gallery(4000)

    def mined(kind: str, seed: int = 0) -> HardNegatives:
        return hard_negatives(embeddings, persons, persons, index=kind, seed=seed)  # type: ignore[arg-type]

    exact, listed = mined("flat").rows, mined("ivf").rows
    assert 0.6 < (exact == listed).mean() < 1.0
    assert mined("ivf").rows.tolist() == listed.tolist()
    made = searchable(embeddings, "ivf", block=1000)
    assert made.ntotal == 4000


@pytest.mark.parametrize("persons", [[0], [-1, -1, -1], [0, 0, 0]], ids=["one image", "unknown", "one person"])
def test_where_there_is_no_stranger(persons: list[int]) -> None:
    given = np.array(persons)
    embeddings = _gallery(len(persons))[0] if len(persons) > 1 else np.ones((1, 16), np.float32) / 4
    assert (hard_negatives(embeddings, given, given, count=2).rows == -1).all()
