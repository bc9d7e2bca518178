"""Inverted lists: the vectors of a cell around each of `nlist` centres, compressed, a few cells visited per query.

Sivic & Zisserman 2003 (inverted file); Jégou et al. 2011 (product quantisation, IVFADC); Baranchuk et al. 2018 (many
small lists whose centres a graph finds). ``code="sq"`` keeps 8 bits per dimension, ``code="pq"`` one byte per 8
dimensions, of the residual to the centre.
"""

from __future__ import annotations

from math import log2
from typing import Any, ClassVar, Final, Self, cast

import numpy as np

from caseindex.index.vectors.approximate import ApproximateIndex
from caseindex.index.vectors.manifest import Manifest
from caseindex.index.vectors.rescoring import ExactVectors
from caseindex.records import Float32Array, Int64Array

_PLAIN: Final = 1024  # lists whose centres k-means finds and a search compares one by one
_PER_LIST: Final = 48  # training vectors per centre for k-means, which asks for at least 39
_PER_CELL: Final = 4  # the same for cells in a graph
_MOST_LISTS: Final = 262_144
_VISITED: Final = {"sq": 64, "pq": 64}  # lists per query
_EXPAND: Final = {"sq": 2, "pq": 10}


class IvfIndex(ApproximateIndex):
    """IVF with scalar (``"sq"``) or product (``"pq"``) quantisation, re-scored exactly.

    Removed vectors leave their inverted list at once, so that nothing of them is in the file that is saved next.
    """

    def __init__(self, dim: int, vectors: ExactVectors, code: str = "sq") -> None:
        if code not in _VISITED:
            raise ValueError(f"code must be sq or pq, got {code!r}")
        super().__init__(dim, vectors)
        self.code = code
        self.backend = f"ivf-{code}"
        self.expand = _EXPAND[code]

    purges: ClassVar[bool] = True

    @property
    def most_effort(self) -> int:
        return int(self._index.nlist) if self._index is not None else 1

    def training_size(self, count: int) -> int:
        lists = _lists(count)
        return max(1024, (_PER_CELL if lists > _PLAIN else _PER_LIST) * lists)

    def _made(self, sample: Float32Array, count: int) -> Any:
        import faiss

        if len(sample) < 2:  # k-means wants as many points as centres, and product quantisation at least two of those
            sample = np.repeat(sample, 2, axis=0)
        lists = max(1, min(_lists(count), len(sample)))
        fine = lists > _PLAIN
        cells: Any = _fine_cells(sample, lists) if fine else faiss.IndexFlatIP(self.dim)
        metric = faiss.METRIC_INNER_PRODUCT
        index: Any
        if self.code == "sq":
            index = faiss.IndexIVFScalarQuantizer(cells, self.dim, lists, faiss.ScalarQuantizer.QT_8bit, metric, True)
        else:
            bits = max(1, min(8, int(log2(max(2, len(sample))))))
            index = faiss.IndexIVFPQ(cells, self.dim, lists, _pieces(self.dim), bits, metric)
            index.pq.cp.min_points_per_centroid = 1
            index.pq.cp.seed = 1
        index.own_fields = True
        cells.this.disown()
        index.cp.min_points_per_centroid = 1  # faiss would warn on stderr for a small archive
        index.cp.spherical = True
        index.cp.seed = 1
        index.train(sample)
        return index

    def _ask(self, queries: Float32Array, k: int, effort: int, selector: Any) -> Int64Array:
        import faiss

        # Through Any: the stubs of faiss lack what its Python wrapper adds.
        walk = None
        if hasattr(faiss.downcast_index(self._index.quantizer), "hnsw"):
            walk = cast(Any, faiss).SearchParametersHNSW(efSearch=2 * effort)
        parameters = cast(Any, faiss).SearchParametersIVF(nprobe=effort, sel=selector, quantizer_params=walk)
        return self._index.search(queries, k, params=parameters)[1]

    def _effort(self, share: float) -> int:
        return int(min(self.most_effort, max(1, round(_VISITED[self.code] / share))))

    def _insert(self, vectors: Float32Array, first_row: int) -> None:
        self._index.add_with_ids(vectors, np.arange(first_row, first_row + len(vectors), dtype=np.int64))

    def _buried(self, rows: Int64Array) -> None:
        import faiss

        bits = np.zeros(len(self.rows), np.bool_)
        bits[rows] = True
        packed = np.packbits(bits, bitorder="little")
        self._index.remove_ids(faiss.IDSelectorBitmap(len(self.rows), faiss.swig_ptr(packed)))

    def parameters(self) -> dict[str, Any]:
        if self._index is None:
            return {"code": self.code}
        return {"code": self.code, "lists": int(self._index.nlist), "visited": self._effort(1.0)}

    @classmethod
    def _from(cls, manifest: Manifest, index: Any, vectors: ExactVectors) -> Self:
        made = cls(manifest.dim, vectors, code=manifest.backend.removeprefix("ivf-"))
        if index is not None and not hasattr(index, "nlist"):
            raise ValueError("not an inverted file")
        made._index = index
        return made


def _lists(count: int) -> int:
    """Up to :data:`_PLAIN` lists of about 39 vectors, found by k-means; above, lists of about 16, found by a graph.

    The usual 4 sqrt(n) lists lose clusters that are smaller than a list and have nothing to do with each other: on
    1,000,000 vectors in 20,000 such clusters, 64 of 4,000 lists held half of the ten nearest."""
    plain = max(1, count // 39)
    return plain if plain <= _PLAIN else min(_MOST_LISTS, count // 16)


def _fine_cells(sample: Float32Array, lists: int) -> Any:
    """A graph over ``lists`` centres: vectors of the sample, moved once to the mean of what is nearest to them."""
    import faiss

    def graph(centres: Float32Array) -> Any:
        cells: Any = cast(Any, faiss).IndexHNSWFlat(centres.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
        cells.hnsw.efConstruction = 64
        cells.hnsw.efSearch = 48
        cells.add(centres)
        return cells

    chosen = np.sort(np.random.default_rng(0).choice(len(sample), lists, replace=False))
    centres = sample[chosen]
    nearest = graph(centres).search(sample, 1)[1][:, 0]
    sums = np.zeros((lists, sample.shape[1]), np.float32)
    order = np.argsort(nearest, kind="stable")
    order = order[nearest[order] >= 0]
    filled, starts = np.unique(nearest[order], return_index=True)
    sums[filled] = np.add.reduceat(sample[order], starts, axis=0)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return graph(np.where(lengths > 1e-6, sums / np.maximum(lengths, 1e-6), centres).astype(np.float32))


def _pieces(dim: int) -> int:
    """The number of sub-quantisers: one per 8 dimensions, or the nearest below that divides ``dim``."""
    return next(pieces for pieces in range(max(1, dim // 8), 0, -1) if dim % pieces == 0)
