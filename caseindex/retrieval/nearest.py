"""The image channel: nearest images in an encoder's space, through the archive's vector index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from caseindex.index.archive import Archive
from caseindex.index.filters import Filters, allowed_ids
from caseindex.index.search_index import open_index
from caseindex.protocols import VectorIndex
from caseindex.records import Float32Array, Int64Array, ItemKind

_FIRST = 64
_SAMPLE = 512


@dataclass(frozen=True, slots=True)
class Spread:
    """``typical``: the median cosine; ``deviation``: the median absolute deviation, scaled to a standard deviation;
    ``best``: the highest of the sample."""

    typical: float
    deviation: float
    best: float

    def deviations(self, similarity: float) -> float:
        """How many robust standard deviations a cosine is above the typical one."""
        return (similarity - self.typical) / max(self.deviation, 1e-6)

    def degree(self, similarity: float) -> float:
        """In [0, 1]: 0 at the typical cosine and below, 1 from four deviations above it."""
        return min(1.0, max(0.0, self.deviations(similarity) / 4.0))


@dataclass(frozen=True)
class Gallery:
    """The embeddings of one model and kind that may answer. ``allowed``: their ids, ``None`` for all."""

    archive: Archive
    fingerprint: str
    kind: ItemKind
    index: VectorIndex
    allowed: Int64Array | None

    def __len__(self) -> int:
        if self.allowed is None:
            return len(self.index)
        return int(np.isin(self._ids(), self.allowed).sum())

    def _ids(self) -> Int64Array:
        with self.archive.store.read() as reader:
            return reader.embedding_ids(self.fingerprint, self.kind)

    def nearest(self, queries: Float32Array, at_least: int) -> Iterator[tuple[int, float]]:
        """(id, cosine) best first, each id once with its best cosine over the queries [n, dim]: more and more, for as
        long as the reader wants. ``at_least`` is how many are wanted to begin with."""
        given: set[int] = set()
        k = max(_FIRST, 4 * at_least)
        while True:
            found = self.index.search(queries, k, self.allowed)
            order = np.argsort(-found.similarities, axis=None, kind="stable")
            ids, similarities = found.ids.ravel()[order].tolist(), found.similarities.ravel()[order].tolist()
            # Below the weakest last neighbour of a query, another image may be missing from the list: not yet told.
            lists_end = found.ids[:, -1] >= 0
            floor = float(found.similarities[lists_end, -1].max()) if lists_end.any() else -np.inf
            for item, similarity in zip(ids, similarities, strict=True):
                if item >= 0 and item not in given and similarity >= floor:
                    given.add(item)
                    yield item, float(similarity)
            if not lists_end.any() or k >= len(self.index):
                return
            k = min(4 * k, len(self.index))

    def spread(self, queries: Float32Array) -> Spread:
        """How near the gallery as a whole is to the queries [n, dim], from an even sample of up to 512."""
        ids = self._ids()
        if ids.size == 0:
            return Spread(0.0, 0.0, 0.0)
        sample = ids[np.unique(np.linspace(0, ids.size - 1, min(_SAMPLE, ids.size)).astype(np.int64))]
        with self.archive.store.read() as reader:
            vectors = reader.embeddings_of(self.fingerprint, self.kind, sample)
        similarities = (vectors @ queries.T).max(axis=1)
        median = float(np.median(similarities))
        return Spread(median, 1.4826 * float(np.median(np.abs(similarities - median))), float(similarities.max()))


def open_gallery(archive: Archive, fingerprint: str, kind: ItemKind, dim: int, filters: Filters) -> Gallery:
    """The gallery of a model, filtered before anything is searched."""
    return Gallery(
        archive,
        fingerprint,
        kind,
        open_index(archive, fingerprint, kind, dim),
        allowed_ids(archive, kind, filters),
    )
