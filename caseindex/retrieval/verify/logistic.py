"""Small logistic regressions with a penalty, by Newton's method: they must be the same on every machine.

Two-class with known offsets and weights, for calibration (Platt 1999); several classes, for the fusion of witnesses.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def sigmoid(values: npt.NDArray[np.floating]) -> Floats:
    """1 / (1 + exp(-x)) without overflow."""
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -40, 40))), np.float64)


def log_odds(probability: npt.NDArray[np.floating] | float, least: float = 1e-6) -> Floats:
    p = np.clip(np.asarray(probability, np.float64), least, 1 - least)
    return np.asarray(np.log(p / (1 - p)))


def fit_logistic(
    design: Floats, truth: Floats, *, weights: Floats | None = None, offset: Floats | None = None, penalty: float = 1.0
) -> Floats:
    """[k] coefficients of ``design`` [n, k] for ``truth`` [n] in 0..1; ``offset``: [n] known log odds. The first column
    (of ones) is not penalised."""
    count, width = design.shape
    w = np.ones(count) if weights is None else weights
    base = np.zeros(count) if offset is None else offset
    ridge = np.diag([1e-6] + [penalty] * (width - 1))
    found = np.zeros(width)
    for _ in range(50):
        p = sigmoid(design @ found + base)
        gradient = design.T @ (w * (truth - p)) - ridge @ found
        hessian = (design * (w * p * (1 - p))[:, None]).T @ design + ridge
        step = np.linalg.solve(hessian, gradient)
        found += step * min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-7:
            break
    return found


def fit_multinomial(
    design: Floats, classes: npt.NDArray[np.int64], count: int, *, weights: Floats, penalty: float | Floats = 1.0
) -> Floats:
    """[k, count] coefficients; class 0 has zeros. By Newton on all classes at once; the first column is not penalised.
    ``penalty``: of all others, or [k - 1] of each."""
    rows, width = design.shape
    free = count - 1
    truth = np.zeros((rows, free))
    for place in range(free):
        truth[:, place] = classes == place + 1
    ridge = np.tile(np.concatenate([[1e-4], np.broadcast_to(np.asarray(penalty, np.float64), width - 1)]), free)
    found = np.zeros(free * width)
    for _ in range(60):
        p = softmax(design, _complete(found, free, width))
        gradient = np.concatenate([design.T @ (weights * (truth[:, a] - p[:, a + 1])) for a in range(free)])
        gradient -= ridge * found
        hessian = np.diag(ridge)
        for a in range(free):
            for b in range(a, free):
                mixed = weights * p[:, a + 1] * ((a == b) - p[:, b + 1])
                block = (design * mixed[:, None]).T @ design
                hessian[a * width : (a + 1) * width, b * width : (b + 1) * width] += block
                if a != b:
                    hessian[b * width : (b + 1) * width, a * width : (a + 1) * width] += block.T
        step = np.linalg.solve(hessian, gradient)
        found += step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-6:
            break
    return _complete(found, free, width)


def _complete(found: Floats, free: int, width: int) -> Floats:
    return np.concatenate([np.zeros((width, 1)), found.reshape(free, width).T], axis=1)


def softmax(design: Floats, coefficients: Floats) -> Floats:
    """[n, k] and [k, classes], the first column zeros -> [n, classes] probabilities."""
    scores = design @ coefficients
    odds = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(odds / odds.sum(1, keepdims=True))
