"""The word index under the commands that keep an archive: `remove` and `check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from caseindex.cli.main import main
from caseindex.index.archive import Archive
from caseindex.retrieval.word_index import FOLDER, open_word_index


def files_with(folder: Path, word: str) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


def run(*words: str) -> int:
    try:
        main(list(words))
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_remove_leaves_no_word_of_the_erased_report(own_archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    open_word_index(own_archive)
    folder = own_archive.indexes_dir / FOLDER
    assert files_with(folder, "falx")  # of the meningioma's report alone
    own_archive.store.close()
    assert run("remove", "--study", "en-meningioma", "--yes", "--archive", str(own_archive.path)) == 0
    assert not files_with(own_archive.path, "falx")
    again = Archive.open(own_archive.path)
    index = open_word_index(again)
    assert "falx" not in index.vocabulary
    assert index.postings("meningioma") is None
    assert not files_with(own_archive.path, "falx")
    again.store.close()
    capsys.readouterr()


def test_check_names_a_damaged_word_index(own_archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    index = open_word_index(own_archive)
    file = index.folder / "term_numbers.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 0x40
    file.write_bytes(content)
    own_archive.store.close()
    where = str(own_archive.path)
    assert run("check", "--archive", where, "--format", "json") == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert {"kind": "index_damaged", "item": "indexes/terms/term_numbers.npy"}.items() <= problems[0].items()
    assert run("check", "--repair", "--archive", where, "--format", "json") == 0
    capsys.readouterr()
