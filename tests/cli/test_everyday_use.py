"""What people do at the command line beside the main road: pipes, Ctrl-C, their own names of things, empty answers."""

from __future__ import annotations

import io
import logging
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from caseindex.cli.log import Once
from caseindex.cli.main import main
from caseindex.cli.output import Format, emit
from caseindex.cli.progress import progress
from caseindex.index.archive import Archive
from caseindex.retrieval.word_index import FOLDER, damaged_files, open_word_index
from tests.retrieval.conftest import make_archive


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return make_archive(tmp_path / "archive")


def run(archive: Archive, *arguments: str) -> int:
    try:
        main([*arguments, "--archive", str(archive.path)])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def standard_input(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_an_image_from_a_pipe(archive, capsys, monkeypatch):
    data = next(archive.path.parent.rglob("en-ischaemic-0.png")).read_bytes()
    standard_input(monkeypatch, data)
    assert run(archive, "search", "--image", "-", "-k", "1", "--include-own-study", "--format", "csv") == 0
    assert "en-ischaemic" in capsys.readouterr().out.splitlines()[1]
    standard_input(monkeypatch, b"")
    assert run(archive, "search", "--image", "-") == 2
    assert "stdin: it is empty" in capsys.readouterr().err
    standard_input(monkeypatch, b"GIF89a...")
    assert run(archive, "search", "--image", "-") == 1
    assert "stdin: unknown_format: a GIF picture; convert it to PNG" in capsys.readouterr().err
    assert run(archive, "search", "--image", "-", "--text", "-") == 2


def test_a_study_by_its_accession_number(archive, capsys):
    with archive.store.read() as reader:
        studies = {study.study_uid: study for study in reader.studies()}
    first, second, third = (studies[name] for name in ("en-ischaemic", "ru-ischaemic", "zh-ischaemic"))
    archive.store.put(
        studies=[replace(first, accession_number="A1")]
        + [replace(study, accession_number="A2") for study in (second, third)]
    )
    assert run(archive, "search", "--study", "A1", "--channel", "report", "-k", "1", "--format", "json") == 0
    assert '"study": "en-ischaemic"' in capsys.readouterr().out
    assert run(archive, "search", "--study", "A2") == 2
    assert "2 studies have this accession number: ru-ischaemic, zh-ischaemic" in capsys.readouterr().err
    assert run(archive, "search", "--study", "A3") == 1
    assert run(archive, "remove", "--study", "A1", "--yes") == 0
    with archive.store.read() as reader:
        assert reader.study("en-ischaemic") is None


def test_a_csv_of_no_hits_has_its_header(archive, capsys):
    assert run(archive, "search", "--text", "xyzzy", "--format", "csv") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("rank,similarity,probability,patient_id,study_uid,")


def test_tables_for_people(archive, capsys):
    assert run(archive, "check", "--format", "table") == 0
    assert "whole: no problem found" in capsys.readouterr().out
    assert run(archive, "info", "--format", "table") == 0
    shown = capsys.readouterr().out
    assert "search imagenet, identity grid, verify imagenet" in shown
    assert "fingerprint" not in shown
    assert " MB" in shown


def test_an_index_of_another_lexicon_is_whole(archive, capsys, monkeypatch):
    open_word_index(archive)
    monkeypatch.setattr("caseindex.retrieval.word_index.analyser_fingerprint", lambda: "another version")
    assert damaged_files(archive.indexes_dir / FOLDER) == []
    assert run(archive, "check", "--format", "json") == 0
    assert '"ok": true' in capsys.readouterr().out


def test_a_warning_is_told_once(capsys):
    logger = logging.Logger("test")
    logger.addHandler(Once())
    for _ in range(2):
        logger.warning("%s is kept in memory.", "The index")
    assert capsys.readouterr().err == "caseindex: The index is kept in memory.\n"


def test_who_waits_for_a_writer_is_told(archive):
    holder = (
        "import sys, time; from pathlib import Path; from caseindex.index.archive import Archive\n"
        "with Archive.open(Path(sys.argv[1])).store.writing():\n    print('held', flush=True); time.sleep(5)"
    )
    command = [sys.executable, "-c", holder, str(archive.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        remove = [sys.executable, "-m", "caseindex", "remove", "--study", "en-ischaemic", "--yes"]
        done = subprocess.run([*remove, "--archive", archive.path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"process {other.pid} is writing to the archive; waiting" in done.stderr


def test_an_interrupt_ends_with_one_line(archive, tmp_path):
    source = tmp_path / "fifo-free"
    source.mkdir()
    for number in range(400):
        (source / f"{number}.dcm").write_bytes(bytes(128) + b"DICM" + bytes(10 * number))
    command = [sys.executable, "-m", "caseindex", "ingest", str(source), "--archive", str(archive.path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        lock = archive.path / "rejected.jsonl"
        deadline = time.monotonic() + 60
        while not (lock.exists() and lock.stat().st_size) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    if process.returncode != 0:  # it may have finished just before
        assert process.returncode == 130
        assert "interrupted; run the same command again to go on" in errors
    assert "Traceback" not in errors


def test_the_last_line_of_progress_tells_what_was_done(capsys, monkeypatch):
    now = iter([0.0, *[9.0] * 20])
    monkeypatch.setattr("caseindex.cli.progress.time.monotonic", lambda: next(now))
    with progress("ingest", total=54, unit="inputs") as advance:
        advance(53)
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("ingest: 53 of 54 (98%) inputs")
    assert last == "ingest: 53 inputs, 5.9/s, 0 min 09 s"


def test_a_relevance_file_from_a_pipe_with_semicolons_and_accession_numbers(archive, capsys, monkeypatch):
    with archive.store.read() as reader:
        study = reader.study("en-effusion-left")
    archive.store.put(studies=[replace(study, accession_number="A7")])
    standard_input(monkeypatch, b"query;studies\nleft pleural effusion;A7\nstroke;nowhere\n")
    asked = ["bench", "search", "--queries", "-", "--protocol", "words", "--channel", "report"]
    assert run(archive, *asked, "--format", "csv") == 0
    header, line = capsys.readouterr().out.splitlines()
    figures = dict(zip(header.split(","), line.split(","), strict=True))
    assert (figures["queries"], figures["unanswerable"], figures["recall@1"]) == ("2", "1", "1.000")
    assert "nan" not in line
    assert run(archive, "bench", "search", "--queries", "/nowhere.tsv") == 2
    assert "/nowhere.tsv: cannot be read: No such file or directory." in capsys.readouterr().err


def test_a_page_that_cannot_be_written_is_a_mistake_without_a_stack_trace(archive, capsys, tmp_path):
    for page, words in ((tmp_path, "a folder, not a file"), (tmp_path / "no/page.html", "its folder does not exist")):
        assert run(archive, "search", "--text", "stroke", "--html", str(page)) == 2
        assert f"caseindex: error: {page}: {words}" in capsys.readouterr().err


def test_an_error_of_the_system_names_the_file(archive, capsys, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/disk/page.html")

    monkeypatch.setattr("caseindex.cli.search._write_page", full)
    assert run(archive, "search", "--text", "stroke", "--html", "page.html") == 1
    assert capsys.readouterr().err.endswith("caseindex: error: /disk/page.html: No space left on device.\n")


def test_info_as_csv_has_one_value_a_line(archive, capsys):
    assert run(archive, "info", "--format", "csv") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "modalities.CT,10" in lines
    assert "models.search.name,imagenet" in lines


def test_no_column_of_a_wide_table_is_lost(capsys):
    few = [{f"column {number}": f"value {number} of {row}" for number in range(20)} for row in range(2)]
    emit(few, few, format=Format.TABLE)
    shown = capsys.readouterr().out
    assert all(f"column {number}" in shown and f"value {number} of 1" in shown for number in range(20))
    assert max(map(len, shown.splitlines())) <= 160
    many = [{f"column {number}": f"value {number} of {row}" for number in range(20)} for row in range(30)]
    emit(many, many, format=Format.TABLE)
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.rstrip().endswith("column 19")
    assert len(rows) == 30
    assert rows[29].rstrip().endswith("value 19 of 29")
