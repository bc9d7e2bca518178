"""What the contract does not cover: LMDB underneath, processes, damage, old formats, other disks."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import lmdb
import msgspec
import numpy as np
import pytest

from caseindex.errors import (
    ArchiveDamaged,
    ArchiveFormatTooNew,
    ArchiveLocked,
    ArchiveNotFound,
    StorageFull,
)
from caseindex.index.store import LmdbStore
from caseindex.index.store_format import CODECS, IMAGES, key, text_of
from caseindex.records import Image, ItemKind, Report, Study
from tests.contracts.record_store import unit_vectors


def image(number: int, **changed: Any) -> Image:
    return Image(
        **{"image_uid": f"1.{number}", "study_uid": "1", "file": f"{number}.png", "source": f"/{number}.png", **changed}
    )


@pytest.fixture
def store(tmp_path: Path) -> Any:
    opened = LmdbStore(tmp_path / "cases.lmdb")
    yield opened
    opened.close()


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


def test_ids_are_never_given_again(store: LmdbStore) -> None:
    store.put(images=[image(1), image(2)])
    store.remove(image_uid="1.2")
    store.compact()
    store.put(images=[image(2), image(3)])
    with store.read() as reader:
        assert [reader.item_id(ItemKind.IMAGE, f"1.{n}") for n in (1, 2, 3)] == [1, 3, 4]
        assert reader.item_uid(ItemKind.IMAGE, 2) is None


def test_the_map_grows_by_itself(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "cases.lmdb", map_size=1 << 20)
    vectors = unit_vectors(4000, 512, 0)
    store.put(images=[image(number) for number in range(4000)])
    store.put_embeddings("m", ItemKind.IMAGE, [f"1.{n}" for n in range(4000)], vectors)
    with store.read() as reader:
        assert np.array_equal(reader.embeddings_of("m", ItemKind.IMAGE, np.arange(1, 4001)), vectors)
    assert (store.path / "data.mdb").stat().st_size > 1 << 23
    store.close()


def test_a_reader_of_another_process_follows_a_grown_map_and_a_swap(tmp_path: Path) -> None:
    path = tmp_path / "cases.lmdb"
    store = LmdbStore(path, map_size=1 << 20)
    store.put(images=[image(1)])
    code = """
import sys
from pathlib import Path
from caseindex.index.store import LmdbStore
store = LmdbStore(Path(sys.argv[1]), map_size=1 << 20)
for line in sys.stdin:
    with store.read() as reader:
        print(reader.counts().images, flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None

        def asked() -> int:
            child.stdin.write("\n")
            child.stdin.flush()
            return int(child.stdout.readline())

        assert asked() == 1
        store.put(images=[image(number, attributes={"x": "y" * 500}) for number in range(2, 20_001)])
        assert asked() == 20_000
        store.remove(image_uid="1.7")
        store.compact()
        assert asked() == 19_999
        store.put(images=[image(7)])  # by the writer that swapped
        assert asked() == 20_000
        child.stdin.close()
    store.close()


def test_a_writer_of_another_process_writes_into_the_swapped_store(tmp_path: Path) -> None:
    path = tmp_path / "cases.lmdb"
    store = LmdbStore(path)
    store.put(images=[image(1), image(2)])
    code = """
import sys
from pathlib import Path
from caseindex.index.store import LmdbStore
store = LmdbStore(Path(sys.argv[1]))
store.remove(image_uid="1.1")
store.compact()
"""
    done = run_python(code, path)
    assert done.returncode == 0, done.stderr
    store.put(images=[image(3)])
    with LmdbStore(path).read() as reader:
        assert [one.image_uid for one in reader.images()] == ["1.2", "1.3"]


def test_a_snapshot_outlives_a_compaction(store: LmdbStore) -> None:
    store.put(images=[image(1), image(2)])
    with store.read() as before:
        store.remove(image_uid="1.1")
        store.compact()
        assert [one.image_uid for one in before.images()] == ["1.1", "1.2"]
        with store.read() as after:
            assert [one.image_uid for one in after.images()] == ["1.2"]


def test_a_second_writer_is_told_who_writes(store: LmdbStore) -> None:
    code = """
import sys
from pathlib import Path
from caseindex.errors import ArchiveLocked
from caseindex.index.store import LmdbStore
from caseindex.records import Study
try:
    LmdbStore(Path(sys.argv[1]), lock_timeout_s=0.1).put(studies=[Study(study_uid="1")])
except ArchiveLocked as error:
    print(error)
"""
    with store.writing():
        done = run_python(code, store.path)
    assert f"process {os.getpid()} is writing" in done.stdout, done.stderr
    store.put(studies=[Study(study_uid="2")])


def test_a_writer_that_was_killed_leaves_no_lock(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from caseindex.index.store import LmdbStore
store = LmdbStore(Path(sys.argv[1]))
with store.writing():
    os.kill(os.getpid(), 9)
"""
    assert run_python(code, tmp_path / "cases.lmdb").returncode == -9
    LmdbStore(tmp_path / "cases.lmdb", lock_timeout_s=1).put(studies=[Study(study_uid="1")])


def test_it_works_after_fork_and_from_threads(store: LmdbStore) -> None:
    store.put(images=[image(1)])
    context = multiprocessing.get_context("fork")
    answers = context.Queue()

    def child() -> None:
        store.put(images=[image(2)])
        with store.read() as reader:
            answers.put(reader.counts().images)

    process = context.Process(target=child)
    process.start()
    assert answers.get(timeout=30) == 2
    process.join(30)
    with store.read() as reader:
        assert reader.counts().images == 2
    threads = [threading.Thread(target=lambda n=n: store.put(images=[image(n)])) for n in range(10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as reader:
        assert sorted(number for number, _ in reader.items(ItemKind.IMAGE)) == list(range(1, 13))


def test_two_stores_of_one_path_in_one_process(tmp_path: Path) -> None:
    one, two = LmdbStore(tmp_path / "cases.lmdb"), LmdbStore(tmp_path / "cases.lmdb")
    one.put(studies=[Study(study_uid="1")])
    one.close()
    with two.read() as reader:
        assert reader.counts().studies == 1
    two.close()
    with pytest.raises(ValueError, match="closed"), two.read():
        pass


def test_growing_while_this_thread_reads_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "cases.lmdb", map_size=1 << 20)
    many = [image(number, attributes={"x": "y" * 500}) for number in range(5000)]
    with store.read() as reader:
        with pytest.raises(ArchiveLocked, match="grow"):
            store.put(images=many)
        assert reader.counts().images == 0
    store.put(images=many)


def test_readonly(tmp_path: Path) -> None:
    with pytest.raises(ArchiveNotFound):
        LmdbStore(tmp_path / "cases.lmdb", readonly=True)
    LmdbStore(tmp_path / "cases.lmdb").put(studies=[Study(study_uid="1")])
    store = LmdbStore(tmp_path / "cases.lmdb", readonly=True)
    with pytest.raises(StorageFull):
        store.put(studies=[Study(study_uid="2")])
    with store.read() as reader:
        assert reader.study("2") is None
        assert reader.study("1") is not None


def test_a_folder_without_permission_is_read_without_locks(tmp_path: Path) -> None:
    LmdbStore(tmp_path / "cases.lmdb").put(studies=[Study(study_uid="1")])
    code = """
import os, sys
from pathlib import Path
from caseindex.errors import StorageFull
from caseindex.index.store import LmdbStore
from caseindex.records import Study
if os.getuid() == 0:
    os.access = lambda *_: False  # root may write anywhere
store = LmdbStore(Path(sys.argv[1]))
with store.read() as reader:
    print(reader.counts().studies)
try:
    store.put(studies=[Study(study_uid="2")])
except StorageFull as error:
    print(error)
"""
    for file in (tmp_path / "cases.lmdb").iterdir():
        file.chmod(0o444)
    (tmp_path / "cases.lmdb").chmod(0o555)
    done = run_python(code, tmp_path / "cases.lmdb")
    (tmp_path / "cases.lmdb").chmod(0o755)
    assert done.stdout.startswith("1\n"), done.stderr
    assert "read-only" in done.stdout


def test_vectors_that_are_not_finite_or_of_another_shape_are_refused(store: LmdbStore) -> None:
    store.put(images=[image(1)])
    for wrong in (np.full((1, 4), np.nan), np.ones((2, 4)), np.ones(4), np.ones((1, 0))):
        with pytest.raises(ValueError, match=r"finite|shape"):
            store.put_embeddings("m", ItemKind.IMAGE, ["1.1"], wrong.astype(np.float32))


def _rewrite(store: LmdbStore, database: str, raw_key: bytes, value: bytes) -> None:
    store.change(lambda transaction, dbs: transaction.put(raw_key, value, db=dbs[database]))


@pytest.mark.parametrize("position", [0, 1, 7, 20, -1])
def test_a_flipped_bit_of_a_record_is_an_error(store: LmdbStore, position: int) -> None:
    store.put(images=[image(1)])
    packed = bytearray(IMAGES.pack(key("1.1"), image(1), 1))
    packed[position] ^= 4
    _rewrite(store, "images", key("1.1"), bytes(packed))
    with store.read() as reader, pytest.raises(ArchiveDamaged):
        reader.image("1.1")


def test_a_newer_format_is_refused_and_an_older_one_migrated(tmp_path: Path) -> None:
    path = tmp_path / "cases.lmdb"
    store = LmdbStore(path)
    expected = (
        image(1, file="снимок\udcff.png", labels=("a",)),
        Report(report_uid="r", study_uid="1", text="т", file="f"),
    )
    store.put(images=[expected[0], image(2)], studies=[Study(study_uid="1", patient_id="p")], reports=[expected[1]])
    store.put_embeddings("m", ItemKind.IMAGE, ["1.1"], unit_vectors(1, 4, 0))

    def to_format_0(transaction: Any, dbs: dict[str, Any]) -> None:
        for name in CODECS:  # id u64 | msgpack, without checksum
            for raw_key, value in [(bytes(k), bytes(v)) for k, v in transaction.cursor(dbs[name])]:
                record, item_id = CODECS[name].unpack(raw_key, value)
                fields = msgspec.to_builtins(record)
                if name == "images":
                    fields["file"] = "plain.png"  # format 0 had no escape for names that are not text
                transaction.put(raw_key, item_id.to_bytes(8, "little") + msgspec.msgpack.encode(fields), db=dbs[name])
        for name in ("image_ids", "report_ids"):
            for raw_key, value in [(bytes(k), bytes(v)) for k, v in transaction.cursor(dbs[name])]:
                transaction.put(raw_key, value[4:], db=dbs[name])
        transaction.put(b"format", (0).to_bytes(8, "little"), db=dbs["meta"])

    store.change(to_format_0)
    store.close()
    store = LmdbStore(path)
    with store.read() as reader:
        found = reader.image("1.1")
        assert found is not None
        assert (found.file, found.labels, reader.report("r")) == ("plain.png", ("a",), expected[1])
        assert list(reader.items(ItemKind.IMAGE)) == [(1, "1.1"), (2, "1.2")]
        assert reader.has_embedding("m", ItemKind.IMAGE, "1.1")
    _rewrite(store, "meta", b"format", (99).to_bytes(8, "little"))
    store.close()
    with pytest.raises(ArchiveFormatTooNew, match="99"):
        LmdbStore(path)


def test_files_that_are_not_ours_are_named(tmp_path: Path) -> None:
    (tmp_path / "cases.lmdb").mkdir()
    (tmp_path / "cases.lmdb" / "data.mdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(ArchiveDamaged):
        LmdbStore(tmp_path / "cases.lmdb")
    other = lmdb.open(str(tmp_path / "other"), max_dbs=2)
    with other.begin(write=True) as transaction:
        transaction.put(b"x", b"y", db=other.open_db(b"meta", txn=transaction))
    other.close()
    with pytest.raises(ArchiveDamaged, match="format"):
        LmdbStore(tmp_path / "other")


def test_an_unfinished_swap_is_undone_or_finished(tmp_path: Path) -> None:
    path = tmp_path / "cases.lmdb"
    store = LmdbStore(path)
    store.put(studies=[Study(study_uid="1")])
    store.close()
    (tmp_path / "cases.lmdb.new").mkdir()
    (tmp_path / "cases.lmdb.new" / "data.mdb").write_bytes(b"half")
    LmdbStore(path).close()
    assert not (tmp_path / "cases.lmdb.new").exists()
    path.rename(tmp_path / "cases.lmdb.old")  # killed between the two renames of a file system without an exchange
    store = LmdbStore(path)
    with store.read() as reader:
        assert reader.study("1") is not None


def test_keys_keep_the_order_of_uids_and_give_them_back() -> None:
    uids = ["", "1", "1.10", "1.2", "a" * 439, "b" * 500, "\u4e2d", "\ud800", "\uffff", "\U00010000"]
    assert [key(uid) for uid in sorted(uids)] == sorted(key(uid) for uid in uids)
    assert all(len(key(uid * 9)) <= 511 for uid in uids)
    assert all(text_of(key(uid)) in (uid, None) for uid in uids)
    assert text_of(key("b" * 500)) is None


def test_an_image_of_another_patient_keeps_its_place_in_a_bare_study(store: LmdbStore) -> None:
    store.put(
        images=[image(1, patient_id="a"), image(2, patient_id="b"), image(3)],
        studies=[Study(study_uid="1", patient_id="a", accession_number="A", description="d", date="2024-01-01")],
    )
    gone = store.remove(patient_id="a")
    assert (gone.patients, gone.studies, gone.images) == (1, 0, 2)
    with store.read() as reader:
        assert [one.image_uid for one in reader.images()] == ["1.2"]
        assert reader.study("1") == Study(study_uid="1", date="2024-01-01")
        assert list(reader.patients()) == ["b"]


def test_a_zero_vector_is_refused_before_anything_is_written(store: LmdbStore) -> None:
    store.put(images=[image(1), image(2)])
    vectors = np.array([[1, 0], [0, 0]], np.float32)
    with pytest.raises(ValueError, match="embedding 1 of 2 is all zeros"):
        store.put_embeddings("m", ItemKind.IMAGE, ["1.1", "1.2"], vectors)
    with store.read() as reader:
        assert not reader.has_embedding("m", ItemKind.IMAGE, "1.1")


def test_embeddings_are_no_change_of_the_records(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "cases.lmdb")

    def generations() -> tuple[int, int]:
        with store.read() as reader:
            return reader.records_generation(), reader.generation()

    store.put(images=[image(1)])
    assert generations() == (1, 1)
    store.put_embeddings("m", ItemKind.IMAGE, ["1.1"], np.ones((1, 2), np.float32))
    store.name_model("m", "name")
    assert generations() == (1, 3)
    store.compact()
    store.remove(image_uid="1.1")
    assert generations() == (4, 4)
    store.put_embeddings("m", ItemKind.IMAGE, [], np.empty((0, 2), np.float32))
    assert generations() == (4, 4)
