"""The index of an archive: follows the truth, survives damage and kills, never answers wrongly."""

from __future__ import annotations

import errno
import logging
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from caseindex.errors import IndexDamaged, IndexMismatch, SettingsError
from caseindex.index.atomic import _HOST
from caseindex.index.search_index import index_folders, open_index
from caseindex.index.store import LmdbStore
from caseindex.index.vectors import versions
from caseindex.index.vectors.catalogue import BACKENDS
from caseindex.index.vectors.flat import FlatIndex
from caseindex.index.vectors.manifest import MANIFEST, Source
from caseindex.records import Image, ItemKind
from caseindex.settings import Index, Settings
from tests.contracts.vector_index import brute_force, clustered

MODEL = "a1b2c3d4e5f6a7b8"
DIM = 12


class Opened(SimpleNamespace):
    """A store with embeddings, and the vectors it should hold."""

    def put(self, count: int, seed: int, model: str = MODEL) -> None:
        first = len(self.uids)
        uids = [f"i{first + at}" for at in range(count)]
        vectors = clustered(count, DIM, seed)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        self.store.put(images=[Image(image_uid=uid, study_uid="s", file=uid, source=uid) for uid in uids])
        self.store.put_embeddings(model, ItemKind.IMAGE, uids, vectors)
        with self.store.read() as reader:
            for uid, vector in zip(uids, vectors, strict=True):
                self.held[reader.item_id(ItemKind.IMAGE, uid)] = vector
        self.uids += uids

    def take(self, uid: str) -> int:
        with self.store.read() as reader:
            number = reader.item_id(ItemKind.IMAGE, uid)
        self.store.remove(image_uid=uid)
        del self.held[number]
        return int(number)

    def open(self, backend: str = "flat") -> Any:
        return open_index(self, MODEL, ItemKind.IMAGE, DIM, backend)

    def check(self, index: Any, k: int = 5) -> None:
        assert len(index) == len(self.held)
        queries = clustered(6, DIM, 77)
        answer = index.search(queries, k)
        ids, similarities = brute_force(self.held, queries, k)
        np.testing.assert_array_equal(answer.ids, ids)
        np.testing.assert_array_equal(answer.similarities, similarities)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Opened]:
    store = LmdbStore(tmp_path / "cases.lmdb")
    yield Opened(path=tmp_path, store=store, indexes_dir=tmp_path / "indexes", uids=[], held={}, settings=Settings())
    store.close()


@pytest.mark.parametrize("backend", list(BACKENDS))
def test_follows_the_truth(archive: Opened, backend: str) -> None:
    archive.check(archive.open(backend))  # nothing there yet
    archive.put(300, 1)
    archive.check(archive.open(backend))
    archive.put(40, 2)
    archive.check(archive.open(backend))
    for number in range(0, 200, 2):
        archive.take(f"i{number}")
    archive.check(archive.open(backend))
    archive.check(archive.open(backend))
    for number in range(200, 340):
        archive.take(f"i{number}")
    for number in range(1, 200, 2):
        archive.take(f"i{number}")
    archive.check(archive.open(backend))


def test_a_refresh_writes_only_what_is_new(archive: Opened) -> None:
    archive.put(5000, 1)
    archive.open()
    before = {path.name: path.stat().st_ino for path in archive.indexes_dir.rglob("vectors-*.f32")}
    archive.put(10, 2)
    archive.check(archive.open())
    after = {path.name: path.stat().st_ino for path in archive.indexes_dir.rglob("vectors-*.f32")}
    assert len(after) == 2
    assert after["vectors-000.f32"] == before["vectors-000.f32"]
    for seed in range(3, 12):
        archive.put(10, seed)
        archive.check(archive.open())
    assert len(list(archive.indexes_dir.rglob("vectors-*.f32"))) <= 5
    assert len([path for path in index_folders(archive)[0].folder.iterdir() if path.is_dir()]) == 1  # type: ignore[arg-type]


def test_what_a_killed_writer_left_goes_with_the_next_write(archive: Opened) -> None:
    archive.put(50, 1)
    archive.open()
    left = index_folders(archive)[0].folder / f".CURRENT.{_HOST}.{2**22 + 1}.tmp"  # type: ignore[arg-type]
    left.write_bytes(b"half of it")
    archive.put(10, 2)
    archive.check(archive.open())
    assert not left.exists()


def test_nothing_is_written_when_nothing_changed(archive: Opened) -> None:
    archive.put(50, 1)
    archive.open()
    before = {path: path.stat().st_mtime_ns for path in archive.indexes_dir.rglob("*")}
    archive.check(archive.open())
    assert {path: path.stat().st_mtime_ns for path in archive.indexes_dir.rglob("*")} == before


def test_what_was_removed_is_not_in_the_files(archive: Opened) -> None:
    archive.put(300, 1)
    for backend in ("flat", "ivf-sq"):
        archive.open(backend)
    raw = archive.held[1].tobytes()

    def files_with(needle: bytes) -> list[Path]:
        return [path for path in archive.indexes_dir.rglob("*") if path.is_file() and needle in path.read_bytes()]

    assert files_with(raw)
    archive.take("i0")
    archive.check(archive.open("flat"))
    assert not files_with(raw)


def test_another_dimension_or_backend(archive: Opened) -> None:
    archive.put(30, 1)
    for _ in range(2):  # built, and opened
        with pytest.raises(IndexMismatch, match="embed"):
            open_index(archive, MODEL, ItemKind.IMAGE, DIM + 1, "flat")  # type: ignore[arg-type]
        archive.open()
    with pytest.raises(SettingsError, match="flat, ivf-sq, ivf-pq, hnsw"):
        archive.open("annoy")


def test_two_models_have_two_indexes(archive: Opened) -> None:
    archive.put(30, 1)
    archive.open()
    archive.store.put_embeddings("other", ItemKind.IMAGE, archive.uids[:3], np.eye(3, 7, dtype=np.float32))
    other = open_index(archive, "other", ItemKind.IMAGE, 7)  # type: ignore[arg-type]
    assert len(other) == 3
    archive.check(archive.open())
    one, two = (path.folder for path in index_folders(archive))  # type: ignore[arg-type]
    version = versions.Versions(one).current()
    assert version is not None
    with pytest.raises(IndexMismatch, match="encoder"):
        FlatIndex.open(one / version.version, source=Source("wrong", "image"))
    # The folder of one model put in place of the other's: built again, not used.
    shutil.rmtree(two)
    shutil.copytree(one, two)
    archive.check(archive.open())
    assert len(open_index(archive, "other", ItemKind.IMAGE, 7)) == 3  # type: ignore[arg-type]


def test_auto_by_size(archive: Opened) -> None:
    archive.settings = Settings(index=Index(exact_up_to=100))
    archive.put(90, 1)
    assert archive.open("auto").backend == "flat"
    archive.put(30, 2)
    index = archive.open("auto")
    assert index.backend == "ivf-sq"
    archive.check(index)
    assert [path.folder.name.split("-")[-2:] for path in index_folders(archive)] == [["ivf", "sq"]]  # type: ignore[arg-type]
    archive.settings = Settings(index=Index(backend="hnsw"))
    assert archive.open("auto").backend == "hnsw"
    assert archive.open("flat").backend == "flat"


@pytest.mark.parametrize("backend", list(BACKENDS))
def test_damaged_files_are_built_again(archive: Opened, backend: str, caplog: pytest.LogCaptureFixture) -> None:
    """A short run of benchmarks/index/damage.py."""
    archive.put(400, 1)
    archive.open(backend)
    rng = np.random.default_rng(5)
    for _ in range(30):
        files = sorted(path for path in archive.indexes_dir.rglob("*") if path.is_file() and path.name != ".lock")
        damage(files, rng)
        archive.check(archive.open(backend))
    assert "Building it again" in caplog.text
    assert not any("i1" in record.getMessage() for record in caplog.records)


def damage(files: list[Path], rng: np.random.Generator) -> str:
    """Breaks one of the files in a random way; says how."""
    path = files[int(rng.integers(len(files)))]
    data = bytearray(path.read_bytes())
    how = ["truncated", "flipped", "empty", "exchanged", "missing", "zeroed", "longer"][int(rng.integers(7))]
    if how == "truncated":
        data = data[: int(rng.integers(len(data) + 1))]
    elif how == "flipped" and data:
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    elif how == "empty":
        data = bytearray()
    elif how == "exchanged":
        data = bytearray(files[int(rng.integers(len(files)))].read_bytes())
    elif how == "zeroed" and data:
        start = int(rng.integers(len(data)))
        data[start : start + 512] = bytes(len(data[start : start + 512]))
    elif how == "longer":
        data += b"more"
    path.unlink()
    if how != "missing":
        path.write_bytes(data)
    return how


def test_a_disk_that_cannot_be_written(
    archive: Opened, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    archive.put(300, 1)
    archive.open("flat")

    def refused(self: Any, generation: int, fill: Any) -> Any:
        raise versions._unwritable(self.folder, OSError(errno.EROFS, "Read-only file system"))

    monkeypatch.setattr(versions.Versions, "write", refused)
    archive.put(20, 2)
    archive.take("i3")
    for backend in BACKENDS:
        with caplog.at_level(logging.WARNING):
            caplog.clear()
            archive.check(archive.open(backend))
            assert "read-only" in caplog.text


def test_damage_without_an_archive_is_an_error(tmp_path: Path) -> None:
    index = FlatIndex(3)
    index.add(np.arange(5), np.eye(5, 3, dtype=np.float32) + 0.5)
    index.save(tmp_path / "v")
    path = tmp_path / "v" / "vectors-000.f32"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IndexDamaged, match="bytes instead of"):
        FlatIndex.open(tmp_path / "v")
    (tmp_path / "v" / MANIFEST).write_text("{}")
    with pytest.raises(IndexDamaged, match="manifest"):
        FlatIndex.open(tmp_path / "v")


def _open_in_another_process(path: str, backend: str, found: Any) -> None:
    store = LmdbStore(Path(path) / "cases.lmdb")
    archive: Any = SimpleNamespace(
        path=Path(path), store=store, indexes_dir=Path(path) / "indexes", settings=Settings()
    )
    index = open_index(archive, MODEL, ItemKind.IMAGE, DIM, backend)
    found.put((len(index), index.search(clustered(3, DIM, 77), 5).ids.tolist()))
    store.close()


@pytest.mark.parametrize("backend", ["flat", "ivf-sq"])
def test_processes_that_open_at_the_same_time(archive: Opened, backend: str) -> None:
    archive.put(500, 1)
    expected = brute_force(archive.held, clustered(3, DIM, 77), 5)[0].tolist()
    context = multiprocessing.get_context("fork")
    found = context.Queue()
    workers = [
        context.Process(target=_open_in_another_process, args=(str(archive.path), backend, found)) for _ in range(6)
    ]
    for worker in workers:
        worker.start()
    answers = [found.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert answers == [(500, expected)] * 6
    folder = index_folders(archive)[0].folder  # type: ignore[arg-type]
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 1  # built once, the others waited


def test_killed_at_random_moments(archive: Opened) -> None:
    """Whatever moment the builder dies at, the next opening answers from a whole index."""
    rng = np.random.default_rng(6)
    archive.put(3000, 1)
    for turn in range(12):
        archive.put(5, 100 + turn)
        child = os.fork()
        if child == 0:
            try:
                store = LmdbStore(archive.path / "cases.lmdb")
                inner: Any = SimpleNamespace(
                    path=archive.path, store=store, indexes_dir=archive.indexes_dir, settings=Settings()
                )
                open_index(inner, MODEL, ItemKind.IMAGE, DIM, "flat")
            finally:
                os._exit(0)
        time.sleep(float(rng.uniform(0, 0.03)))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        archive.check(archive.open())
    archive.put(1, 99)
    archive.check(archive.open())
    folder = index_folders(archive)[0].folder  # type: ignore[arg-type]
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 1  # what the killed ones left is gone


def test_a_failing_write_at_every_place(archive: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """The n-th fsync or rename fails, for every n: the answer is right, and the next opening finds a whole index."""
    archive.put(200, 1)
    archive.open()
    real = {"fsync": os.fsync, "replace": os.replace}
    calls = 0
    fail_at = 1
    while True:
        archive.put(3, 500 + fail_at)
        calls = 0

        def failing(name: str) -> Any:
            def call(*arguments: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls == fail_at:  # noqa: B023 - meant to change
                    raise OSError(errno.EIO, "Input/output error")
                return real[name](*arguments)

            return call

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", failing("fsync"))
            patched.setattr(os, "replace", failing("replace"))
            archive.check(archive.open())
        archive.check(archive.open())
        if calls < fail_at:
            break
        fail_at += 1
    assert fail_at > 6
