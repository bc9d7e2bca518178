"""The vector index of an archive: opened, brought up to the truth, or built again from it.

An index is derived. Where it is behind the store it takes in what was added and drops what was removed; where it is
damaged or missing it is built again from the embeddings in LMDB, with a warning; where the disk cannot be written it
lives in memory. It never answers from a file that fails its checksum.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from caseindex.errors import IndexDamaged, IndexMismatch, StorageFull
from caseindex.index.vectors.catalogue import (
    BACKENDS,
    SavedIndex,
    build,
    chosen,
    filled,
    open_saved,
    tune,
)
from caseindex.index.vectors.manifest import Source, read_manifest
from caseindex.index.vectors.rescoring import StoreVectors
from caseindex.index.vectors.versions import Current, Versions
from caseindex.protocols import EmbeddingBlock, RecordReader, RecordStore, VectorIndex
from caseindex.records import Float32Array, Int64Array, ItemKind

if TYPE_CHECKING:
    from caseindex.index.archive import Archive

log = logging.getLogger(__name__)

_CHUNK: Final = 8192  # embeddings added at a time
_REFRESH_UP_TO: Final = 50_000  # more new vectors than this, and as many as were there: build again


def open_index(archive: Archive, fingerprint: str, kind: ItemKind, dim: int, backend: str = "auto") -> VectorIndex:
    """The index over every embedding of ``kind`` by the model ``fingerprint``, equal to the truth.

    ``backend``: a name of :data:`~caseindex.index.vectors.catalogue.BACKENDS`; ``"auto"`` is what `[index]` of
    `archive.toml` says, by default the one for the number of vectors.

    Raises :class:`~caseindex.errors.IndexMismatch` where the stored vectors have another dimension than ``dim``, and
    :class:`~caseindex.errors.SettingsError` for an unknown backend.
    """
    asked = archive.settings.index.backend if backend == "auto" else backend
    chosen(asked, 0, 0)
    return _Opening(archive, fingerprint, kind, dim, asked).open()


def index_folders(archive: Archive) -> list[Versions]:
    """Every vector index of the archive, of whatever model."""
    root = archive.indexes_dir / "vectors"
    return [Versions(path) for path in sorted(root.iterdir()) if path.is_dir()] if root.is_dir() else []


def folder_name(fingerprint: str, kind: ItemKind, backend: str) -> str:
    """A short name for people; the manifest inside holds the whole fingerprint."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", fingerprint)[:12].strip("-")
    digest = hashlib.blake2b(fingerprint.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{slug}-{digest}-{kind.value}-{backend}"


@dataclass(frozen=True)
class _Opening:
    archive: Archive
    fingerprint: str
    kind: ItemKind
    dim: int
    backend: str

    @property
    def store(self) -> RecordStore:
        return self.archive.store

    @property
    def exact_up_to(self) -> int:
        return self.archive.settings.index.exact_up_to

    @property
    def source(self) -> Source:
        return Source(self.fingerprint, self.kind.value)

    @property
    def vectors(self) -> StoreVectors:
        return StoreVectors(self.store, self.fingerprint, self.kind)

    def versions(self, backend: str) -> Versions:
        return Versions(self.archive.indexes_dir / "vectors" / folder_name(self.fingerprint, self.kind, backend))

    def open(self) -> SavedIndex:
        with self.store.read() as reader:
            generation = reader.generation()
        for backend in [self.backend] if self.backend != "auto" else list(BACKENDS):
            index = self._as_it_is(backend, generation)
            if index is not None and chosen(self.backend, len(index), self.exact_up_to) == backend:
                return index
        with self.store.read() as reader:
            count = len(reader.embedding_ids(self.fingerprint, self.kind))
        backend = chosen(self.backend, count, self.exact_up_to)
        versions = self.versions(backend)
        try:
            with versions.locked():
                index = self._brought_up(versions, backend)
        except StorageFull as error:
            log.warning("%s The vector index is kept in memory for this run.", error)
            return self._in_memory(backend)
        if self.backend == "auto":
            self._drop_outgrown(backend, generation)
        return index

    def _as_it_is(self, backend: str, generation: int) -> SavedIndex | None:
        """The saved index where it is whole and of this generation of the store."""
        versions = self.versions(backend)
        try:
            current = versions.current()
            if current is None or current.generation != generation:
                return None
            return self._opened(versions, current, backend)
        except IndexDamaged:
            return None  # or replaced while we read: looked at again under the lock

    def _opened(self, versions: Versions, current: Current, backend: str) -> SavedIndex:
        folder = versions.path(current.version)
        try:
            manifest = read_manifest(folder, self.source)
        except IndexMismatch as error:  # the folder is named after model and kind, so it is another's, put here
            raise IndexDamaged(folder, error.reason, "It is built again") from error
        if manifest.dim != self.dim:
            raise IndexMismatch(
                f"vectors of {self.dim} dimensions",
                f"the archive's embeddings by {self.fingerprint[:12]} have {manifest.dim}",
                "Use the model that made them, or run `caseindex embed` with this one",
            )
        return open_saved(backend, folder, self.vectors, self.source)

    def _brought_up(self, versions: Versions, backend: str) -> SavedIndex:
        """Under the lock: the saved index with what changed since, or a new one."""
        index: SavedIndex | None = None
        current: Current | None = None
        try:
            current = versions.current()
            if current is not None:
                index = self._opened(versions, current, backend)
        except IndexDamaged as error:
            log.warning("%s Building it again from the archive's embeddings.", error)
        with self.store.read() as reader:
            generation = reader.generation()
            if index is not None and current is not None:
                new, gone = self._changes(reader, index)
                if not len(new) and not len(gone):
                    if current.generation != generation:
                        versions.note(Current(current.version, generation))
                    return index
                if self._worth_refreshing(index, new) and self._apply(reader, index, new, gone):
                    saved = index
                    written = versions.write(generation, lambda folder: saved.save(folder, self.source))
                    return self._opened(versions, written, backend)
            written = versions.write(generation, lambda folder: self._build(reader, backend, folder))
        return self._opened(versions, written, backend)

    def _changes(self, reader: RecordReader, index: SavedIndex) -> tuple[Int64Array, Int64Array]:
        """(ids that the index lacks, ids that the archive no longer has)."""
        truth = reader.embedding_ids(self.fingerprint, self.kind)
        held = index.rows.live_ids()
        if len(truth) == len(held) and bool((truth == held).all()):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        return np.setdiff1d(truth, held, assume_unique=True), np.setdiff1d(held, truth, assume_unique=True)

    def _worth_refreshing(self, index: SavedIndex, new: Int64Array) -> bool:
        return len(new) <= max(_REFRESH_UP_TO, len(index))

    def _apply(self, reader: RecordReader, index: SavedIndex, new: Int64Array, gone: Int64Array) -> bool:
        """False where so little of it would be left that it is better built anew."""
        index.remove(gone)
        for start in range(0, len(new), _CHUNK):
            ids = new[start : start + _CHUNK]
            index.add(ids, reader.embeddings_of(self.fingerprint, self.kind, ids))
        if getattr(index, "worn", False):
            return False
        tune(index, lambda: self._blocks(reader), lambda size: self._sample(reader, size))
        return True

    def _build(self, reader: RecordReader, backend: str, folder: Path) -> None:
        count = len(reader.embedding_ids(self.fingerprint, self.kind))
        build(
            backend,
            folder,
            self.dim,
            count,
            self.vectors,
            lambda: self._blocks(reader),
            lambda size: self._sample(reader, size),
            self.source,
        )

    def _blocks(self, reader: RecordReader) -> Iterator[EmbeddingBlock]:
        return reader.embedding_blocks(self.fingerprint, self.kind)

    def _sample(self, reader: RecordReader, size: int) -> Float32Array:
        """Up to ``size`` vectors, drawn with a fixed seed, so that the same archive gives the same index."""
        ids = reader.embedding_ids(self.fingerprint, self.kind)
        if len(ids) > size:
            ids = np.sort(np.random.default_rng(0).choice(ids, size, replace=False))
        vectors = np.empty((len(ids), self.dim), np.float32)
        for start in range(0, len(ids), _CHUNK):
            part = reader.embeddings_of(self.fingerprint, self.kind, ids[start : start + _CHUNK])
            if part.shape[1] != self.dim:
                raise IndexMismatch(
                    f"vectors of {self.dim} dimensions",
                    f"the archive's embeddings by {self.fingerprint[:12]} have {part.shape[1]}",
                    "Use the model that made them, or run `caseindex embed` with this one",
                )
            vectors[start : start + len(part)] = part
        return vectors

    def _in_memory(self, backend: str) -> SavedIndex:
        """For an archive that cannot be written: what is saved, brought up to date in memory, or all of it anew."""
        versions = self.versions(backend)
        with self.store.read() as reader:
            try:
                current = versions.current()
                if current is not None:
                    index = self._opened(versions, current, backend)
                    new, gone = self._changes(reader, index)
                    if self._worth_refreshing(index, new) and self._apply(reader, index, new, gone):
                        return index
            except IndexDamaged as error:
                log.warning("%s", error)
            count = len(reader.embedding_ids(self.fingerprint, self.kind))
            return filled(
                backend,
                self.dim,
                count,
                self.vectors,
                lambda: self._blocks(reader),
                lambda size: self._sample(reader, size),
            )

    def _drop_outgrown(self, backend: str, generation: int) -> None:
        """The other automatic backend's folder, left behind when the archive grew past it (or shrunk)."""
        for other in {"flat", "ivf-sq"} - {backend}:
            versions = self.versions(other)
            try:
                current = versions.current()
            except IndexDamaged:
                current = Current("v0", -1)
            if current is not None and current.generation < generation:
                versions.delete()
