"""The one definition of similarity and order: cosine in float64, rounded to float32; equal ones by ascending id.

Float32 inner products of one pair differ in their last bits between kernels (SIMD width, BLAS blocking, the place of
a row in its block), so that equal vectors could come out in any order. Candidates are therefore scored again here,
by one kernel, whatever index they come from: flat and re-scored approximate indexes agree to the last bit.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from caseindex.errors import IndexMismatch, VectorIndexError
from caseindex.records import Float32Array, Int64Array, Neighbours

_BLOCK_BYTES: Final = 32 << 20


def unit(vectors: npt.ArrayLike, dim: int, what: str = "vector") -> Float32Array:
    """[n, dim] of any real type -> [n, dim] float32, L2-normalised, C-contiguous, never the caller's own memory.

    Raises :class:`~caseindex.errors.IndexMismatch` for another dimension, ``ValueError`` for another shape, and
    :class:`~caseindex.errors.VectorIndexError` for NaN, infinite or zero vectors, which have no direction.
    """
    given = np.asarray(vectors)
    if given.ndim != 2:
        raise ValueError(f"expected [n, {dim}] {what}s, got an array of shape {given.shape}")
    if given.shape[1] != dim:
        raise IndexMismatch(
            f"{what}s of {given.shape[1]} dimensions",
            f"the index holds vectors of {dim}: another encoder made them",
            "Search with the encoder that made the index, or run `caseindex embed` with the new one",
        )
    unit_vectors = np.empty(given.shape, np.float32)
    step = max(1, _BLOCK_BYTES // (8 * dim))
    for start in range(0, len(given), step):
        block = given[start : start + step].astype(np.float64)
        lengths = np.sqrt(np.einsum("nd,nd->n", block, block))
        wrong = ~np.isfinite(lengths) | (lengths == 0)
        if wrong.any():
            place = int(np.flatnonzero(wrong)[0])
            reason = "it is all zeros" if lengths[place] == 0 else "it holds NaN or infinity"
            raise VectorIndexError(
                f"{what} {start + place} of {len(given)}",
                f"{reason}, so it has no direction",
                "Reject the image or text it was made from",
            )
        np.divide(block, lengths[:, None], out=unit_vectors[start : start + step], casting="same_kind")
    return unit_vectors


def similarities(query: Float32Array, vectors: Float32Array) -> Float32Array:
    """[dim], [n, dim] unit vectors -> [n] float32 cosine in -1..1, independent of a row's place."""
    scores = np.empty(len(vectors), np.float32)
    wide_query = query.astype(np.float64)
    step = max(1, _BLOCK_BYTES // (8 * max(1, vectors.shape[1])))
    for start in range(0, len(vectors), step):
        block = vectors[start : start + step].astype(np.float64)
        scores[start : start + step] = np.einsum("nd,d->n", block, wide_query)
    return np.clip(scores, -1, 1, out=scores)


def float32_error(dim: int) -> float:
    """By how much an inner product of unit vectors summed in float32, in any order, can differ from ours
    (Higham 2002, section 3.1: n u sum |x y|; two more for the roundings of the result and of the norms)."""
    return (dim + 4) * 2.0**-24


def nearest(ids: Int64Array, scores: Float32Array, k: int) -> Neighbours:
    """[queries, n] candidates -> the k best of each, by similarity and then id; -1 and -inf mark absent ones."""
    order = np.lexsort((ids, -scores), axis=-1)[:, :k]
    best_ids = np.take_along_axis(ids, order, axis=1)
    best_scores = np.take_along_axis(scores, order, axis=1)
    missing = k - best_ids.shape[1]
    if missing > 0:
        best_ids = np.pad(best_ids, ((0, 0), (0, missing)), constant_values=-1)
        best_scores = np.pad(best_scores, ((0, 0), (0, missing)), constant_values=-np.inf)
    best_ids[np.isneginf(best_scores)] = -1
    return Neighbours(best_ids, best_scores)


def nothing(queries: int, k: int) -> Neighbours:
    """The answer where there is nothing to find: [queries, k] of -1 and -inf."""
    return Neighbours(np.full((queries, k), -1, np.int64), np.full((queries, k), -np.inf, np.float32))


def merged(one: Neighbours, other: Neighbours) -> Neighbours:
    """The k best of two exact answers over disjoint sets."""
    return nearest(np.hstack([one.ids, other.ids]), np.hstack([one.similarities, other.similarities]), one.ids.shape[1])


def checked_k(k: int) -> int:
    """Raises ``ValueError`` for a k below 1."""
    if isinstance(k, bool) or int(k) != k or k < 1:
        raise ValueError(f"k must be a whole number of at least 1, got {k!r}")
    return int(k)
