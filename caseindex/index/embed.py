"""Embeddings of whatever lacks them: decoding, the forward pass and writing overlap, memory is bounded.

The truth says what is missing, so an interrupted run is resumed by running it again.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from caseindex.encoders.headed_image import HeadedImageEncoder
from caseindex.encoders.model import Model
from caseindex.errors import CaseindexError, InputRejected
from caseindex.index.archive import Archive
from caseindex.protocols import ImageEncoder, TextEncoder
from caseindex.records import Float32Array, Image, ItemKind, PixelArray

if TYPE_CHECKING:
    from caseindex.index.store import LmdbStore

#: How many vectors are committed at once: a commit waits for the disk, a kill loses at most this much work.
COMMIT = 256
#: How many records are looked up per snapshot; a long snapshot would keep the store from reusing its pages.
CHUNK = 1024

OnProgress = Callable[[int, int], None]  # done by this call, total


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedSummary:
    """``images`` and ``reports`` were embedded now, ``present`` had been before; ``unreadable``: file -> reason."""

    model: str
    fingerprint: str
    images: int = 0
    reports: int = 0
    present: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def embed(
    archive: Archive,
    model: Model,
    *,
    kinds: Sequence[ItemKind] = (ItemKind.IMAGE, ItemKind.REPORT),
    all_slices: bool = False,
    batch: int = 32,
    workers: int = 0,
    on_progress: OnProgress | None = None,
) -> EmbedSummary:
    """Embeds the images and reports that ``model`` has no vector of yet.

    ``all_slices``: also slices that do not represent their series. ``workers``: decoding threads, 0: one per core.
    An image whose source cannot be read any more is named in the summary; the others go on. A kind that the model
    has no encoder for is left out.
    """
    start = time.monotonic()
    store = archive.store
    report = on_progress or (lambda done, total: None)
    images = missing(store, model.fingerprint, ItemKind.IMAGE, all_slices) if ItemKind.IMAGE in kinds else Missing()
    reports = missing(store, model.fingerprint, ItemKind.REPORT) if ItemKind.REPORT in kinds else Missing()
    wanted_images = images.uids if model.image is not None else []
    wanted_reports = reports.uids if model.text is not None else []
    total = len(wanted_images) + len(wanted_reports)
    unreadable: dict[str, str] = {}
    done_images = done_reports = 0
    if total:
        store.name_model(model.fingerprint, model.name)
    with _Writer(store, model.fingerprint) as writer:
        if model.image is not None and wanted_images:
            for uids, vectors in _image_vectors(archive, model.image, wanted_images, batch, workers, unreadable):
                writer.put(ItemKind.IMAGE, uids, vectors)
                done_images += len(uids)
                report(len(uids), total)
        if model.text is not None and wanted_reports:
            for uids, vectors in _report_vectors(store, model.text, wanted_reports):
                writer.put(ItemKind.REPORT, uids, vectors)
                done_reports += len(uids)
                report(len(uids), total)
    return EmbedSummary(
        model=model.name,
        fingerprint=model.fingerprint,
        images=done_images,
        reports=done_reports,
        present=images.present + reports.present,
        unreadable=unreadable,
        seconds=time.monotonic() - start,
    )


@dataclass(frozen=True, slots=True)
class Missing:
    """UIDs without an embedding, in the order of their ids, and how many have one."""

    uids: list[str] = field(default_factory=list)
    present: int = 0


def missing(store: LmdbStore, fingerprint: str, kind: ItemKind, all_slices: bool = True) -> Missing:
    """What has no embedding of this model; for images only those that represent their series, unless
    ``all_slices``."""
    with store.read() as reader:
        have = {int(item) for item in reader.embedding_ids(fingerprint, kind)}
        uids = [uid for item, uid in reader.items(kind) if item not in have]
        if kind is ItemKind.IMAGE and not all_slices:
            uids = [uid for uid in uids if (image := reader.image(uid)) is not None and image.represents_series]
    return Missing(uids, len(have))


def _image_vectors(
    archive: Archive, encoder: ImageEncoder, uids: list[str], batch: int, workers: int, unreadable: dict[str, str]
) -> Iterator[tuple[list[str], Float32Array]]:
    if isinstance(encoder, HeadedImageEncoder) and encoder.base_fingerprint:
        remaining: list[str] = []
        for chunk in _chunks(uids, CHUNK):
            with archive.store.read() as reader:
                stored = [(uid, reader.embedding(encoder.base_fingerprint, ItemKind.IMAGE, uid)) for uid in chunk]
            ready = [(uid, vector) for uid, vector in stored if vector is not None]
            remaining += [uid for uid, vector in stored if vector is None]
            if ready:
                yield [uid for uid, _ in ready], encoder.from_base(np.stack([vector for _, vector in ready]))
        uids = remaining
    for names, inputs in _batches(decoded(archive, uids, encoder.preprocess, workers, unreadable), batch):
        yield names, encoder.encode(np.stack(inputs))


def _report_vectors(
    store: LmdbStore, encoder: TextEncoder, uids: list[str], batch: int = 64
) -> Iterator[tuple[list[str], Float32Array]]:
    for chunk in _chunks(uids, batch):
        with store.read() as reader:
            found = [(uid, record.text) for uid in chunk if (record := reader.report(uid)) is not None]
        if found:
            yield [uid for uid, _ in found], encoder.encode([text for _, text in found])


def decoded(
    archive: Archive,
    uids: Sequence[str],
    preprocess: Callable[[PixelArray], Float32Array],
    workers: int,
    unreadable: dict[str, str],
) -> Iterator[tuple[str, Float32Array]]:
    """(uid, network input) in the order of ``uids``, decoded ahead by ``workers`` threads. What cannot be read goes
    to ``unreadable`` (file -> reason) instead."""
    from caseindex.ingest.decode import RenderOptions, read_pixels

    limits, settings = archive.settings.limits, archive.settings.ingest
    options = RenderOptions(
        window=settings.window,
        mask_text=settings.mask_text,
        max_pixels=limits.max_pixels,
        max_frames=limits.max_frames,
        max_file_mb=limits.max_file_mb,
    )

    def one(image: Image) -> Float32Array | str:
        try:
            return preprocess(read_pixels(image, options))
        except InputRejected as error:
            return error.code
        except (CaseindexError, OSError, ValueError, MemoryError) as error:
            return f"unreadable ({type(error).__name__})"

    count = workers or len(os.sched_getaffinity(0))
    ahead: deque[tuple[Image, Future[Float32Array | str]]] = deque()

    def result() -> Iterator[tuple[str, Float32Array]]:
        image, future = ahead.popleft()
        outcome = future.result()
        if isinstance(outcome, str):
            unreadable[image.file] = outcome
        else:
            yield image.image_uid, outcome

    with ThreadPoolExecutor(count, thread_name_prefix="decode") as pool:
        try:
            for chunk in _chunks(uids, CHUNK):
                with archive.store.read() as reader:
                    images = [image for uid in chunk if (image := reader.image(uid)) is not None]
                for image in images:
                    ahead.append((image, pool.submit(one, image)))
                    if len(ahead) >= 32 + 4 * count:  # the bound on memory, and what one slow file may hold up
                        yield from result()
            while ahead:
                yield from result()
        finally:
            for _, future in ahead:
                future.cancel()


class _Writer:
    """Commits vectors in a thread of its own, COMMIT at a time, while the next batch is computed."""

    def __init__(self, store: LmdbStore, fingerprint: str) -> None:
        self._store = store
        self._fingerprint = fingerprint
        self._pending: dict[ItemKind, list[tuple[list[str], Float32Array]]] = {}
        self._queue: queue.Queue[tuple[ItemKind, list[str], Float32Array] | None] = queue.Queue(maxsize=2)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="embedding-writer", daemon=True)

    def __enter__(self) -> _Writer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        # What was computed before an interruption is worth keeping: it is committed either way.
        for item in list(self._pending):
            self._flush(item)
        self._queue.put(None)
        self._thread.join()
        if self._error is not None and kind is None:
            raise self._error

    def put(self, kind: ItemKind, uids: list[str], vectors: Float32Array) -> None:
        if self._error is not None:
            raise self._error
        parts = self._pending.setdefault(kind, [])
        parts.append((uids, vectors))
        if sum(len(names) for names, _ in parts) >= COMMIT:
            self._flush(kind)

    def _flush(self, kind: ItemKind) -> None:
        parts = self._pending.pop(kind, [])
        if parts:
            uids = [uid for names, _ in parts for uid in names]
            self._queue.put((kind, uids, np.concatenate([vectors for _, vectors in parts])))

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._error is None:
                try:
                    self._store.put_embeddings(self._fingerprint, *item)
                except BaseException as error:  # raised again by the thread that computes
                    self._error = error


def _chunks(items: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def _batches(pairs: Iterator[tuple[str, Float32Array]], size: int) -> Iterator[tuple[list[str], list[Float32Array]]]:
    while group := list(islice(pairs, size)):
        yield [uid for uid, _ in group], [value for _, value in group]
