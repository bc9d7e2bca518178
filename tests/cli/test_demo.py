"""`caseindex demo` as a user runs it: made, asked, run again."""

from __future__ import annotations

import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from caseindex.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        main(["demo", *arguments])
        status = 0
    except SystemExit as stop:
        status = int(stop.code or 0)
    shown = capsys.readouterr()
    return status, shown.out, shown.err


OPTIONS = ("--images", "30", "--no-train", "--format", "json")


@dataclass(frozen=True)
class Made:
    folder: Path
    shown: dict[str, Any]
    err: str


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("demo") / "небольшой архив"
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err, pytest.raises(SystemExit) as end:
        main(["demo", str(folder), *OPTIONS])
    assert not end.value.code, err.getvalue()
    return Made(folder, json.loads(out.getvalue()), err.getvalue())


def test_an_archive_is_made_and_asked_in_three_languages(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    folder, shown = made.folder, made.shown
    assert shown["images"] == 30
    assert [answer["language"] for answer in shown["answers"]] == ["ru", "en", "zh"]
    for answer in shown["answers"]:
        assert any("Ишемический инсульт" in hit["labels"] for hit in answer["hits"][:3]), answer["question"]
        assert answer["right"] >= 2
        assert answer["right_by_image"] >= 1  # untrained, by likeness to the pictures of cases with such a report
    assert "Ишемический инсульт" in shown["answers"][0]["hits"][0]["labels"]
    assert (folder / "archive" / "archive.toml").is_file()
    page = (folder / "search.html").read_text("utf-8")
    assert "ишемический инсульт" in page
    assert '="http' not in page  # nothing is loaded from elsewhere
    assert "caseindex search --archive" in made.err
    assert str(folder) in made.err

    status, out, _ = run(capsys, str(folder), *OPTIONS)
    assert status == 0
    assert json.loads(out)["answers"] == shown["answers"]


def test_another_archive_in_the_same_folder_is_refused(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, str(made.folder), "--images", "31", "--no-train")
    assert status == 2
    assert out == ""
    assert "made otherwise" in err


def test_a_wrong_language_is_a_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, str(tmp_path / "new"), "--languages", "de")
    assert status == 2
    assert "not a language" in err
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_the_whole_demonstration_learns_to_find_pictures_by_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, str(tmp_path / "demo"), "--images", "400", "--format", "json")
    assert status == 0, err
    shown = json.loads(out)
    assert shown["model"] == "pair"
    for answer in shown["answers"]:
        assert answer["right"] >= 8
        assert answer["right_by_image"] >= 5
