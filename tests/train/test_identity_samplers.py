"""What the batches of identity training are made of."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from caseindex.records import Int64Array
from caseindex.train.samplers.pairs import pairs_of_images
from caseindex.train.samplers.persons_by_images import persons_by_images

# 30 persons with 2 to 5 images, 20 with one, 10 images of nobody known.
PERSONS = np.random.default_rng(0).permutation(
    np.concatenate([np.repeat(np.arange(30), np.arange(30) % 4 + 2), np.arange(30, 50), np.full(10, -1)])
)
COUNTS = np.bincount(PERSONS[PERSONS >= 0])


def _batches(**changed: object) -> list[Int64Array]:
    given = {"batch_persons": 12, "images": 3, "seed": 0, "epoch": 0, **changed}
    return persons_by_images(PERSONS, **given)  # type: ignore[arg-type]


def test_every_batch_is_persons_by_images() -> None:
    for batch in _batches():
        assert len(batch) == 12 * 3
        of_each = Counter(PERSONS[batch].tolist())
        assert set(of_each.values()) == {3}
        assert len(of_each) == 12
        assert sum(COUNTS[person] == 1 for person in of_each) == 4  # a third of 12


def test_everybody_with_several_images_comes_once_an_epoch() -> None:
    come = Counter(person for batch in _batches() for person in set(PERSONS[batch].tolist()))
    assert all(come[person] >= 1 for person in range(30))
    assert sum(come[person] for person in range(30)) == 4 * 8  # 30 in 4 batches of 8: two come twice


def test_no_image_comes_twice_before_all_have_come() -> None:
    for batch in _batches(images=4):
        for rows in batch.reshape(-1, 4):
            person = int(PERSONS[rows[0]])
            assert len(set(rows.tolist())) == min(4, int(COUNTS[person]))
            assert max(Counter(rows.tolist()).values()) == -(-4 // min(4, int(COUNTS[person])))


def test_images_of_nobody_known_are_in_no_batch() -> None:
    """They may be anybody's: neither positives nor negatives."""
    for epoch in range(5):
        assert (PERSONS[np.concatenate(_batches(epoch=epoch))] >= 0).all()


def test_without_singletons_all_are_persons_with_several_images() -> None:
    rows = np.concatenate(_batches(singletons=0.0))
    assert (COUNTS[PERSONS[rows]] > 1).all()


def test_an_archive_of_singletons_alone() -> None:
    batches = persons_by_images(np.arange(10), batch_persons=4, images=2, seed=0, epoch=0)
    assert [len(batch) for batch in batches] == [8, 8, 8]
    assert all(batch[0::2].tolist() == batch[1::2].tolist() for batch in batches)


def test_neighbours_share_batches() -> None:
    neighbours = {person: np.array([(person + 15) % 30, 49]) for person in range(30)}  # 49 has one image
    together = []
    for batch in _batches(neighbours=neighbours, images=2):
        present = set(PERSONS[batch].tolist())
        together.append(sum((person + 15) % 30 in present for person in present if person < 30))
        assert len(batch) == 24
    assert np.mean(together) >= 7  # nearly everyone's neighbour is there; two seeds may be each other's
    by_chance = []
    for epoch in range(10):
        for batch in _batches(images=2, epoch=epoch):
            present = set(PERSONS[batch].tolist())
            by_chance.append(sum((person + 15) % 30 in present for person in present if person < 30))
    assert np.mean(by_chance) < 4


def test_persons_by_images_is_a_function_of_seed_and_epoch() -> None:
    neighbours = {person: np.array([(person + 1) % 30]) for person in range(30)}

    def flat(seed: int, epoch: int) -> tuple[int, ...]:
        return tuple(np.concatenate(_batches(seed=seed, epoch=epoch, neighbours=neighbours)).tolist())

    assert flat(1, 2) == flat(1, 2)
    assert len({flat(seed, epoch) for seed in range(2) for epoch in range(3)}) == 6


# Pairs.

FAMILIES = np.where(PERSONS == 1, 0, PERSONS)  # 0 and 1 may be one person


def _pairs(epoch: int = 0, seed: int = 0, mined: Int64Array | None = None) -> tuple[Int64Array, Int64Array]:
    batches = pairs_of_images(PERSONS, FAMILIES, batch=16, seed=seed, epoch=epoch, mined=mined)
    assert all(len(pairs) == len(different) == 16 for pairs, different in batches[:-1])
    return np.concatenate([pairs for pairs, _ in batches]), np.concatenate([other for _, other in batches])


def test_half_the_pairs_are_of_one_person_and_half_of_strangers() -> None:
    for epoch in range(20):
        pairs, different = _pairs(epoch)
        one, two = PERSONS[pairs[:, 0]], PERSONS[pairs[:, 1]]
        assert (one >= 0).all()
        assert (two >= 0).all()
        assert different.sum() * 2 == len(different)
        assert ((one == two) == (different == 0)).all()
        assert (pairs[:, 0] != pairs[:, 1]).all()
        apart = FAMILIES[pairs[:, 0]] != FAMILIES[pairs[:, 1]]
        assert apart[different == 1].all()  # who may be one person is never a pair of strangers


def test_every_image_with_a_mate_is_an_anchor_once() -> None:
    pairs, different = _pairs()
    anchors = sorted(pairs[different == 0, 0].tolist())
    assert anchors == np.flatnonzero((PERSONS >= 0) & (COUNTS[PERSONS] > 1)).tolist()


def test_mined_strangers_are_taken_and_the_others_drawn() -> None:
    mined = np.full(len(PERSONS), -1, np.int64)
    has = np.flatnonzero(PERSONS >= 2)[::2]
    mined[has] = np.flatnonzero(PERSONS == 0)[0]
    pairs, different = _pairs(mined=mined)
    strangers = pairs[different == 1]
    expected = mined[strangers[:, 0]]
    assert (strangers[expected >= 0, 1] == expected[expected >= 0]).all()
    assert (expected >= 0).sum() > 10
    assert len(set(strangers[expected < 0, 1].tolist())) > 10


def test_pairs_are_a_function_of_seed_and_epoch() -> None:
    def flat(seed: int, epoch: int) -> tuple[int, ...]:
        return tuple(_pairs(epoch, seed)[0].ravel().tolist())

    assert flat(1, 2) == flat(1, 2)
    assert len({flat(seed, epoch) for seed in range(2) for epoch in range(3)}) == 6


@pytest.mark.parametrize("persons", [[0, 1, 2, -1], [0, 0, 0], [-1, -1]])
def test_no_pairs_where_none_can_be_made(persons: list[int]) -> None:
    given = np.array(persons)
    assert pairs_of_images(given, given, batch=4, seed=0, epoch=0) == []
