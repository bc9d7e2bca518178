"""Writing the store again, entry by entry.

LMDB's own compacting copy takes pages over with the stale bytes in their gaps, so that an erased name could survive
in it. Here each live entry is put into a fresh environment: what was removed cannot be in the new file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import lmdb

from caseindex.index import store_swap
from caseindex.index.atomic import sync_folder
from caseindex.index.store_format import MANY, PLAIN

if TYPE_CHECKING:
    from caseindex.index.store_environment import Environment

_BATCH_BYTES: Final = 1 << 26  # of one transaction


def rewrite(environment: Environment, leave_out: frozenset[str] = frozenset()) -> None:
    """Call with the write lock held. A kill at any moment leaves the old store or the new one."""
    from caseindex.index.store_environment import translated

    with translated(environment.path):
        new = store_swap.fresh(environment.path)
        with environment.reading() as (transaction, dbs):
            size = max(1 << 26, 4 * (environment.path / "data.mdb").stat().st_size)
            for name in (*PLAIN, *MANY):
                _copy(transaction, dbs[name], _Target(str(new), size), name, empty=name in leave_out)
        sync_folder(new)
        store_swap.swap(environment.path)


@dataclass(frozen=True, slots=True)
class _Target:
    """The new environment, opened for one transaction at a time: LMDB keeps the page buffers of a transaction for the
    next one as they are, and rests of records beside new bytes in them could read like an erased name."""

    path: str
    map_size: int

    @contextmanager
    def transaction(self, name: str) -> Iterator[Any]:
        """A cursor of the database ``name``, in a transaction. No sync: nobody sees it before the swap, which does."""
        env = lmdb.open(self.path, map_size=self.map_size, max_dbs=32, sync=False, mode=0o660)
        try:
            with env.begin(write=True) as transaction:
                database = env.open_db(name.encode(), txn=transaction, create=True, dupsort=name in MANY)
                yield transaction.cursor(database)
        finally:
            env.close()


def _copy(source: Any, database: Any, target: _Target, name: str, empty: bool) -> None:
    entries = iter(()) if empty else iter(source.cursor(database))
    more = True
    while more:
        more = False
        size = 0
        with target.transaction(name) as cursor:
            for raw_key, value in entries:
                cursor.put(bytes(raw_key), value, append=True, dupdata=name in MANY)
                size += len(value)
                if size > _BATCH_BYTES:
                    more = True
                    break
