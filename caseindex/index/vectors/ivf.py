"""Inverted lists: the vectors of a cell around each of `nlist` centres, compressed, a few cells visited per query.

Sivic & Zisserman 2003 (inverted file); Jégou et al. 2011 (product quantisation, IVFADC). Every query and every vector is
compared with all centres: a graph over them loses its way between clusters that are unrelated, and misses the nearest
centre of a third of the vectors. How many lists are visited is measured (`tuning.py`). ``code="sq"`` keeps 8 bits per dimension, ``code="pq"`` one byte per 8
dimensions, of the residual to the centre.
"""

from __future__ import annotations

from math import log2, sqrt
from typing import Any, ClassVar, Final, Self, cast

import numpy as np

from caseindex.index.vectors.approximate import ApproximateIndex
from caseindex.index.vectors.manifest import Manifest
from caseindex.index.vectors.rescoring import ExactVectors
from caseindex.records import Float32Array, Int64Array

_PER_LIST: Final = 8  # training vectors per centre
_ROUNDS: Final = 4  # of k-means; more gained nothing
_CODES: Final = 65_536  # vectors that set the range of the codes; product quantisation learns from as many
_LEAST: Final = 8  # lists per query: about 500 vectors, against thousands of centres
_VISITED: Final = 64  # lists per query until it was tuned
_EXPAND: Final = {"sq": 2, "pq": 10}


class IvfIndex(ApproximateIndex):
    """IVF with scalar (``"sq"``) or product (``"pq"``) quantisation, re-scored exactly.

    Removed vectors leave their inverted list at once, so that nothing of them is in the file that is saved next.
    """

    def __init__(self, dim: int, vectors: ExactVectors, code: str = "sq") -> None:
        if code not in _EXPAND:
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
        return max(4096, _PER_LIST * _lists(count))

    def _made(self, sample: Float32Array, count: int) -> Any:
        import faiss

        if len(sample) < 2:  # k-means wants as many points as centres, and product quantisation at least two of those
            sample = np.repeat(sample, 2, axis=0)
        lists = max(1, min(_lists(count), len(sample)))
        cells: Any = faiss.IndexFlatIP(self.dim)
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
        centres: Any = cast(Any, faiss).Clustering(self.dim, lists)
        centres.min_points_per_centroid = 1  # faiss would warn on stderr for a small archive
        centres.niter = _ROUNDS
        centres.spherical = True
        centres.seed = 1
        centres.train(sample, cells)
        index.train(sample[:: -(-len(sample) // _CODES)])  # the codes alone: the centres are there
        return index

    def faiss_parameters(self, effort: int, selector: Any) -> Any:
        import faiss

        # Through Any: the stubs of faiss lack what its Python wrapper adds.
        return cast(Any, faiss).SearchParametersIVF(nprobe=effort, sel=selector)

    @property
    def least_effort(self) -> int:
        return min(_LEAST, self.most_effort)

    @property
    def first_effort(self) -> int:
        return min(_VISITED, self.most_effort)

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
        return {"code": self.code, "lists": int(self._index.nlist)}

    @classmethod
    def _from(cls, manifest: Manifest, index: Any, vectors: ExactVectors) -> Self:
        made = cls(manifest.dim, vectors, code=manifest.backend.removeprefix("ivf-"))
        if index is not None and not hasattr(index, "nlist"):
            raise ValueError("not an inverted file")
        made._index = index
        return made


def _lists(count: int) -> int:
    """One list for every 64 vectors, up to 1,000,000 of them; above, 16 sqrt(n), as the cost of k-means grows with
    lists times vectors. The usual 4 sqrt(n) are too few for small clusters that have nothing to do with each other."""
    return max(1, min(count // 64, int(16 * sqrt(count))))


def _pieces(dim: int) -> int:
    """The number of sub-quantisers: one per 8 dimensions, or the nearest below that divides ``dim``."""
    return next(pieces for pieces in range(max(1, dim // 8), 0, -1) if dim % pieces == 0)
