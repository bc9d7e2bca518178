"""One consistent snapshot of the records: the reading half of the store."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

import numpy as np

from caseindex.errors import ArchiveDamaged, NotInArchive
from caseindex.index import store_embeddings as vectors_of
from caseindex.index.store_format import (
    IMAGES,
    MODEL_NAME,
    REPORTS,
    SERIES,
    STUDIES,
    Codec,
    R,
    key,
    text_of,
    unpack_uid,
)
from caseindex.index.store_migration import RECORDS_GENERATION, read_number
from caseindex.protocols import Counts, EmbeddingBlock
from caseindex.records import Float32Array, Image, Int64Array, ItemKind, Report, Series, Study

CODEC_OF: Final[dict[ItemKind, Codec[Any]]] = {ItemKind.IMAGE: IMAGES, ItemKind.REPORT: REPORTS}
IDS_OF: Final = {ItemKind.IMAGE: "image_ids", ItemKind.REPORT: "report_ids"}
_PATIENTS: Final[dict[str, Codec[Any]]] = {
    "images_by_patient": IMAGES,
    "studies_by_patient": STUDIES,
    "reports_by_patient": REPORTS,
}


class LmdbReader:
    """:class:`~caseindex.protocols.RecordReader` over one LMDB transaction. Every record that is read is verified by
    its checksum (:class:`~caseindex.errors.ArchiveDamaged`); embeddings are verified by ``check``."""

    def __init__(self, transaction: Any, dbs: dict[str, Any]) -> None:
        self.transaction = transaction
        self.dbs = dbs

    def image(self, image_uid: str) -> Image | None:
        return self.get(IMAGES, image_uid)

    def series(self, series_uid: str) -> Series | None:
        return self.get(SERIES, series_uid)

    def study(self, study_uid: str) -> Study | None:
        return self.get(STUDIES, study_uid)

    def report(self, report_uid: str) -> Report | None:
        return self.get(REPORTS, report_uid)

    def images(
        self, *, patient_id: str | None = None, study_uid: str | None = None, series_uid: str | None = None
    ) -> Iterator[Image]:
        narrow = {"images_by_series": series_uid, "images_by_study": study_uid, "images_by_patient": patient_id}
        return self._chosen(IMAGES, narrow)

    def all_series(self, *, study_uid: str | None = None) -> Iterator[Series]:
        return self._chosen(SERIES, {"series_by_study": study_uid})

    def studies(self, *, patient_id: str | None = None, accession_number: str | None = None) -> Iterator[Study]:
        return self._chosen(STUDIES, {"studies_by_accession": accession_number, "studies_by_patient": patient_id})

    def reports(self, *, patient_id: str | None = None, study_uid: str | None = None) -> Iterator[Report]:
        return self._chosen(REPORTS, {"reports_by_study": study_uid, "reports_by_patient": patient_id})

    def patients(self) -> Iterator[str]:
        """Every patient id of an image, a study or a report, once, in order."""
        listed = [self._keys_of(database) for database in _PATIENTS]
        for raw_key, group in groupby(heapq.merge(*listed), key=lambda found: found[0]):
            text = text_of(raw_key)
            if text is not None:
                yield text
            else:  # too long for a key: only a record tells it
                _, database = next(group)
                primary = bytes(self.transaction.get(raw_key, db=self.dbs[database]))
                yield self._unpacked(_PATIENTS[database], primary).patient_id

    def item_id(self, kind: ItemKind, uid: str) -> int | None:
        return self.found(CODEC_OF[kind], uid)[1]

    def item_uid(self, kind: ItemKind, item_id: int) -> str | None:
        if not 0 < item_id < 1 << 63:
            return None
        value = self.transaction.get(int(item_id).to_bytes(8, "big"), db=self.dbs[IDS_OF[kind]])
        return None if value is None else unpack_uid(value, f"{kind} id {item_id}")

    def items(self, kind: ItemKind) -> Iterator[tuple[int, str]]:
        for raw_id, value in self.transaction.cursor(self.dbs[IDS_OF[kind]]):
            item_id = int.from_bytes(raw_id, "big")
            yield item_id, unpack_uid(value, f"{kind} id {item_id}")

    def has_embedding(self, fingerprint: str, kind: ItemKind, uid: str) -> bool:
        return self._row(fingerprint, kind, uid) is not None

    def embedding(self, fingerprint: str, kind: ItemKind, uid: str) -> Float32Array | None:
        row = self._row(fingerprint, kind, uid)
        return None if row is None else row.copy()

    def embeddings_of(self, fingerprint: str, kind: ItemKind, ids: Int64Array) -> Float32Array:
        ids = np.asarray(ids, np.int64)
        space = vectors_of.space(self.transaction, self.dbs, fingerprint, kind)
        if space is None:
            if len(ids):
                raise self._missing(fingerprint, kind, int(ids[0]))
            return np.empty((0, 0), np.float32)
        result = np.empty((len(ids), space.dim), np.float32)
        missing = vectors_of.copy_vectors(self.transaction, self.dbs, space, ids, result)
        if missing is not None:
            raise self._missing(fingerprint, kind, missing)
        return result

    def embedding_blocks(
        self, fingerprint: str, kind: ItemKind, block: int = 65536, after_id: int = 0
    ) -> Iterator[EmbeddingBlock]:
        space = vectors_of.space(self.transaction, self.dbs, fingerprint, kind)
        if space is None:
            return
        after_id = max(0, after_id)
        size = max(1, min(block, space.count))
        yield from vectors_of.gather(
            vectors_of.blocks(self.transaction, self.dbs, space, after_id), space.dim, size, after_id
        )

    def embedding_ids(self, fingerprint: str, kind: ItemKind) -> Int64Array:
        space = vectors_of.space(self.transaction, self.dbs, fingerprint, kind)
        if space is None:
            return np.empty(0, np.int64)
        found = [block.ids() for block in vectors_of.blocks(self.transaction, self.dbs, space)]
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def spaces(self) -> list[vectors_of.Space]:
        """Every model and kind with embeddings here: fingerprint, kind, dimension, count."""
        return vectors_of.spaces(self.transaction, self.dbs)

    def model_names(self) -> dict[str, str]:
        """Fingerprint -> name, of the models that embedded here."""
        names: dict[str, str] = {}
        cursor = self.transaction.cursor(self.dbs["meta"])
        if cursor.set_range(MODEL_NAME):
            for raw_key, value in cursor:
                if not bytes(raw_key).startswith(MODEL_NAME):
                    break
                fingerprint = bytes(raw_key)[len(MODEL_NAME) :].decode("utf-8")
                names[fingerprint] = unpack_uid(value, "a model's name")
        return names

    def counts(self) -> Counts:
        embeddings: dict[str, int] = {}
        for space in self.spaces():
            if space.count:
                embeddings[space.fingerprint] = embeddings.get(space.fingerprint, 0) + space.count
        return Counts(
            patients=sum(1 for _ in groupby(heapq.merge(*map(self._keys_of, _PATIENTS)), key=lambda found: found[0])),
            studies=self._entries("studies"),
            series=self._entries("series"),
            images=self._entries("images"),
            reports=self._entries("reports"),
            embeddings=embeddings,
        )

    def generation(self) -> int:
        return read_number(self.transaction, self.dbs["meta"], b"generation")

    def records_generation(self) -> int:
        """The generation that last changed a record; what is derived from records alone holds from there on."""
        return read_number(self.transaction, self.dbs["meta"], RECORDS_GENERATION, self.generation())

    # -- what the store itself needs too

    def found(self, codec: Codec[R], uid: str) -> tuple[R | None, int | None]:
        raw_key = key(uid)
        value = self.transaction.get(raw_key, db=self.dbs[codec.name])
        return (None, None) if value is None else codec.unpack(raw_key, value)

    def get(self, codec: Codec[R], uid: str) -> R | None:
        return self.found(codec, uid)[0]

    def _chosen(self, codec: Codec[R], narrow: dict[str, str | None]) -> Iterator[R]:
        """By the first secondary key that is given, the others compared."""
        asked = {database: value for database, value in narrow.items() if value is not None}
        for database, value in asked.items():
            for primary in self.primaries(database, value):
                record = self._unpacked(codec, primary)
                if all(getattr(record, codec.secondary[other]) == wanted for other, wanted in asked.items()):
                    yield record
            return
        for raw_key, value in self.transaction.cursor(self.dbs[codec.name]):
            yield codec.unpack(raw_key, value)[0]

    def primaries(self, database: str, value: str) -> Iterator[bytes]:
        cursor = self.transaction.cursor(self.dbs[database])
        if cursor.set_key(key(value)):
            yield from map(bytes, cursor.iternext_dup())

    def _unpacked(self, codec: Codec[R], raw_key: bytes) -> R:
        value = self.transaction.get(raw_key, db=self.dbs[codec.name])
        if value is None:
            raise ArchiveDamaged(
                f"the keys of {codec.name}", "one leads to a record that is not there", "Run `caseindex check --repair`"
            )
        return codec.unpack(raw_key, value)[0]

    def _keys_of(self, database: str) -> Iterator[tuple[bytes, str]]:
        cursor = self.transaction.cursor(self.dbs[database])
        for raw_key in cursor.iternext_nodup(keys=True, values=False):
            yield bytes(raw_key), database

    def _entries(self, database: str) -> int:
        return self.transaction.stat(self.dbs[database])["entries"]

    def _row(self, fingerprint: str, kind: ItemKind, uid: str) -> Float32Array | None:
        space = vectors_of.space(self.transaction, self.dbs, fingerprint, kind)
        item_id = None if space is None else self.item_id(kind, uid)
        if space is None or item_id is None:
            return None
        number, offset = divmod(item_id, vectors_of.IDS_PER_VALUE)
        block = vectors_of.block_of(self.transaction, self.dbs, space, number)
        row = None if block is None else block.row(offset)
        return None if block is None or row is None else block.vectors[row]

    @staticmethod
    def _missing(fingerprint: str, kind: ItemKind, item_id: int) -> NotInArchive:
        return NotInArchive(
            f"{kind} id {item_id}",
            f"it has no embedding of model {fingerprint[:12]}",
            "Run `caseindex embed` with this model",
        )
