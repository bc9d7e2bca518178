"""`rejected.jsonl`: every input that was not taken in, once, with a reason that a program can read.

A line stands there from the moment of the rejection. When a run has finished, the lines of inputs that it saw again
and did not reject again are gone; those of inputs that it did not see stay. What never became an input (a row that names
no file, a broken link) is seen again with the whole source or table that it was found in.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

from caseindex.errors import REJECTION_REASONS, CaseindexError, StorageFull
from caseindex.ingest.keyset import KeySet

_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG}


class Rejections:
    """Appends to the file; a context manager. ``counts``: how many of this run, by reason."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        self._known = KeySet()  # lines in the file
        self._seen = KeySet()  # inputs of this run, where an earlier one left lines that may no longer hold
        self._walked: set[str] = set()
        self._now = KeySet()  # lines of this run
        with _storage(path):
            for line in self._lines():
                self._known.add(line)
            self._has_old_lines = len(self._known) > 0
            self._drop_torn_line()
            self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115

    def __enter__(self) -> Rejections:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def seen(self, file: str, source: str) -> None:
        """An input of this run, whatever becomes of it."""
        if self._has_old_lines:
            self._seen.add(file, source)

    def walked(self, source: str) -> None:
        """A source or table that this run went through to its end."""
        self._walked.add(source)

    def add(self, file: str, code: str, detail: str, source: str) -> None:
        """``file``: as the user gave it; ``source``: the locator, or the source or table that it was found in."""
        if code not in REJECTION_REASONS:
            raise ValueError(f"unknown rejection reason {code!r}")
        self.counts[code] += 1
        self.seen(file, source)
        entry = {"file": file, "reason": code, "detail": detail or REJECTION_REASONS[code], "source": source}
        line = json.dumps(entry, ensure_ascii=False)
        self._now.add(line)
        if line not in self._known:
            self._known.add(line)
            with _storage(self.path):
                self._file.write(line + "\n")
                self._file.flush()

    def finish(self) -> None:
        """Takes out what no longer holds. Atomic: a kill leaves the old file or the new one."""
        with _storage(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            kept = KeySet()
            beside = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
            dropped = False
            try:
                with open(beside, "w", encoding="utf-8") as file:
                    for line in self._lines():
                        if line in kept or (line not in self._now and self._was_seen(line)):
                            dropped = True
                        else:
                            kept.add(line)
                            file.write(line + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                if dropped:
                    os.replace(beside, self.path)
            finally:
                beside.unlink(missing_ok=True)

    def _was_seen(self, line: str) -> bool:
        try:
            entry = json.loads(line)
            file, source = str(entry["file"]), str(entry.get("source", ""))
            return source in self._walked or (file, source) in self._seen
        except (ValueError, KeyError, TypeError):
            return False  # not ours: left as it is

    def _lines(self) -> Iterator[str]:
        with contextlib.suppress(FileNotFoundError), open(self.path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.endswith("\n") and line.strip():
                    yield line.rstrip("\n")

    def _drop_torn_line(self) -> None:
        """A kill in the middle of a write leaves a line without its end; its input comes again."""
        if not self.path.exists():
            return
        with open(self.path, "rb+") as file:
            size = file.seek(0, os.SEEK_END)
            while size > 0:
                step = min(size, 4096)
                file.seek(size - step)
                at = file.read(step).rfind(b"\n")
                if at >= 0:
                    file.truncate(size - step + at + 1)
                    return
                size -= step
            file.truncate(0)


@contextlib.contextmanager
def _storage(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _FULL:
            raise StorageFull(path, reason, "Free space or give write permission, then run the same command") from error
        raise CaseindexError(path, reason, "Make the archive folder writable, then run the same command") from error
