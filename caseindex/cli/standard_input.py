"""``-`` in the place of a file: the bytes of stdin."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from caseindex.errors import InputRejected, UsageError


@contextmanager
def given_file(given: str | Path) -> Iterator[Path]:
    """``given``, or, for ``-``, a file of its own with what stdin holds, which is gone afterwards. Nobody else can read
    it meanwhile.

    Raises :class:`~caseindex.errors.UsageError` where stdin is empty.
    """
    if str(given) != "-":
        yield Path(given)
        return
    data = sys.stdin.buffer.read()
    if not data:
        raise UsageError("stdin", "it is empty", "Pipe the file into it, or name it")
    with TemporaryDirectory(prefix="caseindex-") as folder:
        path = Path(folder) / "stdin"
        path.write_bytes(data)
        try:
            yield path
        except InputRejected as error:
            raise InputRejected("stdin", error.code, error.detail) from error
