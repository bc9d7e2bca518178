"""Where an approximate index gets the exact vectors of its candidates: from the truth, by id."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from caseindex.errors import NotInArchive
from caseindex.index.vectors.scoring import merged, nothing
from caseindex.protocols import RecordReader, RecordStore
from caseindex.records import Float32Array, Int64Array, ItemKind, Neighbours

_BLOCK = 8192  # vectors fetched at a time


class ExactVectors(Protocol):
    def __call__(self, ids: Int64Array) -> tuple[Int64Array, Float32Array]:
        """The ids that still have a vector, in the order asked, and their vectors, [n, dim]."""
        ...


class StoreVectors:
    """The embeddings of one model and kind in the store, each call in a snapshot of its own."""

    def __init__(self, store: RecordStore, fingerprint: str, kind: ItemKind) -> None:
        self.store = store
        self.fingerprint = fingerprint
        self.kind = kind

    def __call__(self, ids: Int64Array) -> tuple[Int64Array, Float32Array]:
        with self.store.read() as reader:
            try:
                return ids, reader.embeddings_of(self.fingerprint, self.kind, ids)
            except NotInArchive:
                return self._those_left(reader, ids)

    def _those_left(self, reader: RecordReader, ids: Int64Array) -> tuple[Int64Array, Float32Array]:
        left = ids[np.isin(ids, reader.embedding_ids(self.fingerprint, self.kind))]
        if not len(left):
            return left, np.empty((0, 0), np.float32)
        return left, reader.embeddings_of(self.fingerprint, self.kind, left)


def exact_among(
    queries: Float32Array, ids: Int64Array, k: int, dim: int, vectors: ExactVectors
) -> tuple[Neighbours, Int64Array]:
    """Exact search over ``ids``, a block at a time; also gives the ids that turned out to have no vector any more.

    ``queries``: [queries, dim] unit vectors.
    """
    from caseindex.index.vectors.flat import FlatIndex

    best = nothing(len(queries), k)
    lost = [np.empty(0, np.int64)]
    for start in range(0, len(ids), _BLOCK):
        asked = ids[start : start + _BLOCK]
        found, exact = vectors(asked)
        if len(found) < len(asked):
            lost.append(np.setdiff1d(asked, found))
        if len(found):
            block = FlatIndex(dim)
            block.add(found, exact)
            best = merged(best, block.search_unit(queries, k))
    return best, np.concatenate(lost)
