"""Replaces a folder by another in one step, and finishes or undoes what a killed process left half done.

`NAME.new` beside the folder is always either incomplete (before the swap) or outdated (after it), so it is deleted;
only a file system without an exchanging rename has a moment without the folder, and there both `NAME.new` and
`NAME.old` are complete.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from pathlib import Path
from typing import Final

from caseindex.index.atomic import sync_folder

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2


def fresh(path: Path) -> Path:
    """An empty folder beside ``path`` to write the replacement into."""
    new = _beside(path, "new")
    if new.exists():
        shutil.rmtree(new)
    new.mkdir()
    return new


def swap(path: Path) -> None:
    """The folder that :func:`fresh` made takes the place of ``path``; the old one is deleted."""
    new = _synced(path)
    if _exchange(new, path):
        sync_folder(path.parent)
    else:
        os.rename(path, _beside(path, "old"))
        os.rename(new, path)
        sync_folder(path.parent)
        new = _beside(path, "old")
    shutil.rmtree(new)
    sync_folder(path.parent)


def put_in_place(path: Path) -> None:
    """The folder that :func:`fresh` made becomes ``path``, which is not there yet, or holds no records."""
    (path / "lock.mdb").unlink(missing_ok=True)
    os.rename(_synced(path), path)
    sync_folder(path.parent)


def _synced(path: Path) -> Path:
    new = _beside(path, "new")
    for file in new.iterdir():
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    sync_folder(new)
    return new


def unfinished(path: Path) -> bool:
    return _beside(path, "new").exists() or _beside(path, "old").exists()


def recover(path: Path) -> None:
    """Call with the write lock held."""
    new, old = _beside(path, "new"), _beside(path, "old")
    if not path.exists() and old.exists():
        os.rename(new if new.exists() else old, path)
        sync_folder(path.parent)
    for left in (new, old):
        if path.exists() and left.exists():
            shutil.rmtree(left)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}.{suffix}")


def _exchange(one: Path, other: Path) -> bool:
    """renameat2(RENAME_EXCHANGE) of Linux: both names are there at every moment. False where it is not supported."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    if call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), os.fspath(other))
