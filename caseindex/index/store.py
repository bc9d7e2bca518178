"""The durable truth: records and embeddings in LMDB, as :class:`~caseindex.protocols.RecordStore`.

A write returns after a synced commit and is all or nothing. One process writes at a time, any number read; a snapshot
never sees a later commit, and a reader never waits for a writer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from caseindex.errors import StorageFull
from caseindex.index import store_embeddings, store_removal
from caseindex.index.store_compaction import rewrite
from caseindex.index.store_environment import MAP_SIZE, Environment, environment
from caseindex.index.store_format import CODECS, MODEL_NAME, Codec, key, pack_uid, seal, unseal
from caseindex.index.store_migration import RECORDS_GENERATION, read_number, write_number
from caseindex.index.store_reader import IDS_OF, LmdbReader
from caseindex.protocols import Removed
from caseindex.records import Float32Array, Image, ItemKind, Report, Series, Study

_KIND_OF = {"images": ItemKind.IMAGE, "reports": ItemKind.REPORT}


class LmdbStore:
    """Records and embeddings in the folder ``path`` (made where it is missing, unless ``readonly``).

    ``lock_timeout_s``: how long a write waits for another process that is writing. ``map_size``: bytes of address
    space to begin with; it grows by itself. May be used from several threads, and after ``fork``.

    Raises :class:`~caseindex.errors.ArchiveNotFound` (``readonly`` and nothing there),
    :class:`~caseindex.errors.ArchiveFormatTooNew`, :class:`~caseindex.errors.ArchiveDamaged`,
    :class:`~caseindex.errors.StorageFull`; on writing also :class:`~caseindex.errors.ArchiveLocked`. On a read-only
    disk it opens for reading.

    >>> import tempfile
    >>> from caseindex.records import Image
    >>> store = LmdbStore(Path(tempfile.mkdtemp()) / "cases.lmdb")
    >>> store.put(images=[Image(image_uid="1.2.3", study_uid="1.2", file="a.png", source="/a.png")])
    >>> with store.read() as records:
    ...     records.item_id(ItemKind.IMAGE, "1.2.3"), records.counts().images
    (1, 1)
    >>> store.close()
    """

    def __init__(
        self, path: Path, readonly: bool = False, *, lock_timeout_s: float = 30.0, map_size: int = MAP_SIZE
    ) -> None:
        self.path = Path(path).absolute()
        self.readonly = readonly
        self.lock_timeout_s = lock_timeout_s
        self._map_size = map_size
        self._pid = -1
        self._closed = False
        self._environment = self._env()

    def _env(self) -> Environment:
        """This process's own environment: a child made by ``fork`` opens its own."""
        if self._closed:
            raise ValueError("the store is closed")
        if self._pid != os.getpid():
            self._environment = environment(self.path, create=not self.readonly, map_size=self._map_size)
            self._pid = os.getpid()
        return self._environment

    @contextmanager
    def read(self) -> Iterator[LmdbReader]:
        """A snapshot; what is committed later is not seen in it. Records and vectors outlive it, iterators do not."""
        with self._env().reading() as (transaction, dbs):
            yield LmdbReader(transaction, dbs)

    def put(
        self,
        *,
        images: Iterable[Image] = (),
        series: Iterable[Series] = (),
        studies: Iterable[Study] = (),
        reports: Iterable[Report] = (),
        retired_reports: Iterable[str] = (),
    ) -> None:
        """Adds or replaces records by UID, and takes out reports that others replace, in one transaction. An image with
        other pixels, or a report with another text, is another item under the same UID: it gets a new id, and the old
        one goes with its embeddings. A study that its last image or report leaves goes too, unless it is given here."""
        given: dict[str, list[Any]] = {
            "images": list(images),
            "series": list(series),
            "studies": list(studies),
            "reports": list(reports),
        }
        retired = tuple(retired_reports)

        def change(transaction: Any, dbs: dict[str, Any]) -> None:
            reader = LmdbReader(transaction, dbs)
            left = _put(transaction, dbs, given)
            gone = {uid: report for uid in retired if (report := reader.report(uid)) is not None}
            if gone:
                store_removal.take_out(transaction, dbs, store_removal.Affected(reports=gone))
            left |= {report.study_uid for report in gone.values()}
            store_removal.take_out_empty(transaction, dbs, left - {study.study_uid for study in given["studies"]})

        if any(given.values()) or retired:
            self._write(change)

    def put_embeddings(self, fingerprint: str, kind: ItemKind, uids: Sequence[str], vectors: Float32Array) -> None:
        """[n, dim] float32, L2-normalised. An unknown uid (removed meanwhile) is left out; of a uid given twice the
        last counts. Raises :class:`~caseindex.errors.IndexMismatch` for a ``dim`` that differs from before under this
        fingerprint, ``ValueError`` for another shape or for vectors without a direction: all zeros, or not finite."""
        vectors = np.ascontiguousarray(vectors, np.float32)
        if vectors.ndim != 2 or len(vectors) != len(uids) or not vectors.shape[1]:
            raise ValueError(f"{len(uids)} uids need vectors of shape [{len(uids)}, dim], not {list(vectors.shape)}")
        if not np.isfinite(vectors).all():
            raise ValueError("embeddings have to be finite")
        zeros = np.flatnonzero(~vectors.any(axis=1))
        if len(zeros):
            raise ValueError(f"embedding {zeros[0]} of {len(vectors)} is all zeros, so it has no direction")
        if not len(uids):
            return

        def change(transaction: Any, dbs: dict[str, Any]) -> None:
            reader = LmdbReader(transaction, dbs)
            space = store_embeddings.space_for_writing(transaction, dbs, fingerprint, kind, vectors.shape[1])
            ids = np.array([reader.item_id(kind, uid) or 0 for uid in uids], np.int64)
            known = ids > 0
            if known.any():
                store_embeddings.merge(transaction, dbs, space, ids[known], vectors[known])

        self._write(change, records=False)

    def name_model(self, fingerprint: str, name: str) -> None:
        """Remembers what people call the model with this fingerprint; nothing but :func:`overview` depends on it."""
        with self.read() as reader:
            if reader.model_names().get(fingerprint) == name:
                return
        raw_key = MODEL_NAME + fingerprint.encode("utf-8")
        self._write(lambda transaction, dbs: transaction.put(raw_key, pack_uid(name), db=dbs["meta"]), records=False)

    def remove(
        self, *, patient_id: str | None = None, study_uid: str | None = None, image_uid: str | None = None
    ) -> Removed:
        """Erases records, ids and embeddings; a study left without images and reports goes too. Exactly one of the
        three is given; what it covers is told by :func:`caseindex.index.store_removal.affected`. The freed pages of
        the file keep old bytes until :meth:`compact` (``caseindex remove`` does both)."""
        return self.remove_noting(None, patient_id=patient_id, study_uid=study_uid, image_uid=image_uid)

    def remove_noting(
        self,
        note: Callable[[LmdbReader, store_removal.Affected], bytes] | None,
        *,
        patient_id: str | None = None,
        study_uid: str | None = None,
        image_uid: str | None = None,
    ) -> Removed:
        """As :meth:`remove`, and in the same transaction keeps what ``note`` says about the work that is left (files
        outside the store), for :meth:`notes` until :meth:`compact` is called with ``drop_notes``."""
        if sum(given is not None for given in (patient_id, study_uid, image_uid)) != 1:
            raise ValueError("give one of patient_id, study_uid, image_uid")

        def change(transaction: Any, dbs: dict[str, Any]) -> Removed:
            reader = LmdbReader(transaction, dbs)
            gone = store_removal.affected(reader, patient_id=patient_id, study_uid=study_uid, image_uid=image_uid)
            if note is not None:
                raw_key = read_number(transaction, dbs["meta"], b"generation").to_bytes(8, "big")
                transaction.put(raw_key, seal(raw_key, note(reader, gone)), db=dbs["erasures"])
            return store_removal.take_out(transaction, dbs, gone)

        return self._write(change)

    def notes(self) -> list[bytes]:
        """Of removals that are not finished: a process was killed in the middle."""
        with self._env().reading() as (transaction, dbs):
            found = transaction.cursor(dbs["erasures"])
            return [bytes(unseal(raw_key, value, "erasures")[0]) for raw_key, value in found]

    def compact(self, *, drop_notes: bool = False) -> None:
        """Writes the whole store again without what was removed, and swaps it in by one rename. Snapshots that are
        being read go on with the old one."""
        if self.readonly:
            raise StorageFull(self.path, "it was opened for reading only", "Open it for writing")
        environment = self._env()
        with environment.writer.held(self.lock_timeout_s):
            rewrite(environment, leave_out=frozenset({"erasures"}) if drop_notes else frozenset())
            environment.reopen_after_swap()

    @property
    def writable(self) -> bool:
        """False on a read-only disk, without permission, or when opened so."""
        return not self.readonly and self._env().writable

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keeps other processes from writing over several calls."""
        with self._env().writer.held(self.lock_timeout_s):
            yield

    def close(self) -> None:
        """Releases the store; may be called twice."""
        if not self._closed:
            self._closed = True
            if self._pid == os.getpid():
                self._environment.release()

    def change(self, change: Callable[[Any, dict[str, Any]], Any]) -> Any:
        """``change(transaction, databases)`` in one synced write, for the modules of the store itself; it may be run
        more than once."""
        return self._write(change)

    def _write(self, change: Callable[[Any, dict[str, Any]], Any], *, records: bool = True) -> Any:
        """``records``: whether anything but embeddings and names may change."""
        if self.readonly:
            raise StorageFull(self.path, "it was opened for reading only", "Open it for writing")

        def counted(transaction: Any, dbs: dict[str, Any]) -> Any:
            result = change(transaction, dbs)
            generation = 1 + read_number(transaction, dbs["meta"], b"generation")
            if records or read_number(transaction, dbs["meta"], RECORDS_GENERATION, -1) < 0:
                write_number(transaction, dbs["meta"], RECORDS_GENERATION, generation)
            write_number(transaction, dbs["meta"], b"generation", generation)
            return result

        return self._env().write(counted, self.lock_timeout_s)


def _put(transaction: Any, dbs: dict[str, Any], given: dict[str, list[Any]]) -> set[str]:
    """The studies that images or reports left."""
    next_id = read_number(transaction, dbs["meta"], b"next_id", 1)
    first = next_id
    left: set[str] = set()
    for name, records in given.items():
        codec = CODECS[name]
        outdated: list[int] = []
        for record in records:
            next_id = _put_one(transaction, dbs, codec, record, next_id, outdated, left)
        if outdated:
            store_embeddings.discard_everywhere(transaction, dbs, _KIND_OF[name], np.array(outdated, np.int64))
    if next_id != first:
        write_number(transaction, dbs["meta"], b"next_id", next_id)
    return left


def _put_one(
    transaction: Any,
    dbs: dict[str, Any],
    codec: Codec[Any],
    record: Any,
    next_id: int,
    outdated: list[int],
    left: set[str],
) -> int:
    uid = codec.uid(record)
    raw_key = key(uid)
    kind = _KIND_OF.get(codec.name)
    stored = transaction.get(raw_key, db=dbs[codec.name])
    item_id, before = 0, {}
    if stored is not None:
        old, item_id = codec.unpack(raw_key, stored)
        before = codec.secondary_keys(old)
        if kind is not None:
            if old.study_uid != record.study_uid:
                left.add(old.study_uid)
            if _content(old) != _content(record):
                outdated.append(item_id)
                transaction.delete(item_id.to_bytes(8, "big"), db=dbs[IDS_OF[kind]])
                item_id = 0
    if kind is not None and not item_id:
        item_id, next_id = next_id, next_id + 1
        transaction.put(item_id.to_bytes(8, "big"), pack_uid(uid), db=dbs[IDS_OF[kind]], append=True)
    after = codec.secondary_keys(record)
    for database, value in before.items():
        if after.get(database) != value:
            transaction.delete(value, raw_key, db=dbs[database])
    for database, value in after.items():
        if before.get(database) != value:
            transaction.put(value, raw_key, db=dbs[database])
    transaction.put(raw_key, codec.pack(raw_key, record, item_id), db=dbs[codec.name])
    return next_id


def _content(record: Image | Report) -> str:
    """What an embedding is made from."""
    return record.pixel_sha256 if isinstance(record, Image) else record.text
