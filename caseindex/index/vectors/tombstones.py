"""Which archive id each row of an index holds, and which rows are dead.

Rows are numbered as they were added and never move; a removed id leaves a dead row (a tombstone) until the index is
written again without it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from caseindex.records import Int64Array

BoolArray = npt.NDArray[np.bool_]


class Rows:
    """The ids of an index, row by row, with tombstones."""

    def __init__(self, ids: Int64Array | None = None, dead: BoolArray | None = None) -> None:
        self.ids: Int64Array = np.empty(0, np.int64) if ids is None else np.asarray(ids, np.int64)
        self.dead: BoolArray = np.zeros(len(self.ids), np.bool_) if dead is None else dead
        self.tombstones = int(np.count_nonzero(self.dead))
        self._row_of: Int64Array | None = None  # dense table id -> row, or None where ids are too sparse for one
        self._sorted: tuple[Int64Array, Int64Array] | None = None  # live ids ascending, their rows

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def live(self) -> int:
        return len(self.ids) - self.tombstones

    @property
    def largest(self) -> int:
        return int(self.ids.max()) if len(self.ids) else 0

    def live_ids(self) -> Int64Array:
        """[live] ascending."""
        return np.sort(self.ids[~self.dead])

    def add(self, ids: Int64Array) -> None:
        """Raises ``ValueError`` for an id that is present, given twice, negative, or not whole."""
        new = checked_ids(ids)
        if len(new) == 0:
            return
        if new.min() < 0:
            raise ValueError(f"ids must not be negative, got {int(new.min())}")
        in_order = np.sort(new)
        twice = in_order[1:][in_order[1:] == in_order[:-1]]
        if len(twice):
            raise ValueError(f"id {int(twice[0])} is given twice")
        if len(self.ids) and in_order[0] <= self.largest:
            present = new[self.rows_of(new) >= 0]
            if len(present):
                raise ValueError(f"id {int(present[0])} is in the index already")
        self.ids = np.concatenate([self.ids, new])
        self.dead = np.concatenate([self.dead, np.zeros(len(new), np.bool_)])
        self._forget()

    def remove(self, ids: Int64Array) -> Int64Array:
        """Buries the rows of ``ids``; the rows that were live, ascending."""
        rows = np.unique(self.rows_of(checked_ids(ids)))
        rows = rows[rows >= 0]
        if len(rows):
            self.dead = self.dead.copy()
            self.dead[rows] = True
            self.tombstones += len(rows)
            self._forget()
        return rows

    def rows_of(self, ids: Int64Array) -> Int64Array:
        """[n] row of each id, -1 where it is not (or no longer) present."""
        if not len(self.ids):
            return np.full(len(ids), -1, np.int64)
        if self.largest <= 8 * len(self.ids) + (1 << 20):
            table = self._row_of
            if table is None:
                table = np.full(self.largest + 1, -1, np.int64)
                living = np.flatnonzero(~self.dead)
                table[self.ids[living]] = living
                self._row_of = table
            known = (ids >= 0) & (ids < len(table))
            return np.where(known, table[np.where(known, ids, 0)], -1)
        pair = self._sorted
        if pair is None:
            living = np.flatnonzero(~self.dead)
            order = np.argsort(self.ids[living], kind="stable")
            pair = self.ids[living][order], living[order]
            self._sorted = pair
        in_order, rows = pair
        if not len(in_order):
            return np.full(len(ids), -1, np.int64)
        place = np.minimum(np.searchsorted(in_order, ids), len(in_order) - 1)
        return np.where(in_order[place] == ids, rows[place], -1)

    def ids_of(self, rows: Int64Array) -> Int64Array:
        """The id of each row, of any shape; -1 for a negative or a dead row."""
        known = (rows >= 0) & (rows < len(self.ids))
        place = np.where(known, rows, 0)
        return np.where(known & ~self.dead[place], self.ids[place], -1)

    def mask(self, allowed: Int64Array | None) -> BoolArray | None:
        """[rows] True for the live rows among ``allowed``; ``None`` where every row is to be searched. Ids that are
        not in the index are passed over, and one given twice counts once."""
        if allowed is None:
            return ~self.dead if self.tombstones else None
        rows = self.rows_of(checked_ids(allowed))
        chosen = np.zeros(len(self.ids), np.bool_)
        chosen[rows[rows >= 0]] = True
        return None if chosen.all() else chosen

    def _forget(self) -> None:
        self._row_of = None
        self._sorted = None


def checked_ids(ids: npt.ArrayLike) -> Int64Array:
    """Raises ``ValueError`` for anything but a one-dimensional array of whole numbers."""
    given = np.asarray(ids)
    if given.ndim != 1 or not (np.issubdtype(given.dtype, np.integer) or given.size == 0):
        raise ValueError(f"ids must be one-dimensional whole numbers, got {given.dtype} of shape {given.shape}")
    return given.astype(np.int64)
