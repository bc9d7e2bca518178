"""Each identity loss by value and by gradient against pytorch-metric-learning, and against numbers worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_metric_learning import losses, miners
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.reducers import DoNothingReducer, MeanReducer
from torch.nn.functional import normalize

from caseindex.train.losses.arcface import SubCenterArcFace
from caseindex.train.losses.batch_hard_triplet import BatchHardTriplet
from caseindex.train.losses.contrastive import Contrastive, pair_contrastive
from caseindex.train.losses.multi_similarity import MultiSimilarity
from caseindex.train.losses.person_pairs import PersonPairs, person_pairs
from caseindex.train.losses.sup_con import SupCon

PERSONS = torch.tensor([0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 5, 5])  # 3 and 4 have one image each
TWO_EACH = torch.arange(12) // 2


def _raw(seed: int, n: int = 12, dim: int = 8, spread: float = 1.0) -> torch.Tensor:
    """Before normalisation; a small ``spread`` puts everybody near one point, where margins bite."""
    generator = np.random.default_rng(seed)
    return torch.from_numpy(generator.normal(size=dim) + spread * generator.normal(size=(n, dim))).requires_grad_()


def _both(
    ours: Callable[[torch.Tensor], torch.Tensor], theirs: Callable[[torch.Tensor], torch.Tensor], raw: torch.Tensor
) -> float:
    """Equal by value and gradient with respect to the embeddings before normalisation; gives the value."""
    found, wanted = ours(normalize(raw, dim=1)), theirs(normalize(raw, dim=1))
    assert float(found.detach()) == pytest.approx(float(wanted.detach()), rel=1e-9)
    assert float(wanted.detach()) > 0
    one, two = (torch.autograd.grad(value, raw)[0] for value in (found, wanted))
    torch.testing.assert_close(one, two, rtol=1e-7, atol=1e-10)
    assert float(one.abs().max()) > 0
    return float(found.detach())


@pytest.mark.parametrize(("margin", "spread"), [(0.5, 0.3), (1.0, 1.0)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_contrastive(seed: int, margin: float, spread: float) -> None:
    """The library's terms are not squared; the paper's equation 4 is."""
    terms = losses.ContrastiveLoss(neg_margin=margin, distance=LpDistance(), reducer=DoNothingReducer())

    def theirs(embeddings: torch.Tensor) -> torch.Tensor:
        parts = terms(embeddings, PERSONS)
        pulled, pushed = parts["pos_loss"]["losses"], parts["neg_loss"]["losses"]
        return pulled.square().mean() + pushed[pushed > 0].square().mean()

    _both(lambda e: Contrastive(margin)(person_pairs(e, PERSONS)), theirs, _raw(seed, spread=spread))


@pytest.mark.parametrize("margin", [0.2, None])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_batch_hard_triplet(seed: int, margin: float | None) -> None:
    loss = losses.TripletMarginLoss(
        margin=margin or 0.0, smooth_loss=margin is None, distance=LpDistance(), reducer=MeanReducer()
    )
    miner = miners.BatchHardMiner(distance=LpDistance())
    _both(
        lambda e: BatchHardTriplet(margin)(person_pairs(e, PERSONS)),
        lambda e: loss(e, PERSONS, miner(e, PERSONS)),
        _raw(seed, spread=0.3),
    )


@pytest.mark.parametrize("epsilon", [0.1, None])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_multi_similarity(seed: int, epsilon: float | None) -> None:
    loss, miner = losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5), miners.MultiSimilarityMiner(epsilon or 0.1)
    _both(
        lambda e: MultiSimilarity(epsilon=epsilon)(person_pairs(e, PERSONS)),
        lambda e: loss(e, PERSONS, miner(e, PERSONS) if epsilon else None),
        _raw(seed),
    )


@pytest.mark.parametrize("temperature", [0.07, 0.5])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_supervised_contrastive(seed: int, temperature: float) -> None:
    loss = losses.SupConLoss(temperature)
    _both(lambda e: SupCon(temperature)(person_pairs(e, PERSONS)), lambda e: loss(e, PERSONS), _raw(seed))


@pytest.mark.parametrize("decoupled", [False, True])
def test_with_two_images_of_each_it_is_nt_xent(decoupled: bool) -> None:
    loss = losses.NTXentLoss(0.2)
    _both(lambda e: SupCon(0.2, decoupled=decoupled)(person_pairs(e, TWO_EACH)), lambda e: loss(e, TWO_EACH), _raw(3))


def test_decoupled_is_nt_xent_with_each_anchor_counted_once() -> None:
    """The library takes the mean over pairs; the paper over anchors, each with the mean over its positives."""
    three_each = torch.arange(12) // 3  # as many positives for each anchor: both means are one
    loss = losses.NTXentLoss(0.2)
    _both(lambda e: SupCon(0.2, decoupled=True)(person_pairs(e, three_each)), lambda e: loss(e, three_each), _raw(4))


@pytest.mark.parametrize(("centers", "margin"), [(1, 0.5), (3, 0.3), (3, 2.5)])
def test_sub_center_arcface(centers: int, margin: float) -> None:
    """A margin of 2.5 takes many angles beyond pi - margin."""
    ours = SubCenterArcFace(6, 8, margin=margin, scale=16, centers=centers).double()
    theirs = losses.SubCenterArcFaceLoss(
        num_classes=6, embedding_size=8, margin=math.degrees(margin), scale=16, sub_centers=centers
    )
    theirs.W = torch.nn.Parameter(ours.weight.detach().T.clone())
    _both(lambda e: ours(e, PERSONS), lambda e: theirs(e, PERSONS), _raw(5))
    embeddings = normalize(_raw(5), dim=1)
    one = torch.autograd.grad(ours(embeddings, PERSONS), ours.weight)[0]
    two = torch.autograd.grad(theirs(embeddings, PERSONS), theirs.W)[0].T
    torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-9)


# By hand. Directions of the plane: cosines and chords of 60 and 90 degrees are plain numbers.


def _plane(*degrees: float) -> torch.Tensor:
    angles = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    return torch.stack([angles.cos(), angles.sin()], 1)


def test_contrastive_by_hand() -> None:
    first = _plane(0, 0, 0)
    second = _plane(60, 60, 90)  # chords 1, 1, root of 2
    different = torch.tensor([False, True, True])
    # 1 of one person: 1; strangers: (1.2 - 1)^2 and nothing beyond the margin.
    assert float(pair_contrastive(first, second, different, margin=1.2)) == pytest.approx((1 + 0.04 + 0) / 3)


def test_identical_images_have_a_finite_gradient() -> None:
    raw = torch.ones(4, 3, dtype=torch.float64, requires_grad=True)
    persons = torch.tensor([0, 0, 1, 1])
    for loss in (Contrastive(), BatchHardTriplet(), BatchHardTriplet(None), MultiSimilarity(), SupCon()):
        gradient = torch.autograd.grad(loss(person_pairs(normalize(raw, dim=1), persons)), raw)[0]
        assert torch.isfinite(gradient).all(), type(loss)
    embeddings = normalize(raw, dim=1)
    value = pair_contrastive(embeddings[:2], embeddings[2:], torch.tensor([False, True]))
    assert torch.isfinite(torch.autograd.grad(value, raw)[0]).all()
    assert float(value.detach()) == pytest.approx(0.5**2 / 2, rel=1e-4)


def test_batch_hard_triplet_by_hand() -> None:
    pairs = person_pairs(_plane(0, 60, 90), torch.tensor([0, 0, 1]))
    chord_30 = 2 * math.sin(math.radians(15))
    # Anchor 0: own at 1, stranger at root 2: inside the margin's reach by nothing. Anchor 60: stranger 30 degrees away.
    wanted = (max(0.0, 1 - math.sqrt(2) + 0.2) + (1 - chord_30 + 0.2)) / 2
    assert float(BatchHardTriplet(0.2)(pairs)) == pytest.approx(wanted)
    soft = (math.log1p(math.exp(1 - math.sqrt(2))) + math.log1p(math.exp(1 - chord_30))) / 2
    assert float(BatchHardTriplet(None)(pairs)) == pytest.approx(soft)


def test_multi_similarity_by_hand() -> None:
    pairs = person_pairs(_plane(0, 60, 90), torch.tensor([0, 0, 1]))
    near, far = math.cos(math.radians(30)), 0.0
    pull = math.log1p(math.exp(-2 * (0.5 - 0.5))) / 2
    push = [math.log1p(math.exp(50 * (s - 0.5))) / 50 for s in (far, near)]
    third = math.log1p(math.exp(50 * (far - 0.5)) + math.exp(50 * (near - 0.5))) / 50
    assert float(MultiSimilarity(epsilon=None)(pairs)) == pytest.approx((2 * pull + sum(push) + third) / 3)
    # Mined: of anchor 0 the own image is nearer than the stranger by far; anchor 2 has no image of its own person.
    assert float(MultiSimilarity(epsilon=0.1)(pairs)) == pytest.approx((pull + push[1]) / 3)


def test_supervised_contrastive_by_hand() -> None:
    pairs = person_pairs(_plane(0, 60, 90), torch.tensor([0, 0, 1]))
    own, far, near = math.exp(0.5 / 0.1), math.exp(0), math.exp(math.cos(math.radians(30)) / 0.1)
    wanted = (-math.log(own / (own + far)) - math.log(own / (own + near))) / 2
    assert float(SupCon(0.1)(pairs)) == pytest.approx(wanted)


def test_decoupled_leaves_the_persons_other_images_out_of_the_denominator() -> None:
    embeddings = _plane(0, 60, 60, 90)
    own, far = math.exp(0.5 / 0.1), math.exp(0)
    persons = torch.tensor([0, 0, 0, 1])
    first = PersonPairs(*(part[:1] for part in _parts(person_pairs(embeddings, persons))))  # the anchor at 0 alone
    assert float(SupCon(0.1, decoupled=True)(first)) == pytest.approx(-math.log(own / (own + far)))
    assert float(SupCon(0.1)(first)) == pytest.approx(-math.log(own / (2 * own + far)))


def _parts(pairs: PersonPairs) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return pairs.similarity, pairs.same, pairs.different


def test_arcface_by_hand() -> None:
    loss = SubCenterArcFace(2, 2, margin=math.radians(30), scale=4, centers=2).double()
    with torch.no_grad():
        loss.weight.copy_(_plane(60, 200, 90, 250) * 3)  # the length of a direction does not count
    own, other = 4 * math.cos(math.radians(90)), 4 * math.cos(math.radians(90))  # 60 + 30; the nearest of 90 and 250
    assert float(loss(_plane(0), torch.tensor([0])).detach()) == pytest.approx(
        -math.log(math.exp(own) / (math.exp(own) + math.exp(other)))
    )


# The guards.

LOSSES: list[Any] = [
    Contrastive(2.0),
    BatchHardTriplet(2.0),
    BatchHardTriplet(None),
    MultiSimilarity(),
    MultiSimilarity(epsilon=None),
    SupCon(),
    SupCon(decoupled=True),
]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_an_unknown_person_is_nobodys_stranger(loss: torch.nn.Module) -> None:
    raw = _raw(6, n=6)
    persons = torch.tensor([0, 0, 1, 1, -1, -1])
    value = loss(person_pairs(normalize(raw, dim=1), persons))
    gradient = torch.autograd.grad(value, raw)[0]
    assert float(gradient[:4].abs().max()) > 0
    assert float(gradient[4:].abs().max()) == 0
    without = loss(person_pairs(normalize(raw[:4], dim=1), persons[:4]))
    if not isinstance(loss, MultiSimilarity):  # its mean is over all anchors
        assert float(value.detach()) == pytest.approx(float(without.detach()))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_persons_that_may_be_one_are_not_pushed_apart(loss: torch.nn.Module) -> None:
    """0 and 1 may be one person: the value does not depend on how near they are, only on 2."""
    persons, families = torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([7, 7, 7, 7, 8, 8])
    pairs = person_pairs(normalize(_raw(7, n=6), dim=1).detach(), persons, families=families)
    assert not pairs.different[:4, :4].any()
    assert not pairs.same[:2, 2:4].any()
    assert pairs.different[:4, 4:].all()
    nearer = pairs.similarity.clone()
    nearer[:2, 2:4] = nearer[2:4, :2] = 0.999
    moved = PersonPairs(nearer, pairs.same, pairs.different)
    assert float(loss(moved)) == float(loss(pairs))
    strangers = person_pairs(normalize(_raw(7, n=6), dim=1).detach(), persons)
    told_apart = PersonPairs(nearer, strangers.same, strangers.different)
    assert float(loss(told_apart)) > float(loss(pairs))  # without the guard they would be


def test_arcface_leaves_unknown_persons_out() -> None:
    loss, raw = SubCenterArcFace(3, 8).double(), _raw(8, n=5)
    persons = torch.tensor([0, -1, 2, -1, 1])
    value = loss(normalize(raw, dim=1), persons)
    known = persons >= 0
    assert float(value.detach()) == pytest.approx(
        float(loss(normalize(raw.detach(), dim=1)[known], persons[known]).detach())
    )
    assert float(torch.autograd.grad(value, raw)[0][~known].abs().max()) == 0
    nobody = loss(normalize(raw, dim=1), torch.full((5,), -1))
    assert float(nobody.detach()) == 0
    assert float(torch.autograd.grad(nobody, raw)[0].abs().max()) == 0


def test_arcface_does_not_push_apart_who_may_be_one() -> None:
    """0 and 1 may be one person: the value is that of a loss that has never heard of the other one."""
    loss = SubCenterArcFace(3, 8, centers=2).double()
    embeddings, persons = normalize(_raw(8, n=4), dim=1).detach(), torch.tensor([0, 1, 0, -1])
    families = torch.tensor([7, 7, 8])
    ignored = families[persons][:, None] == families[None, :]
    found = float(loss(embeddings, persons, ignored).detach())
    alone = []
    for row, person in enumerate(persons[:3].tolist()):
        two = SubCenterArcFace(2, 8, centers=2).double()
        with torch.no_grad():
            two.weight.copy_(loss.weight.view(3, 2, 8)[[person, 2]].reshape(4, 8))
        alone.append(float(two(embeddings[row : row + 1], torch.tensor([0])).detach()))
    assert found == pytest.approx(np.mean(alone))
    assert found < float(loss(embeddings, persons).detach())


def test_arcface_begins_where_the_persons_are() -> None:
    embeddings, persons = normalize(_raw(8, n=6), dim=1).detach().float(), torch.tensor([0, 0, 2, 2, 2, -1])
    loss = SubCenterArcFace(4, 8, centers=3)
    before = loss.weight.detach().clone()
    loss.start_from(embeddings, persons)
    weight = loss.weight.detach().view(4, 3, 8)
    for person in (0, 2):
        middle = normalize(embeddings[persons == person].mean(0), dim=0)
        assert float((weight[person] @ middle).min()) > 0.98
        assert float((weight[person, 0] - weight[person, 1]).abs().max()) > 0
    assert torch.equal(weight[[1, 3]], before.view(4, 3, 8)[[1, 3]])
    assert float(loss(embeddings, persons).detach()) < float(SubCenterArcFace(4, 8)(embeddings, persons).detach())


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("persons", [[0, 1, 2, 3], [-1, -1, -1, -1]], ids=["strangers only", "unknown only"])
def test_a_batch_without_positives_has_a_finite_gradient(loss: torch.nn.Module, persons: list[int]) -> None:
    raw = _raw(9, n=4)
    value = loss(person_pairs(normalize(raw, dim=1), torch.tensor(persons)))
    assert torch.isfinite(value)
    assert torch.isfinite(torch.autograd.grad(value, raw)[0]).all()
    if isinstance(loss, SupCon | BatchHardTriplet) or persons[0] < 0:
        assert float(value.detach()) == 0
