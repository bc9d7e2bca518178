"""Hierarchical navigable small worlds: a graph that is walked greedily towards the query (Malkov & Yashunin 2018).

The nodes hold 8 bits per dimension; the exact vectors come from the truth. A node cannot leave the graph, so a removed
one stays as a tombstone until a fifth of them are dead and the graph is built anew. Erasure deletes the graph.
"""

from __future__ import annotations

from typing import Any, Final, Self, cast

from caseindex.index.vectors.approximate import ApproximateIndex
from caseindex.index.vectors.manifest import Manifest
from caseindex.index.vectors.rescoring import ExactVectors
from caseindex.records import Float32Array

_LINKS: Final = 32  # M of the paper
_BUILD_EFFORT: Final = 80  # efConstruction
_LEAST: Final = 16  # efSearch
_SEARCH_EFFORT: Final = 96  # efSearch until it was tuned


class HnswIndex(ApproximateIndex):
    """HNSW over 8-bit scalar-quantised vectors, re-scored exactly."""

    backend = "hnsw"
    expand = 2

    @property
    def most_effort(self) -> int:
        return 4096

    def training_size(self, count: int) -> int:
        return min(count, 65536)  # for the range of each dimension

    def _made(self, sample: Float32Array, count: int) -> Any:
        import faiss

        index: Any = cast(Any, faiss).IndexHNSWSQ(
            self.dim, faiss.ScalarQuantizer.QT_8bit, _LINKS, faiss.METRIC_INNER_PRODUCT
        )
        index.hnsw.efConstruction = _BUILD_EFFORT
        index.train(sample)
        return index

    def faiss_parameters(self, effort: int, selector: Any) -> Any:
        import faiss

        return cast(Any, faiss).SearchParametersHNSW(efSearch=effort, sel=selector)

    @property
    def least_effort(self) -> int:
        return _LEAST

    @property
    def first_effort(self) -> int:
        return _SEARCH_EFFORT

    def parameters(self) -> dict[str, Any]:
        return {"links": _LINKS, "build_effort": _BUILD_EFFORT}

    @classmethod
    def _from(cls, manifest: Manifest, index: Any, vectors: ExactVectors) -> Self:
        if manifest.backend != cls.backend or (index is not None and not hasattr(index, "hnsw")):
            raise ValueError("not a graph")
        made = cls(manifest.dim, vectors)
        made._index = index
        return made
