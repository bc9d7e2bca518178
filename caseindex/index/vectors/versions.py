"""A derived folder and its versions: the new one is written beside the old and takes its place by one rename.

::

    indexes/NAME/CURRENT        {"version": "v000007", "generation": 123, "crc32": ...}, replaced by one rename
    indexes/NAME/v000007/       the files, with their manifest; never changed once CURRENT names it
    indexes/NAME/.lock          held while a version is written: two processes never build at once

A process killed at any moment leaves the old version or the new one; a folder that CURRENT does not name is rubbish and
goes when the next version is written. Readers take no lock: what they mapped stays theirs after it was unlinked.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from zlib import crc32

import msgspec

from caseindex.errors import IndexDamaged, StorageFull
from caseindex.index.atomic import storage_error, sync_folder, write_file_atomically

CURRENT: Final = "CURRENT"
LOCK: Final = ".lock"


class Current(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version holds, and the generation of the store that it was last compared with."""

    version: str
    generation: int


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    generation: int
    crc32: int  # of the two: one turned bit must not make an old version a current one


def _sum(current: Current) -> int:
    return crc32(f"{current.version} {current.generation}".encode("utf-8", "surrogatepass"))


class Versions:
    """The versions of one derived thing under ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def current(self) -> Current | None:
        """``None`` where nothing was written yet; raises :class:`~caseindex.errors.IndexDamaged` where CURRENT is
        not what was written."""
        path = self.folder / CURRENT
        try:
            line = msgspec.json.decode(path.read_bytes(), type=_Line)
            found = Current(line.version, line.generation)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise IndexDamaged(path, "it cannot be read", "Delete the folder; it is built again") from error
        if os.path.basename(found.version) != found.version or line.crc32 != _sum(found):
            raise IndexDamaged(path, "it fails its checksum", "Delete the folder; it is built again")
        return found

    def path(self, version: str) -> Path:
        return self.folder / version

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Waits for other writers. Raises :class:`~caseindex.errors.StorageFull` on a disk that cannot be written."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except OSError as error:
                # Some network file systems have no locks: two builders then do the work twice, each whole.
                if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):
                    raise
            yield
        finally:
            os.close(descriptor)

    def write(self, generation: int, fill: Callable[[Path], None]) -> Current:
        """``fill`` writes the new version into the folder that it is given; then it takes the place of the old one,
        which is deleted. Call it under :meth:`locked`."""
        names = [path.name for path in self.folder.iterdir() if path.is_dir() and path.name.startswith("v")]
        numbers = [int(name[1:]) for name in names if name[1:].isdigit()]
        fresh = Current(f"v{max(numbers, default=0) + 1:06d}", generation)
        target = self.path(fresh.version)
        try:
            target.mkdir()
            fill(target)
            sync_folder(target)
            sync_folder(self.folder)
            self.note(fresh)
        except OSError as error:
            shutil.rmtree(target, ignore_errors=True)
            raise _unwritable(target, error) from error
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
        for name in names:
            shutil.rmtree(self.path(name), ignore_errors=True)
        return fresh

    def note(self, current: Current) -> None:
        """Replaces CURRENT."""
        line = _Line(current.version, current.generation, _sum(current))
        write_file_atomically(self.folder / CURRENT, msgspec.json.encode(line) + b"\n")

    def delete(self) -> None:
        """Takes the whole folder away; CURRENT first, so that a kill in between leaves nothing half there."""
        (self.folder / CURRENT).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def _unwritable(path: Path, error: OSError) -> StorageFull:
    return storage_error(path, error) or StorageFull(
        path, f"it cannot be written ({error.strerror})", "Check this folder; nothing in it is needed, it is derived"
    )
