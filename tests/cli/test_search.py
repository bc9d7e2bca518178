"""`caseindex search` and `bench search`, as a user runs them."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from caseindex.cli.main import main
from tests.retrieval.conftest import make_archive


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = make_archive(tmp_path_factory.mktemp("cli") / "archive")
    archive.store.close()
    return archive.path


def run(folder: Path, *arguments: str) -> int:
    try:
        main([*arguments, "--archive", str(folder)])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_the_json_shape(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "search", "--text", "ишемический инсульт", "-k", "2", "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) >= {"query", "model", "searched", "hits", "notes"}
    assert document["query"]["text"] == "ишемический инсульт"
    assert document["model"] == {"name": None, "fingerprint": None}
    assert document["searched"] == 10
    first = document["hits"][0]
    wanted = "rank similarity probability patient_id study_uid image_uid file modality labels report matched_by"
    assert set(first) >= set(wanted.split())
    assert [hit["rank"] for hit in document["hits"]] == [1, 2]
    assert first["file"].endswith(".png")
    assert first["matched_by"] == ["report"]


def test_jsonl_and_stdin(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("缺血性脑卒中\n".encode())))
    assert run(folder, "search", "--text", "-", "--format", "jsonl") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["study_uid"] for line in lines} == {"ru-ischaemic", "en-ischaemic", "zh-ischaemic"}


def test_filters(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (
        "--modality MR --body-part HEAD --sex F --age 30-32 --date-from 2024-01 --date-to 2024-03 --label stroke"
    )
    assert run(folder, "search", "--text", "stroke", "--format", "json", *arguments.split(), "--language", "en") == 0
    document = json.loads(capsys.readouterr().out)
    assert [hit["study_uid"] for hit in document["hits"]] == ["en-ischaemic"]
    assert document["query"]["filters"]["age_max"] == 32


def test_nothing_similar_exits_0_and_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "search", "--text", "qwrtzx", "--format", "json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["hits"] == []
    assert "nothing similar" in captured.err


def test_the_page_is_written_for_its_owner_only(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "found.html"
    assert run(folder, "search", "--text", "менингиома", "--html", str(file), "--lang", "ru", "--format", "json") == 0
    html = file.read_text("utf-8")
    assert '<html lang="ru">' in html
    assert "<mark>Meningioma</mark>" in html
    assert html.count("data:image/jpeg;base64,") == 1
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 2, "nothing to search for"),
        (["--text", " "], 2, "no words"),
        (["--text", "a", "--age", "old"], 2, "not a range"),
        (["--text", "a", "--sex", "X"], 2, "not known"),
        (["--text", "a", "--date-from", "yesterday"], 2, "not a date"),
        (["--image", "absent.png"], 2, "no such file"),
        (["--image", "absent.png", "--study", "1"], 2, "only one"),
        (["--study", "1.2.3"], 1, "no study"),
        (["--text", "stroke", "--html", "/absent/folder/x.html"], 2, "does not exist"),
    ],
)
def test_mistakes_end_with_one_clear_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, words: str
) -> None:
    assert run(folder, "search", *arguments) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err
    assert "Traceback" not in captured.err


def test_bench_with_a_relevance_file(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    questions = tmp_path / "questions.tsv"
    questions.write_text(
        "query\tlanguage\tgroup\tlabels\n"
        "ишемический инсульт\tru\tstroke\tstroke\n"
        "ischemic stroke\ten\tstroke\tstroke\n"
        "pleural effusion\ten\teffusion\teffusion\n"
        "геморрагический инсульт\tru\thaemorrhage\thaemorrhage\n",
        "utf-8",
    )
    arguments = ["--queries", str(questions), "--channel", "report", "--protocol", "words", "--format", "json"]
    assert run(folder, "bench", "search", *arguments) == 0
    measured = json.loads(capsys.readouterr().out)["words"]["by_channel"]["report"]
    assert measured["all"]["queries"] == 4
    assert measured["en"]["recall@1"] == 1.0
    assert measured["all"]["map_at_r"] == 1.0
    assert measured["all"]["precision@5"] == pytest.approx((3 + 3 + 2 + 2) / 20)
    low, high = measured["all"]["intervals"]["precision@5"]
    assert low <= measured["all"]["precision@5"] <= high


def test_bench_says_what_is_wrong_with_a_relevance_file(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = tmp_path / "questions.tsv"
    questions.write_text("query\tlanguage\nstroke\ten\n", "utf-8")
    assert run(folder, "bench", "search", "--queries", str(questions)) == 2
    assert "nothing says what is relevant" in capsys.readouterr().err


def test_a_search_by_words_imports_no_torch(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once the index of the words is there: to make it takes scipy."""
    import subprocess

    assert run(folder, "search", "--text", "инсульт") == 0
    capsys.readouterr()
    code = (
        "import sys; from caseindex.cli.main import main; "
        f"main(['search', '--text', 'инсульт', '--format', 'json', '--archive', {str(folder)!r}])"
    )
    tail = "; print(sorted({'torch', 'faiss', 'transformers', 'cv2', 'scipy'} & set(sys.modules)), file=sys.stderr)"
    code = code.replace("; main(", "\ntry:\n    main(") + "\nexcept SystemExit:\n    pass\n" + tail[2:]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip().endswith("[]")
