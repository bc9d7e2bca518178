"""Writing the store again, entry by entry.

LMDB's own compacting copy takes pages over with the stale bytes in their gaps, so that an erased name could survive
in it. Here each live entry is put into a fresh environment: what was removed cannot be in the new file.
"""

from __future__ import annotations

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
            # Nobody sees it before the swap, which syncs the files: no sync of each batch.
            target = lmdb.open(str(new), map_size=size, max_dbs=32, sync=False, mode=0o660)
            try:
                for name in (*PLAIN, *MANY):
                    _copy(transaction, dbs[name], target, name, empty=name in leave_out)
                target.sync(True)
            finally:
                target.close()
        sync_folder(new)
        store_swap.swap(environment.path)


def _copy(source: Any, database: Any, target: Any, name: str, empty: bool) -> None:
    many = name in MANY
    copy = target.open_db(name.encode(), create=True, dupsort=many)
    entries = iter(()) if empty else iter(source.cursor(database))
    more = True
    while more:
        more = False
        size = 0
        with target.begin(write=True) as transaction:
            cursor = transaction.cursor(copy)
            for raw_key, value in entries:
                cursor.put(bytes(raw_key), value, append=True, dupdata=many)
                size += len(value)
                if size > _BATCH_BYTES:
                    more = True
                    break
