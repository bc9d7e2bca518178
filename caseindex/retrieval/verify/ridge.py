"""Ridge regression from image embeddings to what reports say, in closed form, without the person it is asked about.

The closed form of regressing an image encoder on its report's vector by mean squared error (arXiv 2405.02782, section
2): nothing but the last linear layer is fitted, so it answers before anything is trained. Patients are in folds; the
weights of a fold were fitted without its patients (Hoerl and Kennard 1970; cross-fitting: Stone 1974).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from caseindex.records import Float32Array, Int64Array
from caseindex.retrieval.verify.filed import FOLDS
from caseindex.retrieval.verify.logistic import Floats

STRENGTHS = (0.3, 1.0, 3.0, 10.0)  # of the penalty, for inputs of mean square length 1


@dataclass(frozen=True, slots=True)
class Centring:
    """``mean``: [dim]; ``scale`` makes the mean square length 1. No axes are chosen by the sample: what it spans would be
    seen better than what it does not, and left-out patients would not be what they stand for, new ones."""

    mean: Float32Array
    scale: float

    def __call__(self, vectors: Float32Array) -> Float32Array:
        """[n, dim] -> [n, dim]."""
        return np.asarray((vectors - self.mean) * np.float32(self.scale), np.float32)


def fit_centring(vectors: Float32Array) -> Centring:
    """``vectors``: [n, dim], n at least 2."""
    mean = vectors.mean(0, dtype=np.float64)
    spread = float(((vectors - mean) ** 2).sum(1).mean())
    return Centring(mean.astype(np.float32), 1.0 / float(np.sqrt(max(spread, 1e-20))))


@dataclass(frozen=True, slots=True)
class Ridge:
    """``weights``: [folds, inputs, targets]; ``offsets``: [folds, targets]; ``strength`` of the penalty."""

    weights: Float32Array
    offsets: Float32Array
    strength: float

    def __call__(self, inputs: Float32Array, folds: Int64Array) -> Float32Array:
        """[n, inputs] of patients in ``folds`` [n] -> [n, targets]."""
        out = np.empty((len(inputs), self.offsets.shape[1]), np.float32)
        for fold in range(FOLDS):
            here = folds == fold
            out[here] = inputs[here] @ self.weights[fold] + self.offsets[fold]
        return out


def fit_ridge(
    inputs: Float32Array, targets: Float32Array, folds: Int64Array, *, strengths: tuple[float, ...] = STRENGTHS
) -> Ridge:
    """The penalty among ``strengths`` is the one that predicts the left-out patients best (mean squared error over
    targets, each in units of its variance)."""
    x, y = inputs.astype(np.float64), targets.astype(np.float64)
    variance = np.maximum(y.var(0), 1e-6)
    errors = np.zeros(len(strengths))
    weights = np.zeros((len(strengths), FOLDS, x.shape[1], y.shape[1]), np.float32)
    offsets = np.zeros((len(strengths), FOLDS, y.shape[1]), np.float32)
    for fold in range(FOLDS):
        own = folds == fold
        others = ~own if (~own).any() else own
        centre, mean = x[others].mean(0), y[others].mean(0)
        for place, solved in enumerate(_solved(x[others] - centre, y[others] - mean, strengths)):
            weights[place, fold] = solved
            offsets[place, fold] = mean - centre @ solved
            if own.any():
                off = x[own] @ solved + (mean - centre @ solved) - y[own]
                errors[place] += float((off * off / variance).sum())
    best = int(np.argmin(errors))
    return Ridge(weights[best], offsets[best], strengths[best])


def _solved(x: Floats, y: Floats, strengths: tuple[float, ...]) -> Iterator[Floats]:
    """``(X'X + s I)^-1 X'Y`` for each strength, through the smaller of the two Gram matrices."""
    if len(x) < x.shape[1]:
        values, vectors = np.linalg.eigh(x @ x.T)
        rotated, back = vectors.T @ y, x.T @ vectors
    else:
        values, vectors = np.linalg.eigh(x.T @ x)
        rotated, back = vectors.T @ (x.T @ y), vectors
    for strength in strengths:
        yield back @ (rotated / (np.maximum(values, 0) + strength)[:, None])
