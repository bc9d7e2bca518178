"""Embeddings in LMDB: the vectors of 64 consecutive ids in one value, so that a scan runs at the speed of memory.

A space is one model fingerprint and one kind of item; it has a number. The value under ``space u32 | block u64``
(big endian) is ``present u64 | crc32 u32 of each present vector, padded to 8 bytes | vectors float32, packed``; bit i
of ``present`` is id ``64 * block + i``. A checksum covers space, id and vector, so that exchanged vectors are found.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

import msgspec
import numpy as np

from caseindex.errors import ArchiveDamaged, IndexMismatch
from caseindex.index.store_format import key, seal, unseal
from caseindex.protocols import EmbeddingBlock
from caseindex.records import Float32Array, Int64Array, ItemKind

IDS_PER_VALUE: Final = 64
_KEY = struct.Struct(">IQ")
_SALT = struct.Struct("<IQ")


class Space(msgspec.Struct, frozen=True):
    number: int
    fingerprint: str
    kind: ItemKind
    dim: int
    count: int


@dataclass(frozen=True, slots=True)
class Block:
    """One stored value, as views into the map: valid only inside the transaction."""

    first_id: int
    present: int
    checksums: Any  # [n] uint32
    vectors: Any  # [n, dim] float32

    def ids(self) -> Int64Array:
        return self.first_id + _bits(self.present)

    def row(self, offset: int) -> int | None:
        """Where the vector of ``first_id + offset`` lies; ``None`` where there is none."""
        if not self.present >> offset & 1:
            return None
        return (self.present & ((1 << offset) - 1)).bit_count()

    def wrong(self, number: int) -> list[int]:
        """The ids whose checksum does not fit."""
        return [
            int(item_id)
            for item_id, expected, vector in zip(self.ids(), self.checksums, self.vectors, strict=True)
            if checksum(number, int(item_id), vector) != expected
        ]


_DENSE = np.arange(IDS_PER_VALUE, dtype=np.int64)
_FULL = (1 << IDS_PER_VALUE) - 1


def _bits(present: int) -> Int64Array:
    if present == _FULL:
        return _DENSE
    return np.flatnonzero(np.unpackbits(np.frombuffer(present.to_bytes(8, "little"), np.uint8), bitorder="little"))


def checksum(number: int, item_id: int, vector: Float32Array) -> int:
    return crc32(vector.tobytes(), crc32(_SALT.pack(number, item_id)))


def spaces(transaction: Any, dbs: dict[str, Any]) -> list[Space]:
    return [
        msgspec.msgpack.decode(unseal(raw_key, value, "spaces")[0], type=Space)
        for raw_key, value in transaction.cursor(dbs["spaces"])
    ]


def space(transaction: Any, dbs: dict[str, Any], fingerprint: str, kind: ItemKind) -> Space | None:
    raw_key = _space_key(fingerprint, kind)
    value = transaction.get(raw_key, db=dbs["spaces"])
    return None if value is None else msgspec.msgpack.decode(unseal(raw_key, value, "spaces")[0], type=Space)


def space_for_writing(transaction: Any, dbs: dict[str, Any], fingerprint: str, kind: ItemKind, dim: int) -> Space:
    """The space, made where it is new. Raises :class:`~caseindex.errors.IndexMismatch` for another dimension."""
    known = spaces(transaction, dbs)
    for other in known:
        if other.fingerprint == fingerprint and other.dim != dim:
            raise IndexMismatch(
                f"embeddings of model {fingerprint[:12]}",
                f"they have {other.dim} dimensions here, and {dim} were given",
                "Vectors of two encoders are never mixed: give a changed encoder its own fingerprint",
            )
        if other.fingerprint == fingerprint and other.kind is kind:
            return other
    made = Space(1 + max((other.number for other in known), default=0), fingerprint, kind, dim, 0)
    return save_space(transaction, dbs, made)


def save_space(transaction: Any, dbs: dict[str, Any], changed: Space) -> Space:
    raw_key = _space_key(changed.fingerprint, changed.kind)
    transaction.put(raw_key, seal(raw_key, msgspec.msgpack.encode(changed)), db=dbs["spaces"])
    return changed


def _space_key(fingerprint: str, kind: ItemKind) -> bytes:
    return key(f"{kind.value}/{fingerprint}")


def blocks(transaction: Any, dbs: dict[str, Any], where: Space, after_id: int = 0) -> Iterator[Block]:
    """The stored values that hold ids above ``after_id`` (the first may hold lower ones too), ids ascending."""
    cursor = transaction.cursor(dbs["embeddings"])
    if not cursor.set_range(_KEY.pack(where.number, (after_id + 1) // IDS_PER_VALUE)):
        return
    for raw_key, value in cursor:
        number, block = _KEY.unpack(raw_key)
        if number != where.number:
            return
        yield _parse(value, block, where)


def block_numbers(cursor: Any, where: Space) -> Iterator[int]:
    """The numbers of the stored values, whatever is in them."""
    if cursor.set_range(_KEY.pack(where.number, 0)):
        for raw_key in cursor.iternext(keys=True, values=False):
            number, block = _KEY.unpack(raw_key)
            if number != where.number:
                return
            yield block


def block_of(transaction: Any, dbs: dict[str, Any], where: Space, block: int) -> Block | None:
    value = transaction.get(_KEY.pack(where.number, block), db=dbs["embeddings"])
    return None if value is None else _parse(value, block, where)


def copy_vectors(transaction: Any, dbs: dict[str, Any], where: Space, ids: Int64Array, out: Float32Array) -> int | None:
    """The vectors of ``ids`` into ``out``, [n, dim]; the first id that has none, or ``None``. Written for a search that
    re-scores its candidates: about 2 microseconds for each."""
    database, row_bytes = dbs["embeddings"], 4 * where.dim
    value, number, present, start = None, -1, 0, 0
    for at in np.argsort(ids, kind="stable").tolist():
        item_id = int(ids[at])
        wanted, offset = divmod(item_id, IDS_PER_VALUE)
        if wanted != number:
            number = wanted
            value = transaction.get(_KEY.pack(where.number, wanted), db=database) if wanted >= 0 else None
            if value is not None:
                present = int.from_bytes(value[:8], "little")
                count = present.bit_count()
                start = 8 + (4 * count + 7) // 8 * 8
                if len(value) != start + count * row_bytes:
                    _parse(value, wanted, where)  # raises
        if value is None or not present >> offset & 1:
            return item_id
        row = (present & ((1 << offset) - 1)).bit_count()
        out[at] = np.frombuffer(value, np.float32, where.dim, start + row * row_bytes)
    return None


def _parse(value: Any, block: int, where: Space) -> Block:
    present = int.from_bytes(value[:8], "little")
    count = present.bit_count()
    start = 8 + (4 * count + 7) // 8 * 8
    if not count or len(value) != start + 4 * count * where.dim:
        raise ArchiveDamaged(
            f"embeddings of model {where.fingerprint[:12]}",
            f"the stored block {block} has a wrong length",
            "Run `caseindex check --repair`, then `caseindex embed`",
        )
    return Block(
        block * IDS_PER_VALUE,
        present,
        np.frombuffer(value, np.uint32, count, 8),
        np.frombuffer(value, np.float32, count * where.dim, start).reshape(count, where.dim),
    )


def write_block(transaction: Any, dbs: dict[str, Any], where: Space, block: int, rows: dict[int, Float32Array]) -> None:
    """Stores ``rows`` (offset within the block -> [dim] float32) as the whole content of a block; none deletes it."""
    raw_key = _KEY.pack(where.number, block)
    if not rows:
        transaction.delete(raw_key, db=dbs["embeddings"])
        return
    offsets = sorted(rows)
    present = sum(1 << offset for offset in offsets)
    first = block * IDS_PER_VALUE
    sums = b"".join(checksum(where.number, first + at, rows[at]).to_bytes(4, "little") for at in offsets)
    padding = b"\0" * (-len(sums) % 8)
    vectors = b"".join(rows[at].tobytes() for at in offsets)
    transaction.put(raw_key, present.to_bytes(8, "little") + sums + padding + vectors, db=dbs["embeddings"])


def merge(transaction: Any, dbs: dict[str, Any], where: Space, ids: Int64Array, vectors: Float32Array) -> Space:
    """Adds or replaces vectors; of one id given twice the last counts."""
    order = np.argsort(ids, kind="stable")
    numbers = ids[order] // IDS_PER_VALUE
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    added = 0
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        block = int(numbers[start])
        old = block_of(transaction, dbs, where, block)
        rows = _rows(old)
        before = len(rows)
        for at in order[start:end]:
            rows[int(ids[at]) % IDS_PER_VALUE] = vectors[at]
        added += len(rows) - before
        write_block(transaction, dbs, where, block, rows)
    return save_space(transaction, dbs, msgspec.structs.replace(where, count=where.count + added))


def discard(transaction: Any, dbs: dict[str, Any], where: Space, ids: Int64Array) -> int:
    """Takes vectors out; returns how many there were."""
    gone = 0
    for block in np.unique(ids // IDS_PER_VALUE):
        old = block_of(transaction, dbs, where, int(block))
        if old is None:
            continue
        rows = _rows(old)
        for item_id in ids[ids // IDS_PER_VALUE == block]:
            gone += rows.pop(int(item_id) % IDS_PER_VALUE, None) is not None
        write_block(transaction, dbs, where, int(block), rows)
    if gone:
        save_space(transaction, dbs, msgspec.structs.replace(where, count=where.count - gone))
    return gone


def discard_everywhere(transaction: Any, dbs: dict[str, Any], kind: ItemKind, ids: Int64Array) -> int:
    """As :func:`discard`, of every model."""
    return sum(discard(transaction, dbs, where, ids) for where in spaces(transaction, dbs) if where.kind is kind)


def _rows(old: Block | None) -> dict[int, Float32Array]:
    if old is None:
        return {}
    vectors = old.vectors.copy()  # the map may move under a view as soon as something is written
    return {int(offset): vector for offset, vector in zip(_bits(old.present), vectors, strict=True)}


def gather(found: Iterator[Block], dim: int, size: int, after_id: int) -> Iterator[EmbeddingBlock]:
    """Stored values joined to blocks of ``size`` vectors, copied out of the map."""
    ids = np.empty(size, np.int64)
    vectors = np.empty((size, dim), np.float32)
    filled = 0
    for block in found:
        numbers, rows = block.ids(), block.vectors
        if len(numbers) and numbers[0] <= after_id:
            keep = numbers > after_id
            numbers, rows = numbers[keep], rows[keep]
        taken = 0
        while taken < len(numbers):
            count = min(size - filled, len(numbers) - taken)
            ids[filled : filled + count] = numbers[taken : taken + count]
            vectors[filled : filled + count] = rows[taken : taken + count]
            filled += count
            taken += count
            if filled == size:
                yield EmbeddingBlock(ids, vectors)
                ids = np.empty(size, np.int64)
                vectors = np.empty((size, dim), np.float32)
                filled = 0
    if filled:
        yield EmbeddingBlock(ids[:filled].copy(), vectors[:filled].copy())
