"""Witness (d): what the reports of the nearest images of other patients say, beside how often the archive says it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from caseindex.records import Float32Array, Int64Array
from caseindex.retrieval.verify.logistic import Floats

K = 20
_BLOCK = 512
_PRIOR = 4.0  # neighbours' worth of the archive's own share


@dataclass(frozen=True, slots=True)
class Gallery:
    """``vectors``: [m, dim] unit, float16; ``rows``: [m, columns] claims; ``sides``: [m] net side; ``patients``, ``studies`` and the
    UIDs of the ``reports``."""

    vectors: npt.NDArray[np.float16]
    rows: Float32Array
    sides: Float32Array
    patients: npt.NDArray[np.object_]
    studies: npt.NDArray[np.object_]
    reports: npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Near:
    """``places``: [n, k] rows of the gallery, nearest first, -1 where there are fewer; ``similarity``: [n, k].
    ``share``: [n, columns] of the neighbours whose reports say so, smoothed by the archive's share; ``left``: [n] of
    those with one side, NaN where fewer than two."""

    places: Int64Array
    similarity: Float32Array
    share: Floats
    left: Floats


def nearest(
    gallery: Gallery,
    queries: Float32Array,
    patients: npt.NDArray[np.object_],
    studies: npt.NDArray[np.object_],
    base: Float32Array,
    k: int = K,
) -> Near:
    """``queries``: [n, dim] unit. Nobody's own images, nor those of his study, are among his neighbours."""
    parts = []
    vectors = gallery.vectors.astype(np.float32)
    for start in range(0, len(queries), _BLOCK):
        stop = start + _BLOCK
        scores = queries[start:stop] @ vectors.T
        own = patients[start:stop, None] == gallery.patients[None, :]
        own |= studies[start:stop, None] == gallery.studies[None, :]
        scores[own] = -np.inf
        parts.append(_of_block(gallery, scores, base, k))
    return Near(*(np.concatenate([getattr(part, name) for part in parts]) for name in Near.__slots__))


def _of_block(gallery: Gallery, scores: Float32Array, base: Float32Array, k: int) -> Near:
    k = min(k, scores.shape[1])
    best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
    places = np.take_along_axis(best, order, 1)
    similarity = np.take_along_axis(scores, places, 1)
    valid = np.isfinite(similarity)
    said = (gallery.rows[places] * valid[..., None]).sum(1, dtype=np.float64)
    share = (said + _PRIOR * base) / (valid.sum(1, keepdims=True) + _PRIOR)
    sides = gallery.sides[places] * valid
    told = np.abs(sides).sum(1)
    left = np.where(told >= 2, ((sides > 0).sum(1) + 1.0) / (told + 2.0), np.nan)
    return Near(np.where(valid, places, -1).astype(np.int64), similarity, share, left)
