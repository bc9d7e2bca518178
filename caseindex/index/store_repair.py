"""What `check --repair` may do: make secondary keys and counts from the records again, drop embeddings that fail their
checksum (they can be computed again) and damaged records (they can be ingested again). Nothing that verifies goes."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from caseindex.errors import ArchiveDamaged
from caseindex.index import store_embeddings
from caseindex.index.store import LmdbStore
from caseindex.index.store_format import CODECS, key, pack_uid
from caseindex.index.store_reader import CODEC_OF, IDS_OF
from caseindex.records import ItemKind


def repair(store: LmdbStore) -> dict[str, int]:
    """How many of each were dropped or made again, in one transaction."""

    def change(transaction: Any, dbs: dict[str, Any]) -> dict[str, int]:
        done = {"records_dropped": _drop_damaged(transaction, dbs), "keys_made": _keys(transaction, dbs)}
        ids = {kind: _ids(transaction, dbs, kind) for kind in ItemKind}
        done["embeddings_dropped"] = sum(
            _embeddings(transaction, dbs, space, ids[space.kind]) for space in store_embeddings.spaces(transaction, dbs)
        )
        return done

    return store.change(change)


def _drop_damaged(transaction: Any, dbs: dict[str, Any]) -> int:
    dropped = 0
    for name, codec in CODECS.items():
        bad = []
        for raw_key, value in transaction.cursor(dbs[name]):
            try:
                record, _ = codec.unpack(raw_key, value)
            except ArchiveDamaged:
                bad.append(bytes(raw_key))
                continue
            if key(codec.uid(record)) != bytes(raw_key):
                bad.append(bytes(raw_key))
        for raw_key in bad:
            transaction.delete(raw_key, db=dbs[name])
        dropped += len(bad)
    return dropped


def _keys(transaction: Any, dbs: dict[str, Any]) -> int:
    made = 0
    for name, codec in CODECS.items():
        for database in codec.secondary:
            transaction.drop(dbs[database], delete=False)
        for raw_key, value in list(_copied(transaction, dbs[name])):
            for database, secondary in codec.secondary_keys(codec.unpack(raw_key, value)[0]).items():
                transaction.put(secondary, raw_key, db=dbs[database])
                made += 1
    return made


def _ids(transaction: Any, dbs: dict[str, Any], kind: ItemKind) -> set[int]:
    """The ids again from the records, which hold their own."""
    codec, database = CODEC_OF[kind], dbs[IDS_OF[kind]]
    transaction.drop(database, delete=False)
    found = set()
    for raw_key, value in _copied(transaction, dbs[codec.name]):
        record, item_id = codec.unpack(raw_key, value)
        transaction.put(item_id.to_bytes(8, "big"), pack_uid(codec.uid(record)), db=database)
        found.add(item_id)
    return found


def _embeddings(transaction: Any, dbs: dict[str, Any], space: store_embeddings.Space, known: set[int]) -> int:
    dropped = count = 0
    cursor = transaction.cursor(dbs["embeddings"])
    for number in list(store_embeddings.block_numbers(cursor, space)):
        try:
            block = store_embeddings.block_of(transaction, dbs, space, number)
        except ArchiveDamaged:
            store_embeddings.write_block(transaction, dbs, space, number, {})
            dropped += 1
            continue
        if block is None:
            continue
        wrong = set(block.wrong(space.number))
        rows = {}
        for item_id, vector in zip(block.ids().tolist(), block.vectors.copy(), strict=True):
            norm = float(np.linalg.norm(vector.astype(np.float64)))
            if item_id in known and item_id not in wrong and np.isfinite(norm) and abs(norm - 1) <= 1e-3:
                rows[item_id % store_embeddings.IDS_PER_VALUE] = vector
        if len(rows) < len(block.vectors):
            dropped += len(block.vectors) - len(rows)
            store_embeddings.write_block(transaction, dbs, space, number, rows)
        count += len(rows)
    store_embeddings.save_space(transaction, dbs, msgspec.structs.replace(space, count=count))
    return dropped


def _copied(transaction: Any, database: Any) -> list[tuple[bytes, bytes]]:
    return [(bytes(raw_key), bytes(value)) for raw_key, value in transaction.cursor(database)]
