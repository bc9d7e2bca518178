"""The memory of past batches: what it gives, what it leaves out, that it is part of a checkpoint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pytorch_metric_learning import losses
from torch.nn.functional import normalize

from caseindex.train.cross_batch_memory import CrossBatchMemory
from caseindex.train.losses.person_pairs import person_pairs
from caseindex.train.losses.sup_con import SupCon


def _batch(first: int, n: int, dim: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """(embeddings, persons, families, images) of images ``first`` to ``first + n``, two of each person."""
    images = torch.arange(first, first + n)
    values = torch.from_numpy(np.random.default_rng(first).normal(size=(n, dim)).astype(np.float32))
    return normalize(values, dim=1), images // 2, images // 4, images


def test_the_newest_take_the_places_of_the_oldest() -> None:
    memory = CrossBatchMemory(6, 4)
    for first in (0, 4, 8):
        memory.add(*_batch(first, 4))
    embeddings, persons, families = memory.references(torch.tensor([99]))
    wanted = [_batch(4, 4), _batch(8, 4)]
    kept = torch.cat([batch[3] for batch in wanted])[-6:]
    assert sorted(memory.images.tolist()) == kept.tolist() == [6, 7, 8, 9, 10, 11]
    order = memory.images.argsort()
    torch.testing.assert_close(embeddings[order], torch.cat([batch[0] for batch in wanted])[-6:])
    assert persons[order].tolist() == (kept // 2).tolist()
    assert families[order].tolist() == (kept // 4).tolist()


def test_of_a_batch_larger_than_the_ring_the_last_stay() -> None:
    memory = CrossBatchMemory(3, 4)
    memory.add(*_batch(0, 8))
    assert sorted(memory.images.tolist()) == [5, 6, 7]


def test_older_embeddings_of_the_batchs_own_images_are_left_out() -> None:
    memory = CrossBatchMemory(8, 4)
    memory.add(*_batch(0, 6))
    embeddings, persons, _ = memory.references(torch.tensor([1, 4, 20]))
    assert persons.tolist() == [0, 1, 1, 2]
    torch.testing.assert_close(embeddings, _batch(0, 6)[0][[0, 2, 3, 5]])


def test_nothing_before_the_warm_up() -> None:
    memory = CrossBatchMemory(8, 4, warmup=2)
    for step, wanted in enumerate([0, 0, 4, 6]):
        assert len(memory.references(torch.tensor([99]))[0]) == wanted, step
        memory.add(*_batch(2 * step, 2))
    assert len(memory.references(torch.tensor([99]))[0]) == 8


def test_what_is_remembered_has_no_gradient() -> None:
    memory = CrossBatchMemory(8, 4)
    embeddings, *names = _batch(0, 4)
    memory.add(embeddings.requires_grad_() * 2, *names)
    assert not memory.references(torch.tensor([99]))[0].requires_grad


def test_it_is_part_of_the_checkpoint() -> None:
    one, two = CrossBatchMemory(6, 4, warmup=2), CrossBatchMemory(6, 4, warmup=2)
    for first in (0, 4):
        one.add(*_batch(first, 4))
    two.load_state_dict(one.state_dict())
    for memory in (one, two):
        memory.add(*_batch(20, 3))
    for found, wanted in zip(two.references(torch.tensor([20])), one.references(torch.tensor([20])), strict=True):
        assert torch.equal(found, wanted)
    assert len(two.references(torch.tensor([20]))[0]) == 5


@pytest.mark.parametrize("decoupled", [False, True])
def test_losses_over_several_batches_are_those_of_pytorch_metric_learning(decoupled: bool) -> None:
    """By value: there the batch itself is among the remembered ones, here beside them with its gradient."""
    memory = CrossBatchMemory(64, 8)
    plain = losses.NTXentLoss(0.2) if decoupled else losses.SupConLoss(0.2)
    theirs = losses.CrossBatchMemory(plain, 8, memory_size=64)
    ours = SupCon(0.2, decoupled=decoupled)
    # Always as many positives for each anchor: the library's NT-Xent takes the mean over pairs, ours over anchors.
    for step in range(4):
        images = torch.arange(12) + 12 * step
        persons = torch.arange(12) // 3
        values = torch.from_numpy(np.random.default_rng(step).normal(size=(12, 8)).astype(np.float32))
        embeddings = normalize(values, dim=1)
        past, past_persons, _ = memory.references(images)
        pairs = person_pairs(embeddings, persons, memory=past, memory_persons=past_persons)
        memory.add(embeddings, persons, persons, images)
        assert pairs.similarity.shape == (12, 12 * (step + 1))
        assert float(ours(pairs)) == pytest.approx(float(theirs(embeddings, persons)), rel=1e-5)


def test_remembered_persons_that_may_be_one_or_are_unknown_are_no_strangers() -> None:
    embeddings = _batch(0, 2)[0]
    pairs = person_pairs(
        embeddings,
        torch.tensor([0, -1]),
        families=torch.tensor([5, -1]),
        memory=_batch(10, 4)[0],
        memory_persons=torch.tensor([0, 1, 2, -1]),
        memory_families=torch.tensor([5, 5, 6, -1]),
    )
    assert pairs.same[0].tolist() == [False, False, True, False, False, False]
    assert pairs.different[0].tolist() == [False, False, False, False, True, False]
    assert not (pairs.same[1] | pairs.different[1]).any()
