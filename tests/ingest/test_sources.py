"""Trees, zip archives and names as they come."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from caseindex.errors import InputRejected
from caseindex.ingest import sources, zip_members


def walked(root: Path) -> tuple[list[str], list[tuple[str, str]]]:
    problems: list[InputRejected] = []
    found = [os.path.relpath(locator, root) for locator in sources.walk(root, problems.append)]
    return found, [(os.path.relpath(problem.item, root), problem.code) for problem in problems]


def make(path: Path, data: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def zip_bytes(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_a_tree_in_the_order_of_names(tmp_path):
    for name in ("b/2", "b/1", "a", "c", "б/снимок.dcm", "病例/图像.dcm"):
        make(tmp_path / name)
    assert walked(tmp_path)[0] == ["a", "c", "b/1", "b/2", "б/снимок.dcm", "病例/图像.dcm"]


def test_litter_and_hidden_folders_are_passed_over(tmp_path):
    for name in (".DS_Store", "._a.dcm", "Thumbs.db", ".git/objects/1", "__MACOSX/a", "a.dcm"):
        make(tmp_path / name)
    assert walked(tmp_path) == (["a.dcm"], [])


def test_links_inside_once_loops_never_outside_reported(tmp_path):
    outside = make(tmp_path / "outside/secret")
    top = tmp_path / "top"
    make(top / "a/1")
    (top / "loop").symlink_to(top)
    (top / "a/up").symlink_to(top)
    (top / "link").symlink_to(top / "a/1")
    (top / "bad").symlink_to(outside)
    (top / "badfolder").symlink_to(outside.parent)
    (top / "gone").symlink_to(top / "nothing")
    found, problems = walked(top)
    assert found == ["link", "a/1"]
    assert sorted(problems) == [("bad", "outside_source"), ("badfolder", "outside_source"), ("gone", "unreadable")]


def test_a_pipe_does_not_stop_the_walk_or_the_reader(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    make(tmp_path / "z")
    assert walked(tmp_path) == (["z"], [("pipe", "unreadable")])
    with pytest.raises(InputRejected) as error:
        sources.read_bytes(str(tmp_path / "pipe"), 100)
    assert error.value.code == "unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_listed(tmp_path):
    make(tmp_path / "closed/a").parent.chmod(0)
    assert walked(tmp_path) == ([], [("closed", "unreadable")])
    (tmp_path / "closed").chmod(0o700)


def test_names_that_are_not_utf8_go_both_ways(tmp_path):
    raw = os.fsencode(tmp_path) + b"/" + "снимок.dcm".encode("cp1251")
    with open(raw, "wb") as file:
        file.write(b"pixels")
    (locator,) = sources.walk(tmp_path)
    locator.encode("utf-8")  # no lone surrogates
    assert sources.read_bytes(locator, 100) == b"pixels"
    assert sources.exists(locator)


@pytest.mark.parametrize(
    ("prepare", "limit", "code"),
    [
        (lambda path: None, 10, "missing_file"),
        (lambda path: path.write_bytes(b""), 10, "empty_file"),
        (lambda path: path.write_bytes(b"x" * 11), 10, "too_large"),
        (lambda path: path.mkdir(), 10, "unreadable"),
    ],
)
def test_reading_says_why_not(tmp_path, prepare, limit, code):
    path = tmp_path / "file"
    prepare(path)
    with pytest.raises(InputRejected) as error:
        sources.read_bytes(str(path), limit)
    assert error.value.code == code


def test_members_of_zip_archives_one_level_deep(tmp_path):
    inner = zip_bytes({"x/1.dcm": b"inner", "deeper.zip": zip_bytes({"2": b""})})
    path = make(tmp_path / "a!b.zip", zip_bytes({"k/1.dcm": b"one", "in.zip": inner, "__MACOSX/._1": b"-"}))
    problems: list[InputRejected] = []
    found = list(sources.walk(tmp_path, problems.append))
    assert found == [f"{path}!k/1.dcm", f"{path}!in.zip!x/1.dcm"]
    assert [sources.read_bytes(locator, 100) for locator in found] == [b"one", b"inner"]
    assert [problem.code for problem in problems] == ["archive_bomb"]
    assert all(map(sources.exists, found))
    assert not sources.exists(f"{path}!k/2.dcm")


def test_a_zip_without_its_name(tmp_path):
    path = make(tmp_path / "export", zip_bytes({"1": b"one"}))
    assert list(sources.walk(path)) == [f"{path}!1"]


@pytest.mark.parametrize(("name", "codec"), [("снимок/грудь.dcm", "cp866"), ("胸部/正位.dcm", "gb18030")])
def test_names_of_members_in_the_sets_of_their_systems(tmp_path, name, codec):
    stand_in = "n" * len(name.encode(codec))
    data = zip_bytes({stand_in: b"pixels"}).replace(stand_in.encode(), name.encode(codec))
    path = make(tmp_path / "a.zip", data)
    assert list(sources.walk(path)) == [f"{path}!{name}"]
    assert sources.read_bytes(f"{path}!{name}", 100) == b"pixels"


def test_hostile_members_are_reported_and_not_read(tmp_path):
    members = {"../out": b"x", "/etc/x": b"x", "C:\\x": b"x", "a/..\\b": b"x", "fine": b"x"}
    path = make(tmp_path / "a.zip", zip_bytes(members))
    problems: list[InputRejected] = []
    assert list(sources.walk(path, problems.append)) == [f"{path}!fine"]
    assert {problem.code for problem in problems} == {"outside_source"}
    assert len(problems) == 4


def test_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr(zip_members, "MAX_FREE_BYTES", 1 << 16)
    monkeypatch.setattr(zip_members, "MAX_RATIO", 100)
    path = make(tmp_path / "a.zip", zip_bytes({"zeros": bytes(1 << 20)}))
    problems: list[InputRejected] = []
    assert list(sources.walk(path, problems.append)) == []
    assert [problem.code for problem in problems] == ["archive_bomb"]
    with pytest.raises(InputRejected) as error:
        sources.read_bytes(f"{path}!zeros", 1 << 30)
    assert error.value.code == "archive_bomb"


def test_encrypted_and_broken_archives(tmp_path):
    data = bytearray(zip_bytes({"a": b"secret"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    locked = make(tmp_path / "locked.zip", bytes(data))
    torn = make(tmp_path / "torn.zip", zip_bytes({"a": os.urandom(1000)})[:500])
    problems: list[InputRejected] = []
    assert list(sources.walk(tmp_path, problems.append)) == []
    assert [(Path(problem.item.split("!")[0]), problem.code) for problem in problems] == [
        (locked, "unreadable"),
        (torn, "unreadable"),
    ]


def test_a_damaged_member_is_unreadable(tmp_path):
    data = bytearray(zip_bytes({"a": os.urandom(5000)}))
    data[2000] ^= 0xFF
    path = make(tmp_path / "a.zip", bytes(data))
    with pytest.raises(InputRejected) as error:
        sources.read_bytes(f"{path}!a", 10_000)
    assert error.value.code == "unreadable"


def test_the_stamp_notices_a_rewrite_with_the_old_time(tmp_path):
    path = make(tmp_path / "a", b"one")
    before, times = sources.file_stamp(str(path)), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    path.write_bytes(b"two")
    os.utime(path, ns=times)
    assert sources.file_stamp(str(path)) != before
    assert sources.file_stamp(str(tmp_path / "none")) == ""
