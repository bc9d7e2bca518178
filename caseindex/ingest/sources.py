"""Where bytes come from: files of a tree and members of zip archives, named by one string, the locator.

A locator is an absolute path, or ``/path/to/archive.zip!folder/member`` (and, for a zip inside a zip,
``/outer.zip!inner.zip!member``). It is valid Unicode whatever the names on disk are made of: a byte that is not UTF-8
is written ``\\xNN``, and read back so where no file of the literal name exists.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Final

from caseindex.errors import InputRejected
from caseindex.ingest import zip_members

#: What operating systems leave behind; never an input.
LITTER: Final = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX"})
_OF_AN_ARCHIVE: Final = frozenset({"archive.toml", "cases.lmdb"})
_ESCAPED: Final = re.compile(r"\\x([89a-f][0-9a-f])")

Problem = Callable[[InputRejected], None]


def to_text(path: str | Path) -> str:
    """A path as valid Unicode: bytes that are not UTF-8 become ``\\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def to_path(text: str) -> str:
    """The inverse of :func:`to_text`, for the operating system."""
    if not os.path.lexists(text) and _ESCAPED.search(text):
        raw = _ESCAPED.sub(lambda found: chr(0xDC00 + int(found[1], 16)), text)
        if os.path.lexists(raw):
            return raw
    return text


def split_locator(locator: str) -> tuple[str, str | None]:
    """(path of a file, member in it or ``None``); the shortest prefix that is a file wins."""
    path = to_path(locator)
    if "!" not in locator or os.path.lexists(path):
        return path, None
    at = locator.find("!")
    while at > 0:
        path = to_path(locator[:at])
        if os.path.isfile(path):
            return path, locator[at + 1 :]
        at = locator.find("!", at + 1)
    return to_path(locator), None


def read_bytes(locator: str, max_bytes: int) -> bytes:
    """The whole content.

    Raises :class:`~caseindex.errors.InputRejected`: ``missing_file``, ``unreadable``, ``empty_file``, ``too_large``,
    ``archive_bomb``.
    """
    path, member = split_locator(locator)
    if member is not None:
        data = zip_members.read_member(path, member, max_bytes)
    else:
        try:
            with open(path, "rb", buffering=0, opener=_nonblocking) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise InputRejected(locator, "unreadable", "not a regular file")
                if status.st_size > max_bytes:
                    raise InputRejected(locator, "too_large", f"{status.st_size} bytes, the limit is {max_bytes}")
                data = file.read(status.st_size + 1)  # not max_bytes: Python allocates what is asked for
                while 0 < len(data) < status.st_size and (more := file.read(status.st_size + 1 - len(data))):
                    data += more  # one call of the system gives 2 GB at most
        except FileNotFoundError as error:
            raise InputRejected(locator, "missing_file", "no such file") from error
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            raise InputRejected(locator, "unreadable", _reason(error)) from error
        if len(data) > status.st_size:
            raise InputRejected(locator, "unreadable", "it grew while it was read")
    if not data:
        raise InputRejected(locator, "empty_file", "no bytes")
    return data


def file_stamp(locator: str) -> str:
    """Size and times of change of the file behind a locator, as a string; empty where it cannot be told. The time of
    the last change of status is part of it, so that a rewritten file with a restored date is not taken for the old."""
    path, _ = split_locator(locator)
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return ""
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"


def exists(locator: str) -> bool:
    """Whether the locator leads to something now."""
    path, member = split_locator(locator)
    return os.path.isfile(path) and (member is None or zip_members.has_member(path, member))


def walk(root: str | Path, on_problem: Problem | None = None) -> Iterator[str]:
    """The locators of all files under ``root`` (a folder, a file or a zip archive), in the order of their names,
    with the members of zip archives in the place of the archive. Nothing is held but one folder's names.

    Archives of caseindex are passed over: their thumbnails are no inputs. Links are followed inside ``root``, each folder once; what leads out of it, cannot be listed or is no regular file
    goes to ``on_problem``. Hidden folders and the litter of operating systems are passed over.
    """
    top = os.path.abspath(root)
    if os.path.isdir(top):
        for folder, names in walk_folders(top, on_problem):
            for name in names:
                yield from expand(os.path.join(folder, name), on_problem)
    else:
        yield from expand(top, on_problem)


def expand(path: str, on_problem: Problem | None = None) -> Iterator[str]:
    """The locator of a file, or, for a zip archive, those of its members."""
    if zip_members.is_zip(path):
        prefix = to_text(path)
        for member in zip_members.members(path, on_problem):
            yield f"{prefix}!{member}"
    else:
        yield to_text(path)


def walk_folders(top: str, on_problem: Problem | None = None) -> Generator[tuple[str, list[str]], bool | None, None]:
    """(folder, sorted names of its files) of a tree, top down in the order of the names. A caller may stop the
    descent into a folder with ``generator.send(True)`` after it was yielded."""
    real_top = os.path.realpath(top)
    seen: set[tuple[int, int]] = set()
    stack = [top]
    while stack:
        folder = stack.pop()
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                continue  # a loop, or a second way to the same folder
            if os.path.islink(folder):
                seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            _report(on_problem, folder, "unreadable", f"folder: {_reason(error)}")
            continue
        if {entry.name for entry in entries} >= _OF_AN_ARCHIVE:
            continue
        names: list[str] = []
        folders: list[str] = []
        for entry in entries:
            if entry.name in LITTER or entry.name.startswith("._"):
                continue
            if entry.is_symlink() and not _inside(entry.path, real_top):
                _report(on_problem, entry.path, "outside_source", "a link that leads out of the source")
            elif _is(entry, "dir"):
                if not entry.name.startswith("."):
                    if entry.is_symlink() and _is_ancestor(entry.path, folder):
                        continue
                    folders.append(entry.path)
            elif _is(entry, "file"):
                names.append(entry.name)
            elif entry.is_symlink():
                _report(on_problem, entry.path, "unreadable", "a link to nothing")
            else:
                _report(on_problem, entry.path, "unreadable", "not a regular file")
        if (yield folder, names):
            continue
        stack.extend(reversed(folders))


def is_archive(folder: Path) -> bool:
    """Whether a folder is an archive of caseindex."""
    return all((folder / name).exists() for name in _OF_AN_ARCHIVE)


def is_inside(path: str | Path, root: str | Path) -> bool:
    """Whether ``path``, links followed, lies in the folder ``root``."""
    return _inside(str(path), os.path.realpath(root))


def _inside(path: str, real_root: str) -> bool:
    real = os.path.realpath(path)
    return real == real_root or real.startswith(real_root.rstrip(os.sep) + os.sep)


def _is_ancestor(link: str, folder: str) -> bool:
    real = os.path.realpath(link)
    here = os.path.realpath(folder)
    return here == real or here.startswith(real.rstrip(os.sep) + os.sep)


def _is(entry: os.DirEntry[str], kind: str) -> bool:
    try:
        return entry.is_dir() if kind == "dir" else entry.is_file()
    except OSError:
        return False


def _nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # opening a named pipe must not wait for its writer


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _report(on_problem: Problem | None, path: str, code: str, detail: str) -> None:
    if on_problem is not None:
        on_problem(InputRejected(to_text(path), code, detail))
