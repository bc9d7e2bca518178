"""PCA whitening with shrinkage (Jegou & Chum, ECCV 2012): decorrelates embeddings on the archive itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from caseindex.errors import TrainingError
from caseindex.records import Float32Array


@dataclass(frozen=True, slots=True)
class Whitening:
    """``mean``: [dim_in]; ``projection``: [dim_in, dim_out]."""

    mean: Float32Array
    projection: Float32Array

    @property
    def dim(self) -> int:
        return int(self.projection.shape[1])

    def __call__(self, vectors: Float32Array) -> Float32Array:
        """[n, dim_in] -> [n, dim_out], L2-normalised."""
        out = (vectors - self.mean) @ self.projection
        return normalised(out)

    def tensors(self) -> dict[str, Float32Array]:
        """As a checkpoint names them."""
        return {"mean": self.mean, "projection": self.projection}


def fit_whitening(vectors: Float32Array, dim: int = 512, shrinkage: float = 0.05) -> Whitening:
    """Estimates the whitening on ``vectors`` [n, dim_in]; ``dim`` is reduced to what n vectors can carry.

    ``shrinkage``: this share of the mean variance is added to each direction's own, so that directions that the
    sample hardly shows are not blown up. The sign of each direction is fixed: equal input gives equal output.
    """
    if len(vectors) < 2:
        raise TrainingError("whitening", f"estimated on {len(vectors)} images, at least 2 are needed", "Ingest more")
    data = np.asarray(vectors, np.float64)
    mean = data.mean(0)
    data = data - mean
    kept = min(dim, len(data) - 1, data.shape[1])
    # The smaller of the two Gram matrices has the same non-zero eigenvalues.
    if len(data) < data.shape[1]:
        values, left = np.linalg.eigh(data @ data.T)
        values, left = values[::-1][:kept], left[:, ::-1][:, :kept]
        axes = data.T @ left / np.sqrt(np.maximum(values, 1e-12 * max(values[0], 1e-30)))
    else:
        values, axes = np.linalg.eigh(data.T @ data)
        values, axes = values[::-1][:kept], axes[:, ::-1][:, :kept]
    variances = np.maximum(values, 0) / len(data)
    if not variances[0] > 0:
        raise TrainingError("whitening", "all embeddings are equal", "Ingest different images")
    axes = axes * np.where(axes[np.abs(axes).argmax(0), np.arange(kept)] < 0, -1.0, 1.0)
    scale = np.sqrt(variances + shrinkage * variances.mean())
    return Whitening(mean.astype(np.float32), (axes / scale).astype(np.float32))


def normalised(vectors: npt.NDArray[np.floating[Any]]) -> Float32Array:
    """L2-normalised rows, float32; a zero row stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), np.float32)
