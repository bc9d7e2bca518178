"""Ridge regression from image embeddings to what reports say, in closed form, without the person it is asked about.

The closed form of regressing an image encoder on its report's vector by mean squared error (arXiv 2405.02782, section
2): nothing but the last linear layer is fitted, so it answers before anything is trained. Patients are in folds; the
weights of a fold were fitted without its patients (Hoerl and Kennard 1970; cross-fitting: Stone 1974).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from caseindex.records import Float32Array, Int64Array
from caseindex.retrieval.verify.filed import FOLDS

STRENGTHS = (0.3, 1.0, 3.0, 10.0)  # of the penalty, for inputs of mean square length 1
_MOST = 6000  # rows that the axes are estimated on


@dataclass(frozen=True, slots=True)
class Axes:
    """Principal axes of the embeddings. ``mean``: [dim]; ``axes``: [dim, kept]; ``scale``: makes the mean square length 1."""

    mean: Float32Array
    axes: Float32Array
    scale: float

    def __call__(self, vectors: Float32Array) -> Float32Array:
        """[n, dim] -> [n, kept]."""
        return np.asarray((vectors - self.mean) @ self.axes * self.scale, np.float32)


def fit_axes(vectors: Float32Array, kept: int = 512) -> Axes:
    """``vectors``: [n, dim], n at least 2."""
    step = max(1, len(vectors) // _MOST)
    data = vectors[::step].astype(np.float64)
    mean = data.mean(0)
    data -= mean
    kept = min(kept, len(data) - 1, data.shape[1])
    if len(data) < data.shape[1]:
        values, left = np.linalg.eigh(data @ data.T)
        values, left = values[::-1][:kept], left[:, ::-1][:, :kept]
        axes = data.T @ (left / np.sqrt(np.maximum(values, 1e-12 * max(float(values[0]), 1e-30))))
    else:
        values, axes = np.linalg.eigh(data.T @ data)
        values, axes = values[::-1][:kept], axes[:, ::-1][:, :kept]
    scale = 1.0 / np.sqrt(max(float(values.sum()) / len(data), 1e-20))
    return Axes(mean.astype(np.float32), axes.astype(np.float32), float(scale))


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
        values, vectors = np.linalg.eigh((x[others] - centre).T @ (x[others] - centre))
        rotated = vectors.T @ ((x[others] - centre).T @ (y[others] - mean))
        for place, strength in enumerate(strengths):
            solved = vectors @ (rotated / (np.maximum(values, 0) + strength)[:, None])
            weights[place, fold] = solved
            offsets[place, fold] = mean - centre @ solved
            if own.any():
                off = x[own] @ solved + (mean - centre @ solved) - y[own]
                errors[place] += float((off * off / variance).sum())
    best = int(np.argmin(errors))
    return Ridge(weights[best], offsets[best], strengths[best])
