"""Second looks at a ranking: what the nearest images say of each other, or (in :mod:`caseindex.retrieval.identity.match`)
how many key points agree."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from caseindex.records import Float32Array


class ReRanking(StrEnum):
    NONE = "none"
    QUERY_EXPANSION = "query-expansion"
    K_RECIPROCAL = "k-reciprocal"
    GEOMETRY = "geometry"


def re_ranked(kind: ReRanking, query: Float32Array, gallery: Float32Array, similarity: Float32Array) -> Float32Array:
    """[n] scores that rank anew. ``query``: [dim]; ``gallery``: [n, dim]; ``similarity``: [n] their cosines."""
    if kind is ReRanking.QUERY_EXPANSION:
        return query_expansion(query, gallery, similarity)
    if kind is ReRanking.K_RECIPROCAL:
        return k_reciprocal(query, gallery, similarity)
    return similarity


def query_expansion(
    query: Float32Array, gallery: Float32Array, similarity: Float32Array, *, k: int = 3, alpha: float = 3.0
) -> Float32Array:
    """Alpha query expansion (Radenovic, Tolias and Chum 2018, arXiv 1711.02512, section 3.4): the query and its ``k``
    nearest images, weighted by similarity^alpha, ask together."""
    near = np.argsort(-similarity, kind="stable")[:k]
    weights = np.maximum(similarity[near], 0) ** alpha
    joined = query + weights @ gallery[near]
    return np.asarray(gallery @ (joined / max(float(np.linalg.norm(joined)), 1e-12)), np.float32)


def k_reciprocal(
    query: Float32Array,
    gallery: Float32Array,
    similarity: Float32Array,
    *,
    most: int = 100,
    k: int = 10,
    weight: float = 0.3,
) -> Float32Array:
    """k-reciprocal neighbours (Zhong et al. 2017, arXiv 1701.08398) of the ``most`` nearest images: two images whose
    neighbours are the same are near, whatever their distance. ``weight``: of the original similarity.

    The Jaccard similarity is of Gaussian-weighted sets of k-reciprocal neighbours, expanded by half (section 3.2), among
    query and candidates; scores beyond the candidates stay below all of them.
    """
    near = np.argsort(-similarity, kind="stable")[: min(most, len(similarity))]
    vectors = np.concatenate([query[None], gallery[near]])
    inner = vectors @ vectors.T
    order = np.argsort(-inner, axis=1, kind="stable")
    sets = np.zeros_like(inner)
    for one in range(len(vectors)):
        mutual = members = _reciprocal(order, one, k)
        for other in mutual.tolist():
            wider = _reciprocal(order, other, k // 2)
            if len(np.intersect1d(wider, mutual)) > 2 / 3 * len(wider):
                members = np.union1d(members, wider)
        values = np.exp(-(2 - 2 * inner[one, members]))
        sets[one, members] = values / values.sum()
    least, most_of = np.minimum(sets[0], sets[1:]).sum(1), np.maximum(sets[0], sets[1:]).sum(1)
    scores = similarity - 4.0  # below every candidate, in their old order
    scores[near] = (1 - weight) * least / most_of + weight * similarity[near]
    return np.asarray(scores, np.float32)


def _reciprocal(order: np.ndarray, one: int, k: int) -> np.ndarray:
    forward = order[one, : k + 1]
    return forward[[one in order[other, : k + 1] for other in forward]]
