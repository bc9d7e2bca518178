"""Whether an archive is whole: checksums, keys, references, embeddings, derived files, sources."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import numpy as np

from caseindex.errors import ArchiveDamaged, CaseindexError
from caseindex.index import store_embeddings
from caseindex.index.archive import Archive
from caseindex.index.atomic import TEMPORARY_SUFFIX, is_left_over
from caseindex.index.store_format import CODECS, key, text_of
from caseindex.index.store_migration import read_number
from caseindex.index.store_reader import CODEC_OF, IDS_OF, LmdbReader
from caseindex.ingest.thumbnails import is_damaged

_SAMPLED_SOURCES: Final = 1000
_RESTORE = "Restore cases.lmdb from a backup, or make a new archive and ingest the sources again"
_REINGEST = "Run `caseindex check --repair`, then ingest its source again"
_EMBED = "Run `caseindex check --repair`, then `caseindex embed`"


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"  # the archive is whole; something outside it is not


@dataclass(frozen=True, slots=True)
class Problem:
    """``kind`` is one of a fixed list, ``item`` what it is about (a UID, a file), ``fix`` what to do."""

    kind: str
    item: str
    fix: str
    severity: Severity = Severity.ERROR


def check(
    archive: Archive, *, all_sources: bool = False, on_progress: Callable[[int], object] = lambda done: None
) -> Iterator[Problem]:
    """Every problem found. Kinds: ``store_unreadable``, ``record_damaged``, ``key_wrong``, ``id_wrong``,
    ``reference_missing``, ``embedding_damaged``, ``embedding_not_finite``, ``embedding_not_unit``,
    ``embedding_of_nothing``, ``count_wrong``, ``erasure_unfinished``, ``index_damaged``, ``index_foreign``,
    ``leftover_file``, ``model_unreadable``; warnings: ``source_missing``, ``embedding_of_unknown_model``."""
    try:
        with archive.store.read() as reader:
            yield from _records(reader, on_progress)
            yield from _ids(reader)
            yield from _references(reader)
            yield from _embeddings(reader, on_progress)
            yield from _sources(reader, all_sources)
            fingerprints: set[str] | None = {space.fingerprint for space in reader.spaces()}
        if archive.store.notes():
            yield Problem("erasure_unfinished", "cases.lmdb", "Run any command that may write; it finishes the removal")
    except (ArchiveDamaged, UnicodeDecodeError) as error:
        yield Problem("store_unreadable", getattr(error, "item", "cases.lmdb"), _RESTORE)
        fingerprints = None
    yield from index_problems(archive, fingerprints)
    yield from thumbnail_problems(archive)
    yield from _models(archive.models_dir)
    yield from _leftovers(archive.path)


def thumbnail_problems(archive: Archive) -> Iterator[Problem]:
    """Thumbnails that fail their checksum."""
    for path in sorted(archive.thumbnails_dir.glob("*/*.jpg")):
        try:
            damaged = is_damaged(path.read_bytes())
        except OSError:
            damaged = True
        if damaged:
            yield Problem(
                "thumbnail_damaged",
                str(path.relative_to(archive.path)),
                "Run `caseindex check --repair`; pages show the source file, as long as it is there",
            )


def _records(reader: LmdbReader, on_progress: Callable[[int], object]) -> Iterator[Problem]:
    """Checksums, and the secondary keys against what the records say: none missing, none too many."""
    expected: dict[str, list[int]] = {}
    for name, codec in CODECS.items():
        sums = {database: [0, 0] for database in codec.secondary}
        for done, (raw_key, value) in enumerate(reader.transaction.cursor(reader.dbs[name]), 1):
            if done % 1000 == 0:
                on_progress(1000)
            uid = text_of(bytes(raw_key)) or "(a long uid)"
            try:
                record, item_id = codec.unpack(raw_key, value)
            except ArchiveDamaged:
                yield Problem("record_damaged", f"{name} {uid}", _REINGEST)
                continue
            if key(codec.uid(record)) != bytes(raw_key):
                yield Problem("key_wrong", f"{name} {uid}", _REINGEST)
            for kind, of_kind in CODEC_OF.items():
                if of_kind is codec and reader.item_uid(kind, item_id) != codec.uid(record):
                    yield Problem("id_wrong", f"{kind} {uid}", _REINGEST)
            for database, secondary in codec.secondary_keys(record).items():
                sums[database][0] += 1
                sums[database][1] ^= _pair(secondary, bytes(raw_key))
        expected.update(sums)
    for database, wanted in expected.items():
        found = [0, 0]
        for secondary, raw_key in reader.transaction.cursor(reader.dbs[database]):
            found[0] += 1
            found[1] ^= _pair(bytes(secondary), bytes(raw_key))
        if found != wanted:
            yield Problem("key_wrong", database, "Run `caseindex check --repair`: the keys are made from the records")


def _pair(secondary: bytes, raw_key: bytes) -> int:
    return crc32(raw_key, crc32(secondary)) << 32 | crc32(secondary, crc32(raw_key))


def _ids(reader: LmdbReader) -> Iterator[Problem]:
    next_id = read_number(reader.transaction, reader.dbs["meta"], b"next_id")
    for kind, database in IDS_OF.items():
        if (
            reader.transaction.stat(reader.dbs[database])["entries"]
            != reader.transaction.stat(reader.dbs[CODEC_OF[kind].name])["entries"]
        ):
            yield Problem("id_wrong", database, _REINGEST)
        for item_id, uid in reader.items(kind):
            try:
                wrong = reader.item_id(kind, uid) != item_id or item_id >= next_id
            except ArchiveDamaged:
                continue  # told as a damaged record
            if wrong:
                yield Problem("id_wrong", f"{kind} {uid}", _REINGEST)


def _references(reader: LmdbReader) -> Iterator[Problem]:
    def exists(name: str, uid: str) -> bool:
        return reader.transaction.get(key(uid), db=reader.dbs[name]) is not None

    def wanted(name: str, raw_key: Any, value: Any) -> Iterator[tuple[str, str]]:
        record = CODECS[name].unpack(raw_key, value)[0]
        if name != "studies":
            yield "studies", record.study_uid
        if name == "images" and record.series_uid is not None:
            yield "series", record.series_uid
        if name in ("series", "reports"):
            for uid in record.image_uids:
                yield "images", uid

    for name in ("images", "series", "reports"):
        for raw_key, value in reader.transaction.cursor(reader.dbs[name]):
            try:
                missing = [f"{kind} {uid}" for kind, uid in wanted(name, raw_key, value) if not exists(kind, uid)]
            except ArchiveDamaged:
                continue
            for what in missing:
                yield Problem(
                    "reference_missing",
                    f"{name} {text_of(bytes(raw_key))} names {what}, which is not here",
                    "Ingest its source again",
                )


def _embeddings(reader: LmdbReader, on_progress: Callable[[int], object]) -> Iterator[Problem]:
    for space in reader.spaces():
        model = f"{space.kind} embeddings of model {space.fingerprint[:12]}"
        known = np.fromiter((item_id for item_id, _ in reader.items(space.kind)), np.int64)
        count = 0
        try:
            for block in store_embeddings.blocks(reader.transaction, reader.dbs, space):
                ids = block.ids()
                count += len(ids)
                on_progress(len(ids))
                for item_id in block.wrong(space.number):
                    yield Problem("embedding_damaged", f"{model}, {_name(reader, space.kind, item_id)}", _EMBED)
                finite = np.isfinite(block.vectors).all(axis=1)
                for item_id in ids[~finite]:
                    yield Problem("embedding_not_finite", f"{model}, {_name(reader, space.kind, int(item_id))}", _EMBED)
                norms = np.linalg.norm(block.vectors[finite].astype(np.float64), axis=1)
                for item_id in ids[finite][np.abs(norms - 1) > 1e-3]:
                    yield Problem("embedding_not_unit", f"{model}, {_name(reader, space.kind, int(item_id))}", _EMBED)
                for item_id in ids[~np.isin(ids, known)]:
                    yield Problem("embedding_of_nothing", f"{model}, id {item_id}", _EMBED)
        except ArchiveDamaged:
            yield Problem("embedding_damaged", model, _EMBED)
            continue
        if count != space.count:
            yield Problem("count_wrong", model, _EMBED)


def _name(reader: LmdbReader, kind: Any, item_id: int) -> str:
    return reader.item_uid(kind, item_id) or f"id {item_id}"


def _sources(reader: LmdbReader, everything: bool) -> Iterator[Problem]:
    """Files that the records were made from; a sample of a large archive unless all are asked for."""
    total = reader.transaction.stat(reader.dbs["images"])["entries"]
    step = 1 if everything else max(1, total // _SAMPLED_SOURCES)
    seen: dict[str, bool] = {}
    for raw_key, value in islice(reader.transaction.cursor(reader.dbs["images"]), 0, None, step):
        try:
            image = CODECS["images"].unpack(raw_key, value)[0]
        except ArchiveDamaged:
            continue
        file = image.source.split("!", 1)[0] if not os.path.exists(image.source) else image.source
        if file not in seen:
            seen[file] = os.path.exists(file)
        if not seen[file]:
            yield Problem(
                "source_missing",
                f"image {image.image_uid}: {file}",
                "Bring the file back, or go on without: only rendering, training and embedding anew need it",
                Severity.WARNING,
            )


def index_problems(archive: Archive, fingerprints: set[str] | None = None) -> Iterator[Problem]:
    """Derived indexes against their manifests and the models that have embeddings here."""
    from caseindex.index.vectors import manifest

    if not archive.indexes_dir.is_dir():
        return
    rebuild = "Run `caseindex check --repair`; it is built again when it is needed"
    for found in sorted(archive.indexes_dir.rglob(manifest.MANIFEST)):
        folder = found.parent
        if '"sha256"' not in found.read_text("utf-8", "replace"):
            continue  # of another kind of derived folder; its owner verifies it when it opens it
        item = str(folder.relative_to(archive.path))
        try:
            read = manifest.read_manifest(folder)
            manifest.verify(folder, read)
        except CaseindexError:
            yield Problem("index_damaged", item, rebuild)
            continue
        if fingerprints is not None and read.source.fingerprint and read.source.fingerprint not in fingerprints:
            yield Problem("index_foreign", item, rebuild)


def _models(models: Path) -> Iterator[Problem]:
    if not models.is_dir():
        return
    for folder in sorted(entry for entry in models.iterdir() if entry.is_dir()):
        fix = f"Train the model {folder.name} again, or delete models/{folder.name}"
        try:
            config = json.loads((folder / "config.json").read_text("utf-8"))
        except (OSError, ValueError):
            yield Problem("model_unreadable", f"models/{folder.name}", fix)
            continue
        if not isinstance(config, dict):
            yield Problem("model_unreadable", f"models/{folder.name}", fix)


def leftovers(archive: Path) -> list[Path]:
    """Temporary files of processes that were killed (those of running ones end in their process id)."""
    found = []
    for where, _, names in os.walk(archive):
        for name in names:
            temporary = name.startswith(".") and name.endswith(TEMPORARY_SUFFIX)
            if temporary and is_left_over(Path(where) / name):
                found.append(Path(where) / name)
    return found


def _leftovers(archive: Path) -> Iterator[Problem]:
    for file in leftovers(archive):
        yield Problem(
            "leftover_file",
            str(file.relative_to(archive)),
            "Harmless; `caseindex check --repair` deletes it",
            Severity.WARNING,
        )
