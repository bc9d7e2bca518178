from __future__ import annotations

import numpy as np
import pytest

from caseindex.encoders.whitening import fit_whitening, normalised
from caseindex.errors import TrainingError


def _sample(n: int, dim: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (generator.normal(size=(n, dim)) @ generator.normal(size=(dim, dim)) + 3).astype(np.float32)


@pytest.mark.parametrize(("n", "dim"), [(400, 12), (20, 60)])
def test_without_shrinkage_the_sample_becomes_white(n: int, dim: int) -> None:
    data = _sample(n, dim)
    whitening = fit_whitening(data, 8, shrinkage=0)
    white = (data - whitening.mean) @ whitening.projection
    np.testing.assert_allclose(white.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(white.T @ white / n, np.eye(8), atol=5e-3)


def test_the_directions_are_those_of_an_svd() -> None:
    data = _sample(50, 30)
    whitening = fit_whitening(data, 5, shrinkage=0)
    _, values, rows = np.linalg.svd(data - data.mean(0), full_matrices=False)
    expected = rows[:5].T / (values[:5] / np.sqrt(50))
    np.testing.assert_allclose(np.abs(whitening.projection), np.abs(expected), rtol=1e-3, atol=1e-5)


def test_shrinkage_by_hand() -> None:
    data = np.array([[2, 0], [-2, 0], [0, 1], [0, -1]], np.float32)  # variances 2 and 0.5, mean 1.25
    whitening = fit_whitening(data, 2, shrinkage=0.4)
    np.testing.assert_allclose(np.abs(whitening.projection).max(0), [1 / np.sqrt(2.5), 1 / np.sqrt(1.0)], rtol=1e-6)


def test_fewer_vectors_than_dimensions_give_fewer_dimensions() -> None:
    assert fit_whitening(_sample(5, 30), 16).projection.shape == (30, 4)


@pytest.mark.parametrize("data", [np.ones((1, 3), np.float32), np.ones((4, 3), np.float32)])
def test_nothing_to_estimate(data: np.ndarray) -> None:
    with pytest.raises(TrainingError):
        fit_whitening(data)


def test_a_zero_row_stays_zero() -> None:
    out = normalised(np.array([[0, 0], [3, 4]], np.float32))
    np.testing.assert_allclose(out, [[0, 0], [0.6, 0.8]], rtol=1e-6)
