"""The seams. A protocol promises only what every implementation does; each has one suite in ``tests/contracts``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from caseindex.errors import InputRejected
from caseindex.records import (
    Float32Array,
    Image,
    Int64Array,
    ItemKind,
    Neighbours,
    PixelArray,
    Report,
    Series,
    Study,
)


@runtime_checkable
class ImageEncoder(Protocol):
    """Pictures -> unit vectors. ``fingerprint`` covers weights, configuration and preprocessing: two encoders with
    equal fingerprints give equal vectors. Preprocessing is split from the forward pass so that it runs in the
    workers that decode."""

    name: str
    fingerprint: str
    dim: int

    def preprocess(self, pixels: PixelArray) -> Float32Array:
        """[rows, columns] or [rows, columns, 3] uint8 -> [channels, height, width] float32, of one fixed shape."""
        ...

    def encode(self, batch: Float32Array) -> Float32Array:
        """[batch, channels, height, width] -> [batch, dim], L2-normalised."""
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """Texts -> unit vectors, in the space of the image encoder that shares its fingerprint, where there is one."""

    name: str
    fingerprint: str
    dim: int

    def encode(self, texts: Sequence[str]) -> Float32Array:
        """n texts -> [n, dim], L2-normalised."""
        ...


@dataclass(frozen=True, slots=True)
class EmbeddingBlock:
    """Consecutive embeddings of one model and kind. ``ids``: [n] int64, ascending; ``vectors``: [n, dim] float32."""

    ids: Int64Array
    vectors: Float32Array


@dataclass(frozen=True, slots=True)
class Counts:
    patients: int
    studies: int
    series: int
    images: int
    reports: int
    embeddings: dict[str, int]  # model fingerprint -> vectors of both kinds


@dataclass(frozen=True, slots=True)
class Removed:
    """What an erasure took out."""

    patients: int
    studies: int
    images: int
    reports: int
    embeddings: int


class RecordReader(Protocol):
    """One consistent snapshot of the records. A getter gives ``None`` for an unknown UID; iterators go in UID order.

    ``ids`` are the archive's own 64-bit numbers of images and reports: given once, ascending from 1, never reused;
    they are what a vector index stores.
    """

    def image(self, image_uid: str) -> Image | None: ...
    def series(self, series_uid: str) -> Series | None: ...
    def study(self, study_uid: str) -> Study | None: ...
    def report(self, report_uid: str) -> Report | None: ...

    def images(
        self, *, patient_id: str | None = None, study_uid: str | None = None, series_uid: str | None = None
    ) -> Iterator[Image]: ...
    def all_series(self, *, study_uid: str | None = None) -> Iterator[Series]: ...
    def studies(self, *, patient_id: str | None = None, accession_number: str | None = None) -> Iterator[Study]: ...
    def reports(self, *, patient_id: str | None = None, study_uid: str | None = None) -> Iterator[Report]: ...
    def patients(self) -> Iterator[str]: ...

    def item_id(self, kind: ItemKind, uid: str) -> int | None: ...
    def item_uid(self, kind: ItemKind, item_id: int) -> str | None: ...
    def items(self, kind: ItemKind) -> Iterator[tuple[int, str]]:
        """(id, uid) of every image or report, ids ascending."""
        ...

    def has_embedding(self, fingerprint: str, kind: ItemKind, uid: str) -> bool: ...
    def embedding(self, fingerprint: str, kind: ItemKind, uid: str) -> Float32Array | None: ...
    def embeddings_of(self, fingerprint: str, kind: ItemKind, ids: Int64Array) -> Float32Array:
        """[n, dim], in the order of ``ids``; raises :class:`~caseindex.errors.NotInArchive` for one that is missing."""
        ...

    def embedding_blocks(
        self, fingerprint: str, kind: ItemKind, block: int = 65536, after_id: int = 0
    ) -> Iterator[EmbeddingBlock]: ...
    def embedding_ids(self, fingerprint: str, kind: ItemKind) -> Int64Array:
        """[n] int64, ascending."""
        ...

    def counts(self) -> Counts: ...
    def generation(self) -> int:
        """Grows with every committed write; derived files compare it with the one they were built from."""
        ...

    def records_generation(self) -> int:
        """The generation of the last write that may have changed a record, not only embeddings."""
        ...


class RecordStore(Protocol):
    """Durable records and embeddings. A write returns only after a synced commit and is all or nothing. One process
    writes, many read."""

    path: Path

    def read(self) -> AbstractContextManager[RecordReader]:
        """A snapshot; what is committed later is not seen in it."""
        ...

    def put(
        self,
        *,
        images: Iterable[Image] = (),
        series: Iterable[Series] = (),
        studies: Iterable[Study] = (),
        reports: Iterable[Report] = (),
        retired_reports: Iterable[str] = (),
    ) -> None:
        """Adds or replaces records by UID, and takes out reports that others replace (with their embeddings), in one
        transaction. An image whose ``pixel_sha256`` changed, or a report whose ``text`` did, gets a new id and loses
        its embeddings. A study that its last image or report leaves goes too, unless it is among ``studies``."""
        ...

    def put_embeddings(self, fingerprint: str, kind: ItemKind, uids: Sequence[str], vectors: Float32Array) -> None:
        """[n, dim] float32, L2-normalised. An unknown uid (removed meanwhile) is left out. A different ``dim`` than
        before under one fingerprint raises :class:`~caseindex.errors.IndexMismatch`."""
        ...

    def remove(
        self, *, patient_id: str | None = None, study_uid: str | None = None, image_uid: str | None = None
    ) -> Removed:
        """Erases records, ids and embeddings; a study left without images and reports goes too."""
        ...

    def close(self) -> None: ...


class VectorIndex(Protocol):
    """Nearest neighbours by cosine, over vectors that are L2-normalised on the way in by the index itself."""

    dim: int

    def __len__(self) -> int: ...

    def add(self, ids: Int64Array, vectors: Float32Array) -> None:
        """New ids only: one that is present raises ``ValueError``."""
        ...

    def remove(self, ids: Int64Array) -> int:
        """How many were present. Removed ids are never returned again."""
        ...

    def search(self, queries: Float32Array, k: int, allowed: Int64Array | None = None) -> Neighbours:
        """The k nearest among ``allowed`` (all where ``None``): the filter is applied before the search."""
        ...


@dataclass(frozen=True, slots=True)
class Discovered:
    """One input that a layout found, before anything was decoded. ``locator`` is an :attr:`Image.source`. ``given``
    holds what the layout knows of the image (fields of :class:`Image` by name), which wins over the file's own
    header; ``reports`` come with it.

    What is only known once the file was decoded is left empty and filled in then: ``study.study_uid`` (a study of
    this one image), and in a report ``report_uid``, ``study_uid`` and an ``image_uids`` of ``("",)``, which stands for
    this image. ``uid_name`` is what the UID of a picture outside DICOM is derived from, beside its bytes;
    ``detect_language`` is false where the layout knows that its texts are in none of our languages.
    """

    file: str
    locator: str
    given: dict[str, object]
    reports: tuple[Report, ...] = ()
    study: Study | None = None
    uid_name: str = ""
    detect_language: bool = True


class Layout(Protocol):
    """One way in which an archive lies on disk."""

    name: str

    def recognises(self, root: Path) -> bool:
        """Whether this folder or file is of this layout, judged by names and a header line, not by pixels."""
        ...

    def discover(self, root: Path) -> Iterator[Discovered | Report | InputRejected]:
        """Streams the inputs in a stable order; never holds all of them."""
        ...
