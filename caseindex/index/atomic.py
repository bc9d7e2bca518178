"""A file is there whole or not at all: written beside, synced, renamed over, the folder synced."""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import platform
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from caseindex.errors import StorageFull

#: Two machines may write into one network folder, and each knows its own processes only.
_HOST: Final = hashlib.blake2b(platform.node().encode(), digest_size=3).hexdigest()

#: Ends the name of a file that is being written; one that is left over from a killed process is rubbish.
TEMPORARY_SUFFIX: Final = ".tmp"

_STORAGE_ERRORS = {
    errno.ENOSPC: ("the disk is full", "Free some space and run the command again; nothing was lost"),
    errno.EDQUOT: ("the disk quota is used up", "Free some space or raise the quota, and run the command again"),
    errno.EROFS: ("the file system is read-only", "Mount it writable, or copy the archive to another disk"),
    errno.EACCES: ("no permission to write", "Change the owner or mode of the archive's folder"),
    errno.EPERM: ("no permission to write", "Change the owner or mode of the archive's folder"),
    errno.EIO: ("input/output error of the disk", "Check the disk; nothing that was acknowledged was touched"),
}


_NEARLY_FULL = 1 << 20  # bytes; the largest single write of LMDB


def storage_error(path: object, error: OSError) -> StorageFull | None:
    """The clear error for a disk that is full, read-only or failing; ``None`` for any other ``OSError``."""
    if error.errno not in _STORAGE_ERRORS:
        return None
    reason, fix = _STORAGE_ERRORS[error.errno]
    return StorageFull(path, reason, fix)


def storage_error_from_text(path: object, text: str) -> StorageFull | None:
    """The same for a library that tells only the system's message."""
    for number, (reason, fix) in _STORAGE_ERRORS.items():
        if os.strerror(number) in text:
            if number == errno.EIO and _nearly_full(path):  # LMDB calls a write that was cut short an I/O error
                reason, fix = _STORAGE_ERRORS[errno.ENOSPC]
            return StorageFull(path, reason, fix)
    return None


def _nearly_full(path: object) -> bool:
    folder = Path(str(path))
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free < _NEARLY_FULL


def write_file_atomically(path: Path, content: bytes | Callable[[IO[bytes]], object], *, mode: int = 0o644) -> None:
    """Replaces or makes ``path``: whoever reads sees the old content or the new, also after a kill or a power cut.

    ``content`` is the bytes, or a function that writes them to the binary file that it is given.

    Raises :class:`~caseindex.errors.StorageFull` for a full, read-only or failing disk; the old file stays.

    >>> from pathlib import Path
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_file_atomically(folder / "manifest.json", b"{}")
    >>> (folder / "manifest.json").read_bytes()
    b'{}'
    """
    temporary = path.with_name(f".{path.name}.{_HOST}.{os.getpid()}{TEMPORARY_SUFFIX}")
    _sweep(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                if callable(content):
                    content(file)
                else:
                    file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) or error from error


def is_left_over(temporary: Path) -> bool:
    """Whether the process that was writing this temporary file is gone from this machine."""
    pid = temporary.name.removesuffix(TEMPORARY_SUFFIX).rsplit(".", 1)[-1]
    return not (pid.isdigit() and _is_running(int(pid)))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sweep(path: Path) -> None:
    """Takes away what processes of this machine left that were killed while they wrote ``path``."""
    with suppress(OSError):  # it does no harm; `check --repair` takes it away
        for left in path.parent.glob(f".{glob.escape(path.name)}.{_HOST}.*{TEMPORARY_SUFFIX}"):
            if is_left_over(left):
                left.unlink()


def sync_folder(folder: Path) -> None:
    """Makes renames, new and removed files in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot sync a folder
            raise
    finally:
        os.close(descriptor)
