"""The backends by name, and which one an archive of a given size gets.

Exact search is the default up to a number of vectors (`exact_up_to` in `archive.toml`): never a neighbour missed. Above
that, inverted lists; how many of the neighbours they find is measured when they are built, and kept in their manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol, cast

from caseindex.errors import SettingsError
from caseindex.index.vectors.manifest import Source
from caseindex.index.vectors.rescoring import ExactVectors
from caseindex.index.vectors.tombstones import Rows
from caseindex.protocols import EmbeddingBlock, VectorIndex
from caseindex.records import Float32Array

#: What each backend is for.
BACKENDS: Final[dict[str, str]] = {
    "flat": "exact; every vector is compared",
    "ivf-sq": "inverted lists, 8 bits per dimension, re-scored exactly: large archives",
    "ivf-pq": "inverted lists, product-quantised to one byte per 8 dimensions, re-scored exactly: least memory",
    "hnsw": "navigable small-world graph over 8 bits per dimension, re-scored exactly: slow to build",
}


class SavedIndex(VectorIndex, Protocol):
    """A vector index that can be written to a folder."""

    backend: str
    rows: Rows

    def save(self, folder: Path, source: Source | None = None) -> None: ...


def chosen(backend: str, count: int, exact_up_to: int) -> str:
    """``backend``, or for ``"auto"`` the one for ``count`` vectors. Raises :class:`~caseindex.errors.SettingsError`
    for an unknown name."""
    if backend == "auto":
        return "flat" if count <= exact_up_to else "ivf-sq"
    if backend not in BACKENDS:
        raise SettingsError(
            f"vector index {backend!r}", "there is no such backend", f"Use one of auto, {', '.join(BACKENDS)}"
        )
    return backend


def new_index(backend: str, dim: int, vectors: ExactVectors) -> SavedIndex:
    """An empty index in memory."""
    if backend == "flat":
        from caseindex.index.vectors.flat import FlatIndex

        return FlatIndex(dim)
    if backend == "hnsw":
        from caseindex.index.vectors.hnsw import HnswIndex

        return HnswIndex(dim, vectors)
    from caseindex.index.vectors.ivf import IvfIndex

    return IvfIndex(dim, vectors, code=backend.removeprefix("ivf-"))


def open_saved(
    backend: str, folder: Path, vectors: ExactVectors, source: Source | None = None, mmap: bool = True
) -> SavedIndex:
    """Raises :class:`~caseindex.errors.IndexDamaged` or :class:`~caseindex.errors.IndexMismatch`."""
    if backend == "flat":
        from caseindex.index.vectors.flat import FlatIndex

        return FlatIndex.open(folder, mmap, source)
    if backend == "hnsw":
        from caseindex.index.vectors.hnsw import HnswIndex

        return HnswIndex.open(folder, mmap, source, vectors=vectors)
    from caseindex.index.vectors.ivf import IvfIndex

    return IvfIndex.open(folder, mmap, source, vectors=vectors)


def build(
    backend: str,
    folder: Path,
    dim: int,
    count: int,
    vectors: ExactVectors,
    blocks: Callable[[], Iterator[EmbeddingBlock]],
    sample: Callable[[int], Float32Array],
    source: Source,
) -> None:
    """Writes a new index of ``count`` vectors, streamed. ``sample(n)`` gives up to n vectors spread over them all."""
    if backend == "flat":
        from caseindex.index.vectors.flat import FlatIndex

        FlatIndex.build(folder, dim, blocks(), source)
        return
    filled(backend, dim, count, vectors, blocks, sample).save(folder, source)


def filled(
    backend: str,
    dim: int,
    count: int,
    vectors: ExactVectors,
    blocks: Callable[[], Iterator[EmbeddingBlock]],
    sample: Callable[[int], Float32Array],
) -> SavedIndex:
    """A new index of ``count`` vectors in memory."""
    index = new_index(backend, dim, vectors)
    if backend == "flat":
        from caseindex.index.vectors.flat import FlatIndex

        cast(FlatIndex, index).reserve(count)
    elif count:
        from caseindex.index.vectors.approximate import ApproximateIndex

        approximate = cast(ApproximateIndex, index)
        approximate.train(sample(approximate.training_size(count)), count)
    for block in blocks():
        index.add(block.ids, block.vectors)
    tune(index, blocks, sample)
    return index


def tune(
    index: SavedIndex, blocks: Callable[[], Iterator[EmbeddingBlock]], sample: Callable[[int], Float32Array]
) -> None:
    """Measures how much effort an approximate index needs, where that is not known (any more)."""
    if index.backend != "flat":
        from caseindex.index.vectors.approximate import ApproximateIndex
        from caseindex.index.vectors.tuning import QUERIES

        approximate = cast(ApproximateIndex, index)
        if approximate.out_of_tune:
            approximate.tune(sample(QUERIES), blocks())
