"""Members of zip archives, read in place: nothing is ever extracted, so that no name can write anywhere."""

from __future__ import annotations

import io
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from caseindex.errors import InputRejected

MAX_MEMBERS: Final = 2_000_000
MAX_RATIO: Final = 1100  # deflate cannot exceed 1032; quoted beside MAX_FREE_BYTES below
MAX_FREE_BYTES: Final = 64 << 20  # below this a high ratio (an empty image) is no attack
MAX_TOTAL_BYTES: Final = 1 << 44
MAX_INNER_BYTES: Final = 1 << 30  # of a zip inside a zip, which is held in memory
_SIGNATURES: Final = (b"PK\x03\x04", b"PK\x05\x06")
#: Opening a named pipe must not wait for its writer.
_LOOK: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_LITTER: Final = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError)

Problem = Callable[[InputRejected], None]


def is_zip(path: str) -> bool:
    """By signature and directory, not by name; a DICOM or PNG file with a zip at its end is not one."""
    try:
        descriptor = os.open(path, _LOOK)  # asked for every file of a tree, so without the layers of open()
        try:
            return os.read(descriptor, 4) in _SIGNATURES and stat.S_ISREG(os.fstat(descriptor).st_mode)
        finally:
            os.close(descriptor)
    except (OSError, ValueError):
        return False


def members(path: str, on_problem: Problem | None = None) -> Iterator[str]:
    """The names of the files in the archive, in its own order, those of zips inside it after a ``!``.

    What must not be read goes to ``on_problem``: encrypted members, names that lead out, bombs, a broken directory.
    """
    shown = _shown(path)
    try:
        archive = _opened(path, _stamp(path))
        _check_total(shown, archive, os.path.getsize(path))
    except InputRejected as error:
        _tell(on_problem, error)
        return
    except _BROKEN as error:
        _tell(on_problem, InputRejected(shown, "unreadable", f"broken zip archive: {type(error).__name__}"))
        return
    for name, info in archive.files.items():
        problem = _problem(f"{shown}!{name}", name, info)
        if problem is not None:
            _tell(on_problem, problem)
        elif name.lower().endswith(".zip"):
            yield from _inner_members(path, shown, name, on_problem)
        else:
            yield name


def read_member(path: str, member: str, max_bytes: int) -> bytes:
    """The content of ``member``; :class:`~caseindex.errors.InputRejected` as :func:`caseindex.ingest.sources.read_bytes`."""
    item = f"{_shown(path)}!{member}"
    try:
        archive = _opened(path, _stamp(path))
        outer, _, inner = member.partition("!")
        if member not in archive.files and inner:
            archive = _opened_inner(path, _stamp(path), outer)
            member = inner
        info = archive.files.get(member)
        if info is None:
            raise InputRejected(item, "missing_file", "no such member of the archive")
        problem = _problem(item, member, info)
        if problem is not None:
            raise problem
        if info.file_size > max_bytes:
            raise InputRejected(item, "too_large", f"{info.file_size} bytes, the limit is {max_bytes}")
        with archive.zip.open(info) as stream:
            data = stream.read(max_bytes + 1)
    except InputRejected:
        raise
    except _BROKEN as error:
        raise InputRejected(item, "unreadable", f"broken zip archive: {type(error).__name__}") from error
    if len(data) > max_bytes:
        raise InputRejected(item, "archive_bomb", "expands beyond the size that its header gives")
    return data


def has_member(path: str, member: str) -> bool:
    try:
        archive = _opened(path, _stamp(path))
        outer, _, inner = member.partition("!")
        return member in archive.files or (bool(inner) and inner in _opened_inner(path, _stamp(path), outer).files)
    except (InputRejected, *_BROKEN):
        return False


def decoded_name(info: zipfile.ZipInfo) -> str:
    """The name of a member. Without the UTF-8 flag the standard says CP437, but Russian Windows writes CP866 and
    Chinese Windows GBK (APPNOTE 4.4.4, appendix D)."""
    name = info.filename
    if not info.flag_bits & 0x800 and not name.isascii():
        try:
            raw = name.encode("cp437")
        except UnicodeEncodeError:
            return name
        for codec in ("utf-8", "cp866", "gb18030"):
            try:
                text = raw.decode(codec)
            except UnicodeDecodeError:
                continue
            if codec != "cp866" or all(sign.isascii() or "\u0400" <= sign <= "\u045f" or sign == "№" for sign in text):
                return text
    return name


class OpenedZip:
    """An open archive and its files by decoded name."""

    def __init__(self, item: str, source: str | io.BytesIO) -> None:
        self.zip = zipfile.ZipFile(source)
        listed = self.zip.infolist()
        if len(listed) > MAX_MEMBERS:
            raise InputRejected(item, "archive_bomb", f"{len(listed)} members, the limit is {MAX_MEMBERS}")
        self.files = {
            name: info
            for info, name in ((info, decoded_name(info)) for info in listed)
            if not info.is_dir() and not _is_litter(name)
        }


@lru_cache(maxsize=2)  # a directory of 100,000 members is not parsed again for each of them
def _opened(path: str, stamp: tuple[int, int]) -> OpenedZip:
    return OpenedZip(_shown(path), path)


@lru_cache(maxsize=1)
def _opened_inner(path: str, stamp: tuple[int, int], member: str) -> OpenedZip:
    return OpenedZip(f"{_shown(path)}!{member}", io.BytesIO(read_member(path, member, MAX_INNER_BYTES)))


def _inner_members(path: str, shown: str, name: str, on_problem: Problem | None) -> Iterator[str]:
    item = f"{shown}!{name}"
    try:
        archive = _opened_inner(path, _stamp(path), name)
        _check_total(item, archive, sum(info.compress_size for info in archive.files.values()))
        inner = list(archive.files.items())
    except InputRejected as error:
        _tell(on_problem, error)
        return
    except _BROKEN as error:
        _tell(on_problem, InputRejected(item, "unreadable", f"broken zip archive: {type(error).__name__}"))
        return
    for member, info in inner:
        problem = _problem(f"{item}!{member}", member, info)
        if problem is None and member.lower().endswith(".zip"):
            problem = InputRejected(f"{item}!{member}", "archive_bomb", "a zip in a zip in a zip is not opened")
        if problem is not None:
            _tell(on_problem, problem)
        else:
            yield f"{name}!{member}"


def _check_total(item: str, archive: OpenedZip, packed_bytes: int) -> None:
    total = sum(info.file_size for info in archive.files.values())
    if total > MAX_TOTAL_BYTES or (total > MAX_FREE_BYTES and total > MAX_RATIO * max(1, packed_bytes)):
        raise InputRejected(item, "archive_bomb", f"{packed_bytes} bytes expand to {total}")


def _problem(item: str, name: str, info: zipfile.ZipInfo) -> InputRejected | None:
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or name.startswith(("/", "\\")) or (len(name) > 1 and name[1] == ":"):
        return InputRejected(item, "outside_source", "the name of the member leads out of the archive")
    if info.flag_bits & 0x1:
        return InputRejected(item, "unreadable", "encrypted; unpack it with its password first")
    if info.file_size > MAX_FREE_BYTES and info.file_size > MAX_RATIO * max(1, info.compress_size):
        return InputRejected(item, "archive_bomb", f"{info.compress_size} bytes expand to {info.file_size}")
    return None


def _is_litter(name: str) -> bool:
    last = name.rsplit("/", 1)[-1]
    return name.startswith("__MACOSX/") or last in _LITTER or last.startswith("._")


def _stamp(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def _shown(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _tell(on_problem: Problem | None, error: InputRejected) -> None:
    if on_problem is not None:
        on_problem(error)
