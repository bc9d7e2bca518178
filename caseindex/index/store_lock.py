"""One writer at a time, across threads and processes; a killed one leaves no lock behind."""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from caseindex.errors import ArchiveLocked
from caseindex.index.atomic import storage_error

log = logging.getLogger(__name__)
_PATIENCE_S = 2.0  # of a person who is told nothing
_FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux: type, whence, start, length, pid


class WriterLock:
    """A POSIX record lock: the kernel drops it with the process, and says which process holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = threading.RLock()
        self._depth = 0
        self._descriptor = -1

    @contextmanager
    def held(self, timeout_s: float) -> Iterator[None]:
        """Waits up to ``timeout_s`` seconds; may be nested in one thread.

        Raises :class:`~caseindex.errors.ArchiveLocked` naming the process that writes.
        """
        if not self._thread.acquire(timeout=max(0.0, timeout_s)):
            raise ArchiveLocked(
                self.path.parent, "another thread of this process is writing", "Try again when it is done"
            )
        try:
            if not self._depth:
                self._acquire(timeout_s)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
        finally:
            self._thread.release()

    def close(self) -> None:
        # POSIX drops all locks of the process with any descriptor of the file, so there is only this one.
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _acquire(self, timeout_s: float) -> None:
        if self._descriptor < 0:
            try:
                self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
            except OSError as error:
                raise storage_error(self.path.parent, error) or error from error
        start = time.monotonic()
        end = start + timeout_s
        told = False
        while True:
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except (BlockingIOError, PermissionError):
                if time.monotonic() >= end:
                    raise ArchiveLocked(
                        self.path.parent, f"{self._holder()} is writing to it", "Try again when it is done"
                    ) from None
                if not told and time.monotonic() >= start + _PATIENCE_S:
                    told = True
                    log.warning("%s is writing to the archive; waiting up to %.0f s for it.", self._holder(), timeout_s)
                time.sleep(0.02)

    def _holder(self) -> str:
        try:
            asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(self._descriptor, fcntl.F_GETLK, asked))
        except (OSError, struct.error):
            return "another process"
        return f"process {pid}" if kind != fcntl.F_UNLCK and pid > 0 else "another process"
