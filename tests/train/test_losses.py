"""Each loss against its formula, written out with loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from caseindex.train.losses.infonce import InfoNCE
from caseindex.train.losses.siglip import SigLIP


def _unit(n: int, dim: int, seed: int) -> torch.Tensor:
    values = torch.from_numpy(np.random.default_rng(seed).normal(size=(n, dim)))
    return torch.nn.functional.normalize(values, dim=1)


def _infonce_by_hand(s: np.ndarray, positive: np.ndarray, ignored: np.ndarray) -> float:
    total = 0.0
    for scores, fits, left_out in ((s, positive, ignored), (s.T, positive.T, ignored.T)):
        for i in range(len(s)):
            negatives = sum(math.exp(scores[i, j]) for j in range(len(s)) if not fits[i, j] and not left_out[i, j])
            losses = [
                -math.log(math.exp(scores[i, j]) / (math.exp(scores[i, j]) + negatives))
                for j in range(len(s))
                if fits[i, j]
            ]
            total += sum(losses) / len(losses) / len(s) / 2
    return total


def _masks(n: int) -> tuple[np.ndarray, np.ndarray]:
    positive = np.eye(n, dtype=bool)
    positive[0, 1] = positive[2, 0] = True
    ignored = np.zeros((n, n), bool)
    ignored[1, 2] = ignored[2, 1] = True
    return positive, ignored


def test_infonce_by_hand() -> None:
    images, texts = _unit(4, 6, 0), _unit(4, 6, 1)
    positive, ignored = _masks(4)
    loss = InfoNCE(0.2).double()(images, texts, torch.from_numpy(positive), torch.from_numpy(ignored))
    expected = _infonce_by_hand((images @ texts.T).numpy() / 0.2, positive, ignored)
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-6)


def test_infonce_with_one_positive_each_is_clips_cross_entropy() -> None:
    images, texts = _unit(5, 8, 2), _unit(5, 8, 3)
    logits = images @ texts.T / 0.07
    target = torch.arange(5)
    expected = (
        torch.nn.functional.cross_entropy(logits, target) + torch.nn.functional.cross_entropy(logits.T, target)
    ) / 2
    loss = InfoNCE(0.07).double()(images, texts, torch.eye(5, dtype=torch.bool))
    assert float(loss.detach()) == pytest.approx(float(expected), rel=1e-6)


def test_infonce_without_any_negative_is_zero_and_has_a_gradient() -> None:
    images = _unit(3, 4, 0).float().requires_grad_()
    loss = InfoNCE()(images, _unit(3, 4, 1).float(), torch.ones(3, 3, dtype=torch.bool))
    loss.backward()
    assert float(loss.detach()) == 0
    assert images.grad is not None
    assert torch.isfinite(images.grad).all()


def test_siglip_by_hand() -> None:
    images, texts = _unit(4, 6, 4), _unit(4, 6, 5)
    positive, ignored = _masks(4)
    loss = SigLIP(scale=10, bias=-10).double()(images, texts, torch.from_numpy(positive), torch.from_numpy(ignored))
    s = (images @ texts.T).numpy() * 10 - 10
    expected = sum(
        math.log1p(math.exp(-(1 if positive[i, j] else -1) * s[i, j]))
        for i in range(4)
        for j in range(4)
        if not ignored[i, j]
    )
    assert float(loss.detach()) == pytest.approx(expected / 4, rel=1e-5)


@pytest.mark.parametrize("loss", [InfoNCE(), SigLIP()])
def test_texts_that_fit_are_not_pushed_away(loss: torch.nn.Module) -> None:
    """The gradient with respect to an ignored pair's text comes from its own pair alone."""
    images = _unit(2, 4, 6).float()
    texts = _unit(2, 4, 7).float().requires_grad_()
    ignored = torch.tensor([[False, True], [True, False]])
    loss(images, texts, torch.eye(2, dtype=torch.bool), ignored).backward()
    both = texts.grad.clone()
    moved = images.clone()
    moved[0] = -moved[0]
    texts.grad = None
    loss(moved, texts, torch.eye(2, dtype=torch.bool), ignored).backward()
    torch.testing.assert_close(both[1], texts.grad[1])
