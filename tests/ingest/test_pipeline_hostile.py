"""Ingest as a whole: damaged, hostile and forbidden inputs cost themselves only, and a kill costs nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import ingest_tasks
import msgspec
from archive_place import Place, counts
from trees import dicom, manifest, picture, table

from caseindex.errors import CaseindexError
from caseindex.index.store import LmdbStore
from caseindex.settings import Limits


def test_rejections_stand_once_and_go_when_they_no_longer_hold(place, tmp_path):
    source = tmp_path / "s"
    picture(source / "good.png")
    (source / "empty.png").write_bytes(b"")
    (source / "text.bin").write_bytes(b"no picture at all")
    (source / "torn.png").write_bytes((source / "good.png").read_bytes()[:200])
    expected = {"empty_file": 1, "undecodable_pixels": 1, "unknown_format": 1}
    assert counts(place.take(source)) == (1, 0, 0, expected)
    assert counts(place.take(source)) == (0, 0, 1, expected)
    assert sorted(place.rejected) == [
        ("empty.png", "empty_file"), ("text.bin", "unknown_format"), ("torn.png", "undecodable_pixels"),
    ]  # fmt: skip
    picture(source / "torn.png", seed=5)
    (source / "text.bin").unlink()
    assert counts(place.take(source)) == (1, 0, 1, {"empty_file": 1})
    assert sorted(place.rejected) == [("empty.png", "empty_file"), ("text.bin", "unknown_format")]


def test_a_torn_line_of_rejections_is_dropped(place, tmp_path):
    (place.path / "rejected.jsonl").write_text('{"file": "x", "reason": "empty_file", "detail": ""}\n{"file": "y')
    (tmp_path / "s").mkdir()
    (tmp_path / "s/e").write_bytes(b"")
    place.take(tmp_path / "s")
    assert place.rejected == [("x", "empty_file"), ("e", "empty_file")]


def test_a_manifest_does_not_lead_out(place, tmp_path):
    picture(tmp_path / "secret.png")
    source = manifest(tmp_path / "s", {"image": "a.png"})
    (source / "link.png").symlink_to(tmp_path / "secret.png")
    table(
        source / "manifest.csv",
        [{"image": name} for name in ("../secret.png", str(tmp_path / "secret.png"), "link.png", "none.png", "a.png")]
        + [{"image": "", "patient_id": "1"}],
    )
    summary = place.take(source)
    assert counts(summary) == (1, 0, 0, {"bad_row": 1, "missing_file": 1, "outside_source": 3})
    assert [image.file for image in place.images] == ["a.png"]


def test_no_name_and_no_birth_date_is_kept(place, tmp_path):
    dicom(tmp_path / "s/1", "1.2.3.1.1", birth="19470523")
    place.take(tmp_path / "s")
    stored = b"".join(path.read_bytes() for path in place.path.rglob("*") if path.is_file())
    assert b"Ivanov" not in stored
    assert b"19470523" not in stored


def test_hostile_files_cost_themselves_only(place, tmp_path):
    rows = [{"image": f"{name}.png"} for name in ("a", "crash", "b", "hang", "c", "memory", "bug", "d")]
    source = manifest(tmp_path / "s", *rows)
    summary = place.take(source, workers=2, work=ingest_tasks.hostile, limits=Limits(decode_timeout_s=1.5))
    assert counts(summary) == (4, 0, 0, {"timeout": 1, "undecodable_pixels": 1, "worker_killed": 2})
    assert sorted(place.rejected) == [
        ("bug.png", "undecodable_pixels"), ("crash.png", "worker_killed"), ("hang.png", "timeout"),
        ("memory.png", "worker_killed"),
    ]  # fmt: skip


def test_an_object_that_breaks_off_keeps_its_good_frames_and_says_so_again(place, tmp_path):
    source = manifest(tmp_path / "s", {"image": "a.png"})
    for _ in range(2):
        summary = place.take(source, work=ingest_tasks.breaks_off)
        assert counts(summary) == (0, 0, 0, {"undecodable_pixels": 1})  # once, not also among those taken
    assert place.rejected == [("a.png", "undecodable_pixels")]
    (image,) = place.images
    assert image.attributes["incomplete"].startswith("undecodable_pixels")


def test_killed_at_any_moment_and_run_again(tmp_path):
    source = tmp_path / "s"
    for number in range(120):
        picture(source / f"{number:03}.png", seed=number)
    whole = Place(tmp_path, LmdbStore(tmp_path / "whole"))
    whole.take(source, workers=2)
    archive = tmp_path / "archive"
    archive.mkdir()
    code = (
        "import sys; from pathlib import Path; from caseindex.index.store import LmdbStore;"
        "from caseindex.ingest import commit; commit._BATCH = 10;"
        "from caseindex.ingest.pipeline import ingest; from caseindex.settings import Settings, Ingest;"
        "a = Path(sys.argv[1]);"
        "ingest(LmdbStore(a / 'cases.lmdb'), [sys.argv[2]], settings=Settings(ingest=Ingest(workers=2)),"
        " rejected=a / 'rejected.jsonl', thumbnails=a / 'thumbnails')"
    )
    for at_least in (20, 60):
        process = subprocess.Popen([sys.executable, "-c", code, archive, source])
        while process.poll() is None and committed(archive) < at_least:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert at_least <= committed(archive) <= 120
    assert subprocess.run([sys.executable, "-c", code, archive, source], check=False).returncode == 0
    again = Place(archive, LmdbStore(archive / "cases.lmdb"))
    assert again.images == whole.images
    assert len(list((archive / "thumbnails").rglob("*.jpg"))) == 120
    assert msgspec.json.encode(again.rejected) == b"[]"


def committed(archive: Path) -> int:
    try:
        store = LmdbStore(archive / "cases.lmdb", readonly=True)
    except CaseindexError:
        return 0
    with store.read() as reader:
        count = reader.counts().images
    store.close()
    return count
