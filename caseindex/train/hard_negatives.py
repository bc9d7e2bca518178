"""A hard-negative round: after training a while, every image's nearest image of another person, over the whole gallery.

Two guards that the published recipe lacks: a person who may be the anchor's own (or is unknown) is never a negative, and
a stranger nearly as similar as the anchor's own other image is left out as a probable unknown identity (positive-aware
mining: Moreira et al. 2024, NV-Retriever, arXiv 2407.15831, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from caseindex.records import Float32Array, Int64Array

_FIRST_K = 16
_MOST_K = 2048


@dataclass(frozen=True, slots=True, eq=False)
class HardNegatives:
    """``rows``: [anchors, count] rows of the gallery, nearest first, -1 where there is none (any more);
    ``similarities``: beside them, -inf. ``spared``: how many candidates the positive-aware guard left out."""

    rows: Int64Array
    similarities: Float32Array
    spared: int


def hard_negatives(
    embeddings: Float32Array,
    persons: Int64Array,
    families: Int64Array,
    *,
    anchors: Int64Array | None = None,
    count: int = 1,
    positive_aware: float | None = 0.95,
    index: Literal["flat", "ivf"] = "flat",
    block: int = 4096,
    seed: int = 0,
) -> HardNegatives:
    """``embeddings``: [n, dim] float32, L2-normalised, an array or a memory map; ``persons``, ``families``: [n], families
    equal for persons that may be one, persons negative where unknown. ``anchors``: rows that ask, default all known.

    ``positive_aware``: candidates above this share of the anchor's similarity to its own nearest other image are left
    out. Queries go in blocks: beside the index (4 * dim bytes a vector, both kinds) it needs ``block * k`` neighbours, 64
    MiB at the widest k; ``embeddings`` are read once to fill the index and once to ask.
    """
    asking = np.flatnonzero(persons >= 0) if anchors is None else anchors
    rows = np.full((len(asking), count), -1, np.int64)
    similarities = np.full((len(asking), count), -np.inf, np.float32)
    if not len(asking) or len(embeddings) < 2:
        return HardNegatives(rows, similarities, 0)
    searcher = searchable(embeddings, index, seed=seed)
    spared = 0
    for start in range(0, len(asking), block):
        left = np.arange(start, min(start + block, len(asking)))
        k = min(len(embeddings), max(_FIRST_K, 4 * count))
        while len(left):
            found, near = _neighbours(searcher, embeddings, asking[left], k)
            chosen, doubtful = _strangers(found, near, asking[left], persons, families, positive_aware)
            order = np.argsort(~chosen, axis=1, kind="stable")[:, :count]  # chosen ones first, nearest first
            taken = np.take_along_axis(chosen, order, 1)
            rows[left] = np.where(taken, np.take_along_axis(found, order, 1), -1)
            similarities[left] = np.where(taken, np.take_along_axis(near, order, 1), -np.inf)
            done = taken.all(1) | (k >= min(len(embeddings), _MOST_K))
            spared += int(doubtful[done].sum())
            left, k = left[~done], min(len(embeddings), 4 * k)
    return HardNegatives(rows, similarities, spared)


def searchable(embeddings: Float32Array, kind: Literal["flat", "ivf"], *, seed: int = 0, block: int = 65536) -> Any:
    """A FAISS index over all rows, filled in blocks: exact, or inverted lists (sqrt(n) of them, 16 of 1,000 visited)."""
    import faiss

    n, dim = embeddings.shape
    made: Any
    if kind == "flat":
        made = faiss.IndexFlatIP(dim)
    else:
        lists = max(1, int(np.sqrt(n)))
        made = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, lists, faiss.METRIC_INNER_PRODUCT)
        made.cp.seed = seed
        made.nprobe = max(1, min(lists, round(16 * max(1.0, lists / 1000))))
        sample = np.sort(np.random.default_rng(seed).choice(n, min(n, 64 * lists), replace=False))
        made.train(np.ascontiguousarray(embeddings[sample], np.float32))
    for start in range(0, n, block):
        made.add(np.ascontiguousarray(embeddings[start : start + block], np.float32))
    return made


def _neighbours(searcher: Any, embeddings: Float32Array, rows: Int64Array, k: int) -> tuple[Int64Array, Float32Array]:
    similarities, found = searcher.search(np.ascontiguousarray(embeddings[rows], np.float32), k)
    return found, similarities


def _strangers(
    found: Int64Array,
    near: Float32Array,
    anchors: Int64Array,
    persons: Int64Array,
    families: Int64Array,
    positive_aware: float | None,
) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], Int64Array]:
    """([b, k] which neighbours are negatives, [b] how many were spared as probable own images)."""
    there = found >= 0
    who, family = persons[found], families[found]
    stranger = there & (who >= 0) & (family != families[anchors][:, None])
    if positive_aware is None:
        return stranger, np.zeros(len(anchors), np.int64)
    own = there & (who == persons[anchors][:, None]) & (found != anchors[:, None])
    nearest_own = np.where(own, near, -np.inf).max(1)
    # Without another image of the person among the neighbours nothing is known of how near its own would be.
    limit = np.where(np.isfinite(nearest_own), positive_aware * nearest_own, np.inf)
    doubtful = stranger & (near > limit[:, None])
    return stranger & ~doubtful, doubtful.sum(1)
