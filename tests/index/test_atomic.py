from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from caseindex.errors import StorageFull
from caseindex.index.atomic import _HOST, write_file_atomically


def test_replaces_whole_files(tmp_path: Path) -> None:
    write_file_atomically(tmp_path / "a", b"1")
    write_file_atomically(tmp_path / "a", lambda file: file.write(b"22"))
    assert (tmp_path / "a").read_bytes() == b"22"
    assert os.listdir(tmp_path) == ["a"]


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    gone, alive = int(killed.stdout), os.getppid()
    for pid in (gone, alive):
        (tmp_path / f".a.{_HOST}.{pid}.tmp").write_bytes(b"half")
    (tmp_path / f".a.other1.{gone}.tmp").write_bytes(b"half")  # of another machine, which may be at it
    (tmp_path / f".b.{_HOST}.{gone}.tmp").write_bytes(b"half")
    write_file_atomically(tmp_path / "a", b"1")
    assert set(os.listdir(tmp_path)) == {
        "a",
        f".a.{_HOST}.{alive}.tmp",
        f".a.other1.{gone}.tmp",
        f".b.{_HOST}.{gone}.tmp",
    }


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_the_old_file_stays_when_the_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    write_file_atomically(tmp_path / "a", b"old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(StorageFull):
            write_file_atomically(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_an_error_of_the_content_leaves_nothing(tmp_path: Path) -> None:
    def content(file: IO[bytes]) -> None:
        file.write(b"half")
        raise KeyError("x")

    with pytest.raises(KeyError):
        write_file_atomically(tmp_path / "a", content)
    assert os.listdir(tmp_path) == []
