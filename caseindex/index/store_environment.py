"""One LMDB environment per process and path: opening, growing, locking, and noticing that it was swapped.

LMDB forbids opening one file twice in a process and using an environment across ``fork``; both are hidden here. The
write lock is our own (POSIX, beside the folder), since LMDB's waits for ever and does not say for whom. A compaction
replaces the whole folder by one rename; a reader notices it by the inode at its next snapshot.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import lmdb

from caseindex.errors import ArchiveDamaged, ArchiveError, ArchiveLocked, ArchiveNotFound, StorageFull
from caseindex.index import store_swap
from caseindex.index.atomic import storage_error, storage_error_from_text
from caseindex.index.store_format import MANY, PLAIN
from caseindex.index.store_lock import WriterLock
from caseindex.index.store_migration import initialise, require_format

#: Address space, not memory and not disk: the file grows with its content. Doubled whenever it is used up.
MAP_SIZE: Final = 1 << 38

_ALL: dict[str, Environment] = {}  # of this process, by real path
_ALL_GUARD = threading.RLock()
_INHERITED: list[Any] = []  # of the parent process; closing one here would free the parent's snapshots in the lock file


@dataclass
class Opened:
    """One LMDB environment with its databases, and who is reading from it in this process."""

    env: Any
    dbs: dict[str, Any]
    inode: tuple[int, int]
    writable: bool
    readers: dict[int, int] = field(default_factory=dict)  # thread -> snapshots

    writes: int = 0

    @property
    def live(self) -> int:
        return sum(self.readers.values()) + self.writes


def environment(path: Path, *, create: bool, map_size: int = MAP_SIZE) -> Environment:
    """The environment of this process for ``path``; opened when it is first asked for."""
    where = os.path.realpath(path)
    with _ALL_GUARD:
        if where not in _ALL:
            _ALL[where] = Environment(path, create=create, map_size=map_size)
        _ALL[where].users += 1
        return _ALL[where]


def _before_fork() -> None:
    """LMDB cannot go through ``fork``: what nobody uses at the moment is closed, and both sides open it again."""
    _ALL_GUARD.acquire()
    for known in _ALL.values():
        known.suspend()


def _after_fork_in_parent() -> None:
    for known in _ALL.values():
        known.resume()
    _ALL_GUARD.release()


def _after_fork_in_child() -> None:
    global _ALL_GUARD
    _ALL_GUARD = threading.RLock()
    _INHERITED.extend(_ALL.values())
    _ALL.clear()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


class Environment:
    def __init__(self, path: Path, *, create: bool, map_size: int) -> None:
        self.path = path
        self.map_size = map_size
        self.users = 0
        self.writer = WriterLock(path.with_name(path.name + ".lock"))
        self._changed = threading.Condition(threading.RLock())
        self._retired: list[Opened] = []
        self._current: Opened | None = self._open(create)

    def suspend(self) -> None:
        self._changed.acquire()
        if self._current is not None and not self._current.live:
            self._current.env.close()
            self._current = None

    def resume(self) -> None:
        self._changed.release()

    def release(self) -> None:
        """One user less; the last one closes it, unless a snapshot is still being read."""
        with _ALL_GUARD, self._changed:
            self.users -= 1
            if self.users > 0 or (self._current is not None and self._current.live):
                return
            _ALL.pop(os.path.realpath(self.path), None)
            if self._current is not None:
                self._current.env.close()
                self._current = None
            self.writer.close()

    @contextmanager
    def reading(self) -> Iterator[tuple[Any, dict[str, Any]]]:
        """(transaction, databases) of a snapshot of what is committed now. Values are views that end with it."""
        me, process = threading.get_ident(), os.getpid()
        with self._changed:
            opened = self._refreshed()
            transaction = self._begin(opened)
            opened.readers[me] = opened.readers.get(me, 0) + 1
        try:
            yield transaction, opened.dbs
        finally:
            if os.getpid() == process:  # a forked child must not end its parent's snapshot
                self._end(opened, transaction, me)

    def _end(self, opened: Opened, transaction: Any, me: int) -> None:
        transaction.abort()
        with self._changed:
            opened.readers[me] -= 1
            if not opened.readers[me]:
                del opened.readers[me]
            if opened in self._retired and not opened.live:
                self._retired.remove(opened)
                opened.env.close()
            self._changed.notify_all()

    def write(self, change: Callable[[Any, dict[str, Any]], Any], timeout_s: float) -> Any:
        """Runs ``change(transaction, databases)`` in one synced transaction: all or nothing. It is run again from
        the start when the map has to grow."""
        with self.writer.held(timeout_s):
            while True:
                with self._changed:
                    opened = self._refreshed()
                    opened.writes += 1
                try:
                    return self._write_once(opened, change)
                except lmdb.MapFullError:
                    self._resize(opened, 2 * opened.env.info()["map_size"], timeout_s)
                except lmdb.MapResizedError:
                    self._resize(opened, 0, timeout_s)
                except (StorageFull, lmdb.PanicError):
                    # LMDB refuses everything after a failed write of its head; a fresh environment reads the last
                    # commit that reached the disk.
                    with self._changed:
                        if not opened.live and opened is self._current:
                            self._reopen()
                    raise

    def _write_once(self, opened: Opened, change: Callable[[Any, dict[str, Any]], Any]) -> Any:
        try:
            if not opened.writable:
                raise StorageFull(
                    self.path,
                    "the file system is read-only, or there is no permission to write",
                    "Mount it writable, or copy the archive to another disk",
                )
            with translated(self.path), opened.env.begin(write=True, buffers=True) as transaction:
                return change(transaction, opened.dbs)
        finally:
            with self._changed:
                opened.writes -= 1

    @property
    def writable(self) -> bool:
        with self._changed:
            return self._refreshed().writable

    def reopen_after_swap(self) -> None:
        with self._changed:
            self._refreshed()

    # -- opening

    def _begin(self, opened: Opened) -> Any:
        for attempt in range(3):
            try:
                with translated(self.path):
                    return opened.env.begin(buffers=True)
            except lmdb.MapResizedError:
                self._resize(opened, 0, timeout_s=10.0)
            except lmdb.ReadersFullError:
                opened.env.reader_check()  # slots of processes that were killed
                if attempt:
                    break
        raise ArchiveLocked(self.path, "too many readers at once", "Close some of them and run the command again")

    def _inode(self) -> tuple[int, int]:
        status = os.stat(self.path / "data.mdb")
        return status.st_dev, status.st_ino

    def _refreshed(self) -> Opened:
        """The environment of the folder as it is now: a compaction by another process has swapped it."""
        for _ in range(200):
            try:
                if self._current is None or self._inode() != self._current.inode:
                    return self._reopen()
                return self._current
            except FileNotFoundError:  # between the two renames of a file system without an exchanging one
                time.sleep(0.01)
        raise ArchiveNotFound(self.path, "the records are not there any more", "Restore the folder from a backup")

    def _reopen(self) -> Opened:
        before = self._current
        if before is not None and before.live:
            self._retired.append(before)
        elif before is not None:
            before.env.close()
        self._current = None
        opened = self._current = self._open(create=False)
        return opened

    def _resize(self, opened: Opened, size: int, timeout_s: float) -> None:
        # LMDB would pull the map from under a snapshot of this process.
        end = time.monotonic() + timeout_s
        with self._changed:
            while opened.live:
                if opened.readers.get(threading.get_ident()) or time.monotonic() > end:
                    raise ArchiveLocked(
                        self.path, "it has to grow while this process reads it", "Finish reading before writing"
                    )
                self._changed.wait(0.1)
            with translated(self.path):
                opened.env.set_mapsize(size)

    def _open(self, create: bool) -> Opened:
        writable = _may_write(self.path)
        if writable and store_swap.unfinished(self.path):
            with self.writer.held(30.0):
                store_swap.recover(self.path)
        if not (self.path / "data.mdb").exists():
            if not create:
                raise ArchiveNotFound(self.path, "it holds no records", "Make an archive with `caseindex init DIR`")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.writer.held(30.0), translated(self.path):
                self._make()
        while True:
            folder = os.stat(self.path).st_ino
            env = self._lmdb(writable)
            # Swapped while it was being opened: the lock file might be the old one and the data the new.
            if os.stat(self.path).st_ino == folder:
                break
            env.close()
        try:
            with translated(self.path):
                if not _is_initialised(env):
                    if not writable:
                        raise ArchiveNotFound(self.path, "it holds no records", "Make one with `caseindex init DIR`")
                    with self.writer.held(30.0):
                        initialise(env, close=False)
                require_format(env, self.path, self.writer if writable else None)
                dbs = _databases(env, writable)
        except BaseException:
            env.close()
            raise
        if writable:
            env.reader_check()
        return Opened(env, dbs, self._inode(), writable)

    def _make(self) -> None:
        """An empty environment, written beside its place and renamed: LMDB cannot open a file whose first pages were
        cut short by a full disk."""
        if (self.path / "data.mdb").exists():  # another process was quicker
            return
        new = store_swap.fresh(self.path)
        initialise(self._lmdb(True, new))
        store_swap.put_in_place(self.path)

    def _lmdb(self, writable: bool, folder: Path | None = None) -> Any:
        size = self.map_size
        while True:
            try:
                with translated(self.path):
                    return lmdb.open(
                        os.fspath(folder or self.path),
                        map_size=size,
                        max_dbs=32,
                        max_readers=1022,
                        mode=0o660,
                        create=writable,
                        readonly=not writable,
                        lock=writable,
                    )
            except (lmdb.MemoryError, MemoryError):
                if size <= 1 << 26:
                    raise
                size //= 4  # an address space limit (`ulimit -v`): start small, grow when needed


def _databases(env: Any, writable: bool) -> dict[str, Any]:
    """Handles that outlive their transaction. LMDB keeps those of a writable environment only from a write
    transaction, so that opening waits for a commit that is under way in another process; reading never does."""
    with env.begin(write=writable) as transaction:
        return {
            name: env.open_db(name.encode(), txn=transaction if writable else None, create=False, dupsort=name in MANY)
            for name in (*PLAIN, *MANY)
        }


def _is_initialised(env: Any) -> bool:
    try:
        env.open_db(b"meta", create=False)
    except (lmdb.NotFoundError, lmdb.ReadonlyError):
        return False
    return True


def _may_write(path: Path) -> bool:
    """Whether the folder (or where it is to be made) can be written by this process."""
    folder = path
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        return False
    return all(not (folder / name).exists() or os.access(folder / name, os.W_OK) for name in ("data.mdb", "lock.mdb"))


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """LMDB's and the system's errors as ours; the three that the environment handles itself pass through."""
    try:
        yield
    except (lmdb.MapFullError, lmdb.MapResizedError, lmdb.ReadersFullError, lmdb.MemoryError):
        raise
    except lmdb.Error as error:
        known = storage_error_from_text(path, str(error))
        if known is not None:
            raise known from error
        if isinstance(error, lmdb.CorruptedError | lmdb.InvalidError | lmdb.PageNotFoundError | lmdb.BadTxnError):
            raise ArchiveDamaged(
                path, f"LMDB cannot read it ({error})", "Restore it from a backup, or ingest the sources again"
            ) from error
        if "already open in this process" in str(error):
            raise ArchiveLocked(
                path, "this process was forked while it was being read", "Start worker processes with spawn"
            ) from error
        if isinstance(error, lmdb.VersionMismatchError):
            raise ArchiveDamaged(path, f"another LMDB format ({error})", "Install the LMDB that wrote it") from error
        raise ArchiveError(path, f"LMDB: {error}", "Run `caseindex check`") from error
    except OSError as error:
        known = storage_error(path, error)
        if known is None:
            raise
        raise known from error
