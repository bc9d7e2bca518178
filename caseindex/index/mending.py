"""`check --repair`: the store mended, and damaged derived folders and leftover files deleted."""

from __future__ import annotations

import shutil

from caseindex.index.archive import Archive
from caseindex.index.atomic import storage_error
from caseindex.index.checking import index_problems, leftovers, thumbnail_problems
from caseindex.index.store_repair import repair


def mend(archive: Archive) -> dict[str, int]:
    """How many of each were dropped or made again.

    Raises :class:`~caseindex.errors.ArchiveDamaged` where LMDB itself cannot read the store.
    """
    done = repair(archive.store)
    try:
        folders = [archive.path / problem.item for problem in index_problems(archive)]
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        files = leftovers(archive.path) + [archive.path / one.item for one in thumbnail_problems(archive)]
        for file in files:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(archive.path, error) or error from error
    return {**done, "indexes_dropped": len(folders), "files_deleted": len(files)}
