"""The number of misfiled images, estimated without a decision on any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caseindex.evaluation.misfiled_rate import misfiled_rate


def drawn(share: float, seed: int, prior: float, n: int = 2000) -> tuple[np.ndarray, int]:
    """(probabilities under ``prior`` that are right, how many are misfiled): scores of two normal distributions."""
    generator = np.random.default_rng(seed)
    misfiled = generator.random(n) < share
    score = generator.normal(np.where(misfiled, 3.0, 0.0))
    ratio = np.exp(3.0 * score - 4.5)  # of the densities
    return prior * ratio / (prior * ratio + 1 - prior), int(misfiled.sum())


@pytest.mark.parametrize("share", [0.005, 0.02, 0.1])
def test_it_finds_the_share_whatever_the_prior(share: float) -> None:
    held = []
    for seed in range(60):
        probability, misfiled = drawn(share, seed, 4e-5)
        rate = misfiled_rate(probability, 4e-5)
        assert rate is not None
        images, low, high = rate.images
        held.append(low <= misfiled <= high)
        assert low <= images <= high
        other = misfiled_rate(drawn(share, seed, 0.2)[0], 0.2)
        assert other is not None
        assert other.share == pytest.approx(rate.share, rel=1e-3)
    assert np.mean(held) > 0.9


def test_nothing_misfiled() -> None:
    rates = [misfiled_rate(drawn(0.0, seed, 0.01)[0], 0.01) for seed in range(60)]
    images = [rate.images for rate in rates if rate is not None]
    assert np.mean([one for one, _, _ in images]) < 1
    assert np.mean([low == 0 for _, low, _ in images]) > 0.9


def test_the_slope_is_nought_where_the_likelihood_is_greatest() -> None:
    probability, _ = drawn(0.05, 3, 0.01)
    rate = misfiled_rate(probability, 0.01)
    assert rate is not None
    ratios = probability / (1 - probability) * 0.99 / 0.01

    def likelihood(share: float) -> float:
        return float(np.log(1 - share + share * ratios).sum())

    best = max(np.linspace(0, 0.5, 20_001), key=likelihood)
    assert rate.share == pytest.approx(best, abs=5e-5)
    for end in (rate.low, rate.high):
        assert likelihood(best) - likelihood(end) == pytest.approx(1.92, abs=0.01)


def test_images_without_a_probability_say_nothing() -> None:
    probability, _ = drawn(0.05, 3, 0.01)
    assert misfiled_rate(np.full(3, np.nan), 0.01) is None
    assert misfiled_rate(np.r_[probability, np.nan], 0.01) == misfiled_rate(probability, 0.01)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(1e-6, 0.5))
def test_any_probabilities(values: list[float], prior: float) -> None:
    rate = misfiled_rate(np.array(values), prior)
    assert rate is not None
    assert 0 <= rate.low <= rate.share <= rate.high <= 0.5
