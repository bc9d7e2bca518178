"""A hard-negative round: after training a while, every image's nearest image of another person, over the whole gallery.

Two guards that the published recipe lacks: a person who may be the anchor's own (or is unknown) is never a negative, and
a stranger nearly as similar as the anchor's own other image is left out as a probable unknown identity (positive-aware
mining: Moreira et al. 2024, NV-Retriever, arXiv 2407.15831, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from caseindex.records import Float32Array, Int64Array

_FIRST_K = 128  # an exact search for 8 neighbours takes as long
_MOST_K = 2048
_HELD = 1 << 20  # neighbours that are held at once


@dataclass(frozen=True, slots=True, eq=False)
class HardNegatives:
    """``rows``: [anchors, count] rows of the gallery, nearest first, -1 where there is none (any more);
    ``similarities``: beside them, -inf. ``spared``: how many nearer strangers the positive-aware guard left out."""

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
    equal for persons that may be one, persons negative where unknown. ``anchors``: rows that ask, default all; those of
    unknown persons get none, because any of the others may be theirs.

    ``positive_aware``: candidates above this share of the anchor's similarity to its own nearest other image are left
    out; an anchor without another image has none to compare with. Of the 2,048 nearest images, those that are left are
    taken. Queries go in blocks, shorter ones where they ask for more neighbours: beside the index (4 * dim bytes a
    vector, both kinds) it needs about 64 MiB; ``embeddings`` are read once to fill the index and once to ask.
    """
    asking = np.arange(len(persons)) if anchors is None else anchors
    rows = np.full((len(asking), count), -1, np.int64)
    similarities = np.full((len(asking), count), -np.inf, np.float32)
    pending = np.flatnonzero(persons[asking] >= 0)
    if not len(pending) or len(embeddings) < 2:
        return HardNegatives(rows, similarities, 0)
    searcher = searchable(embeddings, index, seed=seed)
    own = _OwnImages(persons)
    most = min(len(embeddings), _MOST_K)
    k = min(most, max(_FIRST_K, 4 * count))
    spared = 0
    while len(pending):
        again = []
        size = max(1, min(block, _HELD // k))
        for start in range(0, len(pending), size):
            part = pending[start : start + size]
            asked = np.ascontiguousarray(embeddings[asking[part]], np.float32)
            near, found = searcher.search(asked, k)
            stranger = _strangers(found, asking[part], persons, families)
            chosen = stranger
            if positive_aware is not None:
                chosen = stranger & (near <= positive_aware * own.nearest(embeddings, asking[part], asked)[:, None])
            order = np.argsort(~chosen, axis=1, kind="stable")[:, :count]  # chosen ones first, nearest first
            taken = np.take_along_axis(chosen, order, 1)
            rows[part] = np.where(taken, np.take_along_axis(found, order, 1), -1)
            similarities[part] = np.where(taken, np.take_along_axis(near, order, 1), -np.inf)
            done = taken.all(1) | (k >= most)
            spared += int((stranger & ~chosen)[done].sum())
            again.append(part[~done])
        pending, k = np.concatenate(again), min(most, 16 * k)
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


def _strangers(
    found: Int64Array, anchors: Int64Array, persons: Int64Array, families: Int64Array
) -> npt.NDArray[np.bool_]:
    """[b, k] which neighbours are surely other persons."""
    return (found >= 0) & (persons[found] >= 0) & (families[found] != families[anchors][:, None])


class _OwnImages:
    """Looked up, not searched for: the own image of a hard anchor is not among its nearest neighbours."""

    def __init__(self, persons: Int64Array) -> None:
        self._rows = np.argsort(persons, kind="stable")
        _, first, number, counts = np.unique(
            persons[self._rows], return_index=True, return_inverse=True, return_counts=True
        )
        self._first, self._counts = np.empty_like(self._rows), np.empty_like(self._rows)
        self._first[self._rows], self._counts[self._rows] = first[number], counts[number]

    def nearest(self, embeddings: Float32Array, anchors: Int64Array, asked: Float32Array) -> Float32Array:
        """[b] similarity of ``asked``, the embeddings of ``anchors``, to their persons' nearest other image; infinite
        where there is none."""
        best = np.full(len(anchors), -np.inf, np.float32)
        for place in range(int(self._counts[anchors].max(initial=0))):
            here = np.flatnonzero(self._counts[anchors] > place)
            other = self._rows[self._first[anchors[here]] + place]
            here, other = here[other != anchors[here]], other[other != anchors[here]]
            similarity = np.einsum("nd,nd->n", asked[here], np.asarray(embeddings[other], np.float32))
            best[here] = np.maximum(best[here], similarity)
        return np.where(np.isfinite(best), best, np.float32(np.inf))
