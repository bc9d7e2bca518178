"""The format's version: what an empty store holds, older formats brought up to date, newer ones refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from caseindex.errors import ArchiveDamaged, ArchiveFormatTooNew, StorageFull
from caseindex.index.store_format import CODECS, FORMAT_VERSION, MANY, PLAIN, pack_uid, seal
from caseindex.index.store_lock import WriterLock

_FORMAT = b"format"
RECORDS_GENERATION: Final = b"records_generation"  # the generation of the last write that was not embeddings alone


def read_number(transaction: Any, meta: Any, name: bytes, missing: int = 0) -> int:
    value = transaction.get(name, db=meta)
    return missing if value is None else int.from_bytes(bytes(value), "little")


def write_number(transaction: Any, meta: Any, name: bytes, number: int) -> None:
    transaction.put(name, number.to_bytes(8, "little"), db=meta)


def open_databases(env: Any, transaction: Any) -> dict[str, Any]:
    return {
        name: env.open_db(name.encode(), txn=transaction, create=True, dupsort=name in MANY) for name in (*PLAIN, *MANY)
    }


def initialise(env: Any, *, close: bool = True) -> None:
    """Makes the databases of an empty store, in one transaction; does nothing where they are."""
    with env.begin(write=True) as transaction:
        dbs = open_databases(env, transaction)
        if transaction.get(_FORMAT, db=dbs["meta"]) is None:
            if any(transaction.stat(db)["entries"] for db in dbs.values()):
                raise ArchiveDamaged(env.path(), "it does not say its format", "Restore it from a backup")
            write_number(transaction, dbs["meta"], _FORMAT, FORMAT_VERSION)
            write_number(transaction, dbs["meta"], b"next_id", 1)
            write_number(transaction, dbs["meta"], b"generation", 0)
    if close:
        env.close()


def require_format(env: Any, path: Path, writer: WriterLock | None) -> None:
    """Migrates an older store (all or nothing), refuses a newer one.

    Raises :class:`~caseindex.errors.ArchiveFormatTooNew`; :class:`~caseindex.errors.StorageFull` where an older one
    would have to be migrated on a read-only disk (``writer`` is ``None``).
    """

    def version() -> int:
        with env.begin() as transaction:
            meta = env.open_db(b"meta", txn=transaction, create=False)
            return read_number(transaction, meta, _FORMAT, -1)

    found = version()
    if found == FORMAT_VERSION:
        return
    if found > FORMAT_VERSION:
        raise ArchiveFormatTooNew(
            path, f"its format is {found}, this caseindex reads up to {FORMAT_VERSION}", "Install a newer caseindex"
        )
    if found < 0 or any(step not in MIGRATIONS for step in range(found, FORMAT_VERSION)):
        raise ArchiveDamaged(path, f"it says a format that never was: {found}", "Restore it from a backup")
    if writer is None:
        raise StorageFull(
            path, f"its format {found} has to be migrated and it is read-only", "Open it once where it can be written"
        )
    with writer.held(30.0):
        for step in range(version(), FORMAT_VERSION):
            with env.begin(write=True) as transaction:
                dbs = open_databases(env, transaction)
                MIGRATIONS[step](transaction, dbs)
                write_number(transaction, dbs["meta"], _FORMAT, step + 1)


def _checksums(transaction: Any, dbs: dict[str, Any]) -> None:
    """0 -> 1: values had no checksum: ``id u64 | msgpack`` for records, the bare UID for ids."""
    for name in CODECS:
        cursor = transaction.cursor(dbs[name])
        for raw_key, value in list(_copied(cursor)):
            transaction.put(raw_key, seal(raw_key, value[8:], int.from_bytes(value[:8], "little")), db=dbs[name])
    for name in ("image_ids", "report_ids"):
        cursor = transaction.cursor(dbs[name])
        for raw_key, value in list(_copied(cursor)):
            transaction.put(raw_key, pack_uid(value.decode("utf-8", "surrogatepass")), db=dbs[name])


def _copied(cursor: Any) -> list[tuple[bytes, bytes]]:
    return [(bytes(raw_key), bytes(value)) for raw_key, value in cursor]


#: From this format to the next one, inside one transaction.
MIGRATIONS: Final[Mapping[int, Callable[[Any, dict[str, Any]], None]]] = {0: _checksums}
