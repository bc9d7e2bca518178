"""Within-class covariance normalisation (Hatch, Kajarekar and Stolcke 2006, Interspeech): directions in which
embeddings of one person differ count less.

A person's own variation is estimated from views of one picture (:mod:`caseindex.encoders.nuisance`), which needs no
label, and, where other images of the same persons are at hand, from those too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from caseindex.encoders.whitening import Whitening
from caseindex.errors import TrainingError
from caseindex.records import Float32Array, Int64Array

#: At most this many principal directions are kept before the within-class covariance is inverted.
DIRECTIONS = 1024


def fit_within_class(
    vectors: Float32Array,
    deviations: Float32Array,
    person_deviations: Float32Array | None = None,
    *,
    person_share: float = 0.3,
    dim: int = 512,
    shrinkage: float = 0.1,
) -> Whitening:
    """``vectors``: [n, dim_in]; ``deviations``: [m, dim_in], views minus their pictures; ``person_deviations``:
    [p, dim_in], images minus their person's mean (:func:`deviations_of_persons`), which get ``person_share`` of the
    weight. ``shrinkage``: as in :func:`~caseindex.encoders.whitening.fit_whitening`. Of the normalised directions the
    ``dim`` of largest variance are kept.

    Raises :class:`~caseindex.errors.TrainingError` with fewer than two images, or where all are equal.
    """
    if len(vectors) < 2 or not len(deviations):
        raise TrainingError(
            "whitening", f"estimated on {len(vectors)} images, at least 2 are needed", "Ingest more images"
        )
    mean = np.asarray(vectors, np.float64).mean(0)
    centred = (vectors - mean).astype(np.float32)
    axes = _principal(centred, min(DIRECTIONS, len(vectors) - 1, vectors.shape[1]))  # [dim_in, k]
    covariance = _unit_trace(deviations @ axes)
    if person_deviations is not None and len(person_deviations):
        covariance = (1 - person_share) * covariance + person_share * _unit_trace(person_deviations @ axes)
    values, turned = np.linalg.eigh(covariance)
    scale = np.sqrt(np.maximum(values, 0) + shrinkage * values.mean())
    normalising = axes @ (turned / scale).astype(np.float32)  # [dim_in, k]
    kept = _principal(centred @ normalising, min(dim, normalising.shape[1]))
    return Whitening(mean.astype(np.float32), np.asarray(normalising @ kept, np.float32))


def deviations_of_persons(vectors: Float32Array, persons: Int64Array) -> Float32Array:
    """[images of persons with several, dim_in]: each minus its person's mean, scaled so that every person counts as
    its images minus one. ``persons``: [n], negative where unknown."""
    order = np.argsort(persons, kind="stable")
    order = order[persons[order] >= 0]
    starts = np.flatnonzero(np.r_[True, np.diff(persons[order]) != 0]) if len(order) else np.empty(0, np.int64)
    counts = np.diff(np.r_[starts, len(order)])
    kept = np.repeat(counts > 1, counts)
    if not kept.any():
        return np.empty((0, vectors.shape[1]), np.float32)
    means = np.add.reduceat(vectors[order].astype(np.float64), starts) / counts[:, None]
    out = vectors[order] - np.repeat(means, counts, axis=0)
    return np.asarray(out[kept], np.float32)


def _principal(centred: Float32Array, count: int) -> Float32Array:
    """[dim_in, count]: the orthonormal directions of largest variance, with a fixed sign."""
    n, dim = centred.shape
    if n < dim:
        values, left = np.linalg.eigh((centred @ centred.T).astype(np.float64))
        values, left = values[::-1][:count], left[:, ::-1][:, :count]
        if not values[0] > 0:
            raise TrainingError("whitening", "all embeddings are equal", "Ingest different images")
        axes = centred.T @ left / np.sqrt(np.maximum(values, 1e-12 * values[0]))
    else:
        values, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64))
        axes = axes[:, ::-1][:, :count]
        if not values[-1] > 0:
            raise TrainingError("whitening", "all embeddings are equal", "Ingest different images")
    signs = np.where(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])] < 0, -1.0, 1.0)
    return np.asarray(axes * signs, np.float32)


def _unit_trace(rows: Float32Array) -> npt.NDArray[np.float64]:
    scatter = rows.T.astype(np.float64) @ rows.astype(np.float64)
    trace = float(np.trace(scatter))
    if not trace > 0:
        raise TrainingError("whitening", "views do not differ from their pictures", "Ingest pictures with content")
    return np.asarray(scatter / trace)


def view_deviations(original: Float32Array, views: Sequence[Float32Array]) -> Float32Array:
    """[views * n, dim_in]: each view's vector minus its picture's; all [n, dim_in], row-aligned."""
    return np.asarray(np.concatenate([view - original for view in views]), np.float32)
