"""Exact search: every vector is compared, by faiss's float32 kernel first and by the reference score at the boundary.

The vectors lie in segments: raw float32 matrices that are memory-mapped where they come from a file, and one that grows
in memory. Saving links the segments that did not change (as a log-structured merge tree does), so that adding a hundred
vectors to a million writes a hundred. Saved segments hold no dead rows: what was removed is gone from the new files.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from caseindex.index.vectors.manifest import (
    FileSum,
    Manifest,
    Source,
    Summing,
    damaged,
    read_manifest,
    verify,
    write_array,
    write_manifest,
)
from caseindex.index.vectors.scoring import checked_k, float32_error, nearest, nothing, similarities, unit
from caseindex.index.vectors.tombstones import BoolArray, Rows, checked_ids
from caseindex.protocols import EmbeddingBlock
from caseindex.records import Float32Array, Int64Array, Neighbours

IDS: Final = "ids.i64"
_SPARE: Final = 16  # candidates beyond k, so that the boundary is seldom in doubt
_SPARSE: Final = 8  # below one row in 8 a list of rows is quicker than a bitmap
_BLOCK: Final = 16384  # rows at a time where numpy does the work


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive rows. ``path`` and ``total`` where it lies in a file."""

    vectors: Float32Array  # [rows, dim], L2-normalised
    path: Path | None = None
    total: FileSum | None = None


class FlatIndex:
    """Exact cosine search; see :class:`~caseindex.protocols.VectorIndex`.

    >>> import numpy as np
    >>> index = FlatIndex(2)
    >>> index.add(np.array([7, 9]), np.array([[3.0, 0.0], [0.0, 0.5]]))
    >>> index.search(np.array([[1.0, 1.0]]), k=1).ids.tolist()
    [[7]]
    """

    backend = "flat"

    def __init__(self, dim: int) -> None:
        if dim < 1:
            raise ValueError(f"dim must be at least 1, got {dim}")
        self.dim = dim
        self.rows = Rows()
        self._segments: list[Segment] = []
        self._tail = np.empty((0, dim), np.float32)  # grows by doubling
        self._in_tail = 0

    def __len__(self) -> int:
        return self.rows.live

    def reserve(self, vectors: int) -> None:
        """Room for this many more vectors in one piece, so that adding them does not copy."""
        self._room_for(vectors)

    def add(self, ids: Int64Array, vectors: Float32Array) -> None:
        new_ids = checked_ids(ids)
        new = unit(vectors, self.dim)
        if len(new_ids) != len(new):
            raise ValueError(f"{len(new_ids)} ids for {len(new)} vectors")
        self.rows.add(new_ids)
        self._room_for(len(new))
        self._tail[self._in_tail : self._in_tail + len(new)] = new
        self._in_tail += len(new)

    def remove(self, ids: Int64Array) -> int:
        return len(self.rows.remove(ids))

    def search(self, queries: Float32Array, k: int, allowed: Int64Array | None = None) -> Neighbours:
        return self.search_unit(unit(queries, self.dim, "query"), checked_k(k), allowed)

    def search_unit(self, wanted: Float32Array, k: int, allowed: Int64Array | None = None) -> Neighbours:
        """The same for queries that are normalised already: doing it twice would move their last bits."""
        chosen = self.rows.mask(allowed)
        total = len(self.rows) if chosen is None else int(np.count_nonzero(chosen))
        if total == 0 or len(wanted) == 0:
            return nothing(len(wanted), k)
        take = min(k, total)
        pool = min(take + _SPARE, total)
        rows, floor = self._candidates(wanted, pool, total, chosen)
        scores = self._scores(wanted, rows)
        answer = nearest(self.rows.ids[rows], scores, k)
        # A row outside the pool scores at most `floor` in float32: where that comes near the k-th, ties may be out.
        last = answer.similarities[:, take - 1]
        for query in np.flatnonzero(floor + float32_error(self.dim) >= last):
            found = self._all_from(wanted[query], float(last[query]) - 2 * float32_error(self.dim), chosen)
            exact = nearest(self.rows.ids[found][None], similarities(wanted[query], self._vectors(found))[None], k)
            answer.ids[query], answer.similarities[query] = exact.ids[0], exact.similarities[0]
        return answer

    def save(self, folder: Path, source: Source | None = None) -> None:
        """Writes the index into an empty ``folder``, without its dead rows."""
        folder.mkdir(parents=True, exist_ok=True)
        parts = _merged([(part, ~dead) for part, dead in self._living()])
        files = {}
        for number, pieces in enumerate(parts):
            name = f"vectors-{number:03d}.f32"
            whole = pieces[0][0] if len(pieces) == 1 and bool(pieces[0][1].all()) else None
            if whole is not None and whole.path is not None and whole.total is not None:
                _link(whole.path, folder / name)
                files[name] = whole.total
            else:
                files[name] = _write(folder / name, (part.vectors[live] for part, live in _blocks(pieces)))
        files[IDS] = write_array(folder / IDS, self.rows.ids[~self.rows.dead])
        _seal(folder, self.dim, self.rows.ids[~self.rows.dead], files, source)

    @classmethod
    def open(cls, folder: Path, mmap: bool = True, source: Source | None = None) -> Self:
        """Verifies and opens a saved index. Raises :class:`~caseindex.errors.IndexDamaged` or
        :class:`~caseindex.errors.IndexMismatch`."""
        manifest = read_manifest(folder, source)
        if manifest.backend != cls.backend:
            raise damaged(folder, f"it holds a {manifest.backend} index, not a {cls.backend} one")
        verify(folder, manifest)
        index = cls(manifest.dim)
        ids = np.fromfile(folder / IDS, np.int64)
        row_bytes = 4 * manifest.dim
        for name in sorted(manifest.files):
            total = manifest.files[name]
            if name == IDS or total.size == 0:
                continue
            shape = (total.size // row_bytes, manifest.dim)
            if mmap:
                vectors = np.memmap(folder / name, np.float32, "r", shape=shape).view(np.ndarray)
            else:
                vectors = np.fromfile(folder / name, np.float32).reshape(shape)
            index._segments.append(Segment(vectors, folder / name, total))
        held = sum(len(segment.vectors) for segment in index._segments)
        if not held == len(ids) == manifest.count:
            raise damaged(folder, f"it holds {held:,} vectors and {len(ids):,} ids instead of {manifest.count:,}")
        index.rows = Rows(ids)
        return index

    @classmethod
    def build(cls, folder: Path, dim: int, blocks: Iterable[EmbeddingBlock], source: Source | None = None) -> None:
        """Writes a new index straight from blocks: memory stays that of one block."""
        folder.mkdir(parents=True, exist_ok=True)
        file = Summing(folder / "vectors-000.f32")
        rows = Rows()
        try:
            for block in blocks:
                vectors = unit(block.vectors, dim)
                rows.add(block.ids)
                file.write(vectors)
        finally:
            total = file.close()
        files = {"vectors-000.f32": total, IDS: write_array(folder / IDS, rows.ids)}
        _seal(folder, dim, rows.ids, files, source)

    def _room_for(self, vectors: int) -> None:
        needed = self._in_tail + vectors
        if needed > len(self._tail):
            grown = np.empty((max(needed, 2 * self._in_tail), self.dim), np.float32)
            grown[: self._in_tail] = self._tail[: self._in_tail]
            self._tail = grown

    def _parts(self) -> Iterator[tuple[int, Segment]]:
        """(first row, segment)."""
        start = 0
        for segment in self._segments:
            yield start, segment
            start += len(segment.vectors)
        if self._in_tail:
            yield start, Segment(self._tail[: self._in_tail])

    def _living(self) -> list[tuple[Segment, BoolArray]]:
        return [(part, self.rows.dead[start : start + len(part.vectors)]) for start, part in self._parts()]

    def _vectors(self, rows: Int64Array) -> Float32Array:
        """[n] rows -> [n, dim]."""
        vectors = np.empty((len(rows), self.dim), np.float32)
        for start, part in self._parts():
            here = (rows >= start) & (rows < start + len(part.vectors))
            vectors[here] = part.vectors[rows[here] - start]
        return vectors

    def _scores(self, queries: Float32Array, rows: Int64Array) -> Float32Array:
        """[queries, n] candidate rows -> reference scores."""
        return np.stack([similarities(query, self._vectors(own)) for query, own in zip(queries, rows, strict=True)])

    def _candidates(
        self, queries: Float32Array, pool: int, total: int, chosen: BoolArray | None
    ) -> tuple[Int64Array, Float32Array]:
        """The ``pool`` best rows of each query by faiss's scores, [queries, pool], and what no other row exceeds."""
        all_scores, all_rows = [], []
        for start, part in self._parts():
            mask = None if chosen is None else chosen[start : start + len(part.vectors)]
            here = len(part.vectors) if mask is None else int(np.count_nonzero(mask))
            if here:
                scores, rows = _faiss_top(queries, part.vectors, min(pool, here), mask, here)
                all_scores.append(scores)
                all_rows.append(rows + start)
        scores, rows = np.hstack(all_scores), np.hstack(all_rows)
        if scores.shape[1] > pool:
            order = np.argsort(-scores, axis=1, kind="stable")[:, :pool]
            scores, rows = np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)
        floor = scores.min(axis=1) if pool < total else np.full(len(queries), -np.inf, np.float32)
        return rows, floor

    def _all_from(self, query: Float32Array, threshold: float, chosen: BoolArray | None) -> Int64Array:
        """Every row that scores at least ``threshold``: one plain pass, for the rare query with a tie at its k-th."""
        found = []
        for start, part in self._parts():
            for at in range(0, len(part.vectors), _BLOCK):
                enough = part.vectors[at : at + _BLOCK] @ query >= threshold
                if chosen is not None:
                    enough &= chosen[start + at : start + at + len(enough)]
                found.append(np.flatnonzero(enough) + start + at)
        return np.concatenate(found)


def _faiss_top(
    queries: Float32Array, vectors: Float32Array, k: int, mask: BoolArray | None, chosen: int
) -> tuple[Float32Array, Int64Array]:
    import faiss

    scores = np.empty((len(queries), k), np.float32)
    rows = np.empty((len(queries), k), np.int64)
    selector: Any = None
    if mask is not None and chosen * _SPARSE < len(vectors):
        keep: Any = np.flatnonzero(mask).astype(np.int64)
        selector = faiss.IDSelectorArray(len(keep), faiss.swig_ptr(keep))
    elif mask is not None and chosen < len(vectors):
        keep = np.packbits(mask, bitorder="little")
        selector = faiss.IDSelectorBitmap(len(vectors), faiss.swig_ptr(keep))
    faiss.knn_inner_product(
        faiss.swig_ptr(queries),
        faiss.swig_ptr(vectors),
        vectors.shape[1],
        len(queries),
        len(vectors),
        k,
        faiss.swig_ptr(scores),
        faiss.swig_ptr(rows),
        selector,
    )
    return scores, rows


Pieces = list[tuple[Segment, BoolArray]]


def _merged(parts: Pieces) -> list[Pieces]:
    """Neighbouring segments joined while the later one has at least half the rows of the earlier: their number stays
    logarithmic, and each vector is copied a logarithmic number of times."""
    groups: list[tuple[int, Pieces]] = []
    for part, live in parts:
        rows = int(np.count_nonzero(live))
        if not rows:
            continue
        pieces = [(part, live)]
        while groups and 2 * rows >= groups[-1][0]:
            earlier_rows, earlier = groups.pop()
            rows, pieces = rows + earlier_rows, earlier + pieces
        groups.append((rows, pieces))
    return [pieces for _, pieces in groups]


def _blocks(pieces: Pieces) -> Iterator[tuple[Segment, BoolArray]]:
    for part, live in pieces:
        for at in range(0, len(live), _BLOCK):
            yield Segment(part.vectors[at : at + _BLOCK]), live[at : at + _BLOCK]


def _write(path: Path, blocks: Iterable[Float32Array]) -> FileSum:
    file = Summing(path)
    try:
        for block in blocks:
            file.write(block)
    finally:
        total = file.close()
    return total


def _link(existing: Path, new: Path) -> None:
    """A second name for a file that is never written again; a copy where the file system has no links."""
    try:
        os.link(existing, new)
    except OSError:
        shutil.copyfile(existing, new)
        with new.open("rb") as file:
            os.fsync(file.fileno())


def _seal(folder: Path, dim: int, ids: Int64Array, files: dict[str, FileSum], source: Source | None) -> None:
    write_manifest(
        folder,
        Manifest(
            backend=FlatIndex.backend,
            dim=dim,
            count=len(ids),
            tombstones=0,
            largest_id=int(ids.max()) if len(ids) else 0,
            source=source or Source(),
            files=files,
        ),
    )
