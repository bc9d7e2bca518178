"""What HNSW and IVF share: faiss proposes candidates, the truth's vectors decide.

A search asks faiss for more candidates than k, fetches their exact vectors and orders them by the reference score, so
that similarities are those of the flat index. A filter goes into faiss as a bitmap, so that only allowed vectors become
candidates, and the effort grows with the inverse of their share; where few are allowed they are all scored exactly.
Whoever asks for k gets k, or all that are allowed.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import msgspec
import numpy as np

from caseindex.errors import IndexDamaged
from caseindex.index.atomic import storage_error
from caseindex.index.vectors.manifest import (
    Manifest,
    Source,
    damaged,
    read_manifest,
    sum_file,
    verify,
    write_array,
    write_manifest,
)
from caseindex.index.vectors.rescoring import ExactVectors, exact_among
from caseindex.index.vectors.scoring import checked_k, nearest, nothing, similarities, unit
from caseindex.index.vectors.tombstones import BoolArray, Rows, checked_ids
from caseindex.index.vectors.tuning import Tuning, pool_of, tuned
from caseindex.protocols import EmbeddingBlock
from caseindex.records import Float32Array, Int64Array, Neighbours

IDS: Final = "ids.i64"
DEAD: Final = "tombstones.u8"
GRAPH: Final = "index.faiss"
EXACT_AMONG: Final = 4096  # up to so many allowed vectors are scored exactly
_WORN: Final = 0.2  # share of dead rows from which the index is built anew
_GROWN: Final = 4  # times its size when it was trained: built anew too


class ApproximateIndex(ABC):
    """See :class:`~caseindex.protocols.VectorIndex`. ``vectors`` gives the exact vectors by id and has to know what is
    added here. Subclasses say how faiss is made and asked."""

    backend: str
    expand: int  # candidates per neighbour asked for
    purges: ClassVar[bool] = False  # whether removed rows leave faiss's structure at once

    def __init__(self, dim: int, vectors: ExactVectors) -> None:
        if dim < 1:
            raise ValueError(f"dim must be at least 1, got {dim}")
        self.dim = dim
        self.vectors = vectors
        self.rows = Rows()
        self.trained_for = 0
        self.tuning: Tuning | None = None
        self._index: Any = None
        self._mapped: Path | None = None  # the file behind a memory-mapped index, which cannot be changed

    def __len__(self) -> int:
        return self.rows.live

    @property
    def worn(self) -> bool:
        """Whether it should be built anew: too many dead rows, or grown far beyond what it was trained for."""
        rows = len(self.rows)
        return self.rows.tombstones > _WORN * rows or rows > _GROWN * max(self.trained_for, 256)

    @property
    def out_of_tune(self) -> bool:
        """Whether it grew by a quarter since its effort was measured, or that was never done."""
        return len(self) > max(EXACT_AMONG, 1.25 * self.tuning.vectors if self.tuning else 0)

    def tune(self, queries: Float32Array, blocks: Iterable[EmbeddingBlock]) -> None:
        """Sets the effort by measurement. ``queries``: [n, dim], some of the vectors held; ``blocks``: all of them."""
        self._load()
        self.tuning = tuned(
            unit(queries, self.dim),
            (EmbeddingBlock(block.ids, unit(block.vectors, self.dim)) for block in blocks),
            lambda asked, pool, effort: self.rows.ids_of(self._ask(asked, pool, effort, None)),
            self.expand,
            self.least_effort,
            self.most_effort,
            len(self),
        )

    @property
    @abstractmethod
    def most_effort(self) -> int:
        """From where more effort finds nothing more."""

    def pool(self, k: int) -> int:
        """How many candidates are re-scored for k."""
        return pool_of(k, self.tuning.of(k).expand if self.tuning else self.expand)

    @abstractmethod
    def training_size(self, count: int) -> int:
        """How many vectors to train on for an index of ``count``."""

    @abstractmethod
    def _made(self, sample: Float32Array, count: int) -> Any:
        """A new, trained, empty faiss index."""

    @abstractmethod
    def faiss_parameters(self, effort: int, selector: Any) -> Any:
        """faiss's search parameters."""

    def _ask(self, queries: Float32Array, k: int, effort: int, selector: Any) -> Int64Array:
        """[queries, k] rows, -1 where none was found."""
        rows: Int64Array = self._index.search(queries, k, params=self.faiss_parameters(effort, selector))[1]
        return rows

    @property
    @abstractmethod
    def least_effort(self) -> int:
        """Less would save no time worth speaking of."""

    @property
    @abstractmethod
    def first_effort(self) -> int:
        """Lists probed or nodes kept per query until it was tuned."""

    def effort(self, k: int, share: float = 1.0) -> int:
        """Lists probed or nodes kept for ``k`` neighbours, with a filter that lets ``share`` of the vectors pass."""
        base: float = self.first_effort
        if self.tuning:
            measured = self.tuning.of(k)
            base = measured.effort * max(1.0, k / measured.k)
        return int(min(self.most_effort, max(self.least_effort, round(base / share))))

    def _buried(self, rows: Int64Array) -> None:  # noqa: B027 - most cannot take rows out
        """Takes dead rows out of faiss's structure where that is possible."""

    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """For the manifest."""

    @classmethod
    @abstractmethod
    def _from(cls, manifest: Manifest, index: Any, vectors: ExactVectors) -> Self:
        """An index over the faiss index that was read; raises where it is not one of this class."""

    def train(self, sample: Float32Array, count: int) -> None:
        """Makes the structure for about ``count`` vectors, learning from ``sample``, [n, dim]."""
        if len(self.rows):
            raise ValueError("an index that holds vectors cannot be trained again")
        self._index = self._made(unit(sample, self.dim), count)
        self.trained_for = count

    def add(self, ids: Int64Array, vectors: Float32Array) -> None:
        new_ids = checked_ids(ids)
        new = unit(vectors, self.dim)
        if len(new_ids) != len(new):
            raise ValueError(f"{len(new_ids)} ids for {len(new)} vectors")
        if not len(new):
            return
        before = len(self.rows)
        self.rows.add(new_ids)
        if self._index is None:
            self._index = self._made(new, len(new))
            self.trained_for = len(new)
        self._load()
        self._insert(new, before)

    def remove(self, ids: Int64Array) -> int:
        rows = self.rows.remove(ids)
        if len(rows):
            self._load()
            self._buried(rows)
        return len(rows)

    def search(self, queries: Float32Array, k: int, allowed: Int64Array | None = None) -> Neighbours:
        k = checked_k(k)
        wanted = unit(queries, self.dim, "query")
        chosen = self.rows.mask(allowed)
        total = len(self.rows) if chosen is None else int(np.count_nonzero(chosen))
        if total == 0 or len(wanted) == 0:
            return nothing(len(wanted), k)
        pool = min(total, self.pool(k))
        if total <= EXACT_AMONG or 4 * pool >= total:
            ids = self.rows.ids if chosen is None else self.rows.ids[chosen]
            return exact_among(wanted, np.sort(ids), k, self.dim, self.vectors)[0]
        keep, selector = (None, None) if allowed is None and self.purges else _selector(chosen)
        effort = self.effort(k, total / len(self.rows))
        answer, found = self._rescored(wanted, pool, k, effort, selector)
        short = np.flatnonzero(found < min(k, total))
        while len(short) and effort < self.most_effort:
            effort = min(4 * effort, self.most_effort)
            again, found = self._rescored(wanted[short], pool, k, effort, selector)
            answer.ids[short], answer.similarities[short] = again.ids, again.similarities
            short = short[found < min(k, total)]
        if len(short):
            ids = self.rows.ids if chosen is None else self.rows.ids[chosen]
            exact, _ = exact_among(wanted[short], np.sort(ids), k, self.dim, self.vectors)
            answer.ids[short], answer.similarities[short] = exact.ids, exact.similarities
        del keep  # faiss held only its address
        return answer

    def save(self, folder: Path, source: Source | None = None) -> None:
        """Writes the index into an empty ``folder``, tombstones included."""
        import faiss

        folder.mkdir(parents=True, exist_ok=True)
        files = {
            IDS: write_array(folder / IDS, self.rows.ids),
            DEAD: write_array(folder / DEAD, self.rows.dead.astype(np.uint8)),
        }
        if self._index is not None:
            self._load()
            try:
                faiss.write_index(self._index, os.fspath(folder / GRAPH))
            except RuntimeError as error:
                full = OSError(28, "No space left on device")
                raise storage_error(folder, full) or error from error
            files[GRAPH] = sum_file(folder / GRAPH)
        write_manifest(
            folder,
            Manifest(
                backend=self.backend,
                dim=self.dim,
                count=self.rows.live,
                tombstones=self.rows.tombstones,
                largest_id=self.rows.largest,
                source=source or Source(),
                files=files,
                parameters={
                    **self.parameters(),
                    "trained_for": self.trained_for,
                    "tuning": self.tuning and msgspec.to_builtins(self.tuning),
                },
            ),
        )

    @classmethod
    def open(cls, folder: Path, mmap: bool = True, source: Source | None = None, *, vectors: ExactVectors) -> Self:
        """Verifies and opens a saved index. Raises :class:`~caseindex.errors.IndexDamaged` or
        :class:`~caseindex.errors.IndexMismatch`."""
        manifest = read_manifest(folder, source)
        verify(folder, manifest)
        try:
            read = _read(folder / GRAPH, mmap) if GRAPH in manifest.files else None
            index = cls._from(manifest, read, vectors)
            index.tuning = msgspec.convert(manifest.parameters.get("tuning"), Tuning | None)
        except (RuntimeError, KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
            if isinstance(error, IndexDamaged):
                raise
            raise damaged(folder, f"faiss cannot read it as a {manifest.backend} index") from error
        index._mapped = folder / GRAPH if mmap and read is not None else None
        index.trained_for = int(manifest.parameters.get("trained_for", 0))
        ids = np.fromfile(folder / IDS, np.int64)
        dead = np.fromfile(folder / DEAD, np.uint8).astype(np.bool_)
        if len(ids) != len(dead) or len(ids) - int(dead.sum()) != manifest.count:
            raise damaged(folder, "its ids and its manifest disagree")
        if (0 if index._index is None else index._index.d) not in (0, manifest.dim):
            raise damaged(folder, "its vectors have another dimension than its manifest says")
        index.rows = Rows(ids, dead)
        return index

    def _insert(self, vectors: Float32Array, first_row: int) -> None:
        self._index.add(vectors)

    def _rescored(
        self, queries: Float32Array, pool: int, k: int, effort: int, selector: Any
    ) -> tuple[Neighbours, Int64Array]:
        """The k best of faiss's candidates by exact score, and how many each query got."""
        rows = self._ask(queries, pool, effort, selector)
        every = np.sort(rows[0]) if len(rows) == 1 else np.unique(rows)
        every = every[np.searchsorted(every, 0) :]
        asked = self.rows.ids[every]
        ids, exact = self.vectors(asked)
        if len(ids) < len(every):  # removed from the archive since this index was opened
            every = every[np.isin(asked, ids)]
        if not len(every):
            return nothing(len(queries), k), np.zeros(len(queries), np.int64)
        exact = unit(exact, self.dim)
        if len(queries) == 1:
            answer = nearest(ids[None], similarities(queries[0], exact)[None], k)
        else:
            place = np.minimum(np.searchsorted(every, rows), len(every) - 1)
            there = every[place] == rows
            scores = np.full(rows.shape, -np.inf, np.float32)
            for query in range(len(queries)):
                scores[query, there[query]] = similarities(queries[query], exact[place[query, there[query]]])
            answer = nearest(np.where(there, ids[place], -1), scores, k)
        return answer, (answer.ids >= 0).sum(axis=1)

    def _load(self) -> None:
        """A memory-mapped faiss index, read whole before it is changed or written."""
        if self._mapped is not None:
            path, self._mapped = self._mapped, None
            try:
                self._index = _read(path, mmap=False)
            except RuntimeError as error:
                raise damaged(path, "it is gone or cannot be read again") from error


def _selector(chosen: BoolArray | None) -> tuple[Any, Any]:
    """(the memory that has to stay, faiss's selector of rows)."""
    if chosen is None:
        return None, None
    import faiss

    bits = np.packbits(chosen, bitorder="little")
    return bits, faiss.IDSelectorBitmap(len(chosen), faiss.swig_ptr(bits))


def _read(path: Path, mmap: bool) -> Any:
    import faiss

    if not mmap:
        return faiss.read_index(os.fspath(path))
    index: Any = faiss.read_index(os.fspath(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
    if hasattr(index, "invlists"):
        lists: Any = faiss.downcast_InvertedLists(index.invlists)
        if hasattr(lists, "prefetch_nthread"):
            lists.prefetch_nthread = 0  # it would start 32 threads for each search
    return index
