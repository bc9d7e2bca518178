"""`bench identity` and `bench misfiled`, as a user runs them, on an archive whose embeddings are known."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from caseindex.cli.main import main
from caseindex.index.archive import Archive
from tests.cli.drawn_gallery import FINGERPRINT, given_embeddings, make_gallery

PATIENTS, ALONE = 60, 20
IMAGES = PATIENTS * 3 + PATIENTS // 3 + ALONE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    archive = make_gallery(tmp_path_factory.mktemp("bench") / "archive", patients=PATIENTS, alone=ALONE)
    archive.store.close()
    with given_embeddings():
        yield archive.path


def run(folder: Path, *arguments: str) -> int:
    try:
        main(["bench", *arguments, "--archive", str(folder)])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def answer(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run(folder, *arguments, "--format", "json") == 0
    return json.loads(capsys.readouterr().out)


def test_the_json_shape_of_identity(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = answer(folder, capsys, "identity")
    assert set(document) >= set("queries gallery top_n pair_auc tpr_at_fpr map_at_r intervals excluded".split())
    assert document["queries"] == IMAGES - ALONE
    assert document["gallery"] == IMAGES
    assert list(document["top_n"]) == ["1", "5", "10", "15", "20", "25", "30"]
    assert set(document["tpr_at_fpr"]) == {"0.01", "0.001", "0.0001"}
    assert document["tpr_at_fpr"]["0.0001"] is None  # 24,000 pairs of strangers are too few
    assert document["tpr_at_fpr"]["0.001"] > 0.5
    assert document["model"] == {"name": "given", "fingerprint": FINGERPRINT}
    assert document["kinds"] == {"frontal radiograph": IMAGES}
    assert 0.9 < document["pair_auc"] < 1
    low, high = document["intervals"]["top_1"]
    assert low <= document["top_n"]["1"] <= high


def test_the_query_s_study(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, less = (answer(folder, capsys, "identity", *extra) for extra in ((), ("--exclude-same-study",)))
    # Twenty studies of two images each: one pair in each.
    assert whole["pairs"]["genuine"] - less["pairs"]["genuine"] == PATIENTS // 3
    assert less["pairs"]["impostor"] == whole["pairs"]["impostor"]
    assert less["top_n"]["1"] < whole["top_n"]["1"]
    assert "images of the query's study" in less["excluded"]
    assert "images of the query's study" not in whole["excluded"]


def test_a_number_of_queries_in_a_gallery_of_a_size(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = answer(folder, capsys, "identity", "--queries", "25", "--gallery", "50")
    assert (document["queries"], document["gallery"]) == (25, 50)
    assert document["chance"]["5"] == pytest.approx(0.1)
    assert document["top_n"]["1"] > 0.8
    assert set(document["intervals"]) == {f"top_{n}" for n in document["top_n"]}
    more = answer(folder, capsys, "identity", "--queries", "1000")
    assert more["queries"] == PATIENTS
    assert more["gallery"] == PATIENTS + ALONE
    again = answer(folder, capsys, "identity", "--queries", "25", "--gallery", "50", "--seed", "1")
    assert answer(folder, capsys, "identity", "--queries", "25", "--gallery", "50") == document != again


def test_patients_that_may_be_one(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("P060,P061\nP999,P060\n", "utf-8")  # both with one image
    whole = answer(folder, capsys, "identity")
    less = answer(folder, capsys, "identity", "--possibly-same", str(pairs))
    assert whole["pairs"]["impostor"] - less["pairs"]["impostor"] == 1


def test_the_table_and_the_picture(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "identity.png"
    assert run(folder, "identity", "--format", "csv", "--plot", str(picture)) == 0
    rows = {row["figure"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert rows["found in the top 1"]["of"] == f"{IMAGES - ALONE} queries, gallery {IMAGES}"
    assert float(rows["pair AUC"]["value"]) > 0.9
    assert rows["pairs recognised, 0.0001 of strangers taken"]["value"] == "too few strangers"
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("identity", "--gallery", "50"), "belongs to --queries"),
        (("identity", "--queries", "5", "--plot", "x.png"), "every image asks"),
        (("identity", "--possibly-same", "absent.csv"), "cannot be read"),
        (("misfiled", "--plot", "/absent/folder/x.png"), "does not exist"),
    ],
)
def test_mistakes_end_with_one_clear_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert run(folder, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err
    assert "Traceback" not in captured.err


def test_nothing_to_measure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_gallery(tmp_path / "archive", patients=0, alone=5).store.close()
    with given_embeddings():
        for protocol in ("identity", "misfiled"):
            assert run(tmp_path / "archive", protocol) == 2
            assert "Ingest follow-up images" in capsys.readouterr().err


def test_the_json_shape_of_misfiled(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = answer(folder, capsys, "misfiled", "--rate", "0.05", "--repetitions", "3", "--prevalence", "0.001")
    assert document["repetitions"] == 3
    assert document["images"] == IMAGES
    # 5% of 220 images each time; the last examination may hold two images.
    assert 3 * 11 <= document["planted"] <= 3 * 12
    assert document["negatives"] == 3 * IMAGES - document["planted"]
    assert set(document["tpr_at_fpr"]) == {"0.01", "0.001"}
    assert document["prevalence"] == 0.001
    assert document["auc"] > 0.9
    at = document["at_fpr"]["0.01"]
    assert at["fpr"] <= 0.01
    assert at["false_flags"] <= 0.01 * document["negatives"]
    assert at["at_prevalence"]["ppv"] < at["ppv"]
    assert set(document["precision_of_first"]) == {"10", "20", "50"}
    assert document["precision_of_first"]["10"] > 0.5
    assert document["expected_precision_of_first"]["10"] > 0.2
    assert document["calibration"][0]["observed"] < document["calibration"][-1]["observed"]
    assert "patients with one image" in document["excluded"]
    assert document["model"]["name"] == "given"
    low, high = document["intervals"]["auc"]
    assert low <= document["auc"] <= high


def test_planting_changes_nothing_in_the_archive(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def content() -> dict[str, Any]:
        archive = Archive.open(folder)
        with archive.store.read() as reader:
            found = {one.image_uid: one.patient_id for one in reader.images()}
        archive.store.close()
        return found

    before = content()
    first = answer(folder, capsys, "misfiled", "--repetitions", "2", "--rate", "0.03")
    second = answer(folder, capsys, "misfiled", "--repetitions", "2", "--rate", "0.03")
    assert content() == before
    assert first == second
    assert answer(folder, capsys, "misfiled", "--repetitions", "2", "--rate", "0.03", "--seed", "1") != first


def test_the_table_and_the_picture_of_misfiled(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "misfiled.png"
    assert run(folder, "misfiled", "--repetitions", "1", "--format", "csv", "--plot", str(picture)) == 0
    figures = [row["figure"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert "found, 0.001 of the others flagged" in figures
    assert "right of the first 10 flags" in figures
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def trained(tmp_path: Path) -> Iterator[Path]:
    """A run of this archive notes that the model learned from the first study of each of the first 20 patients."""
    archive = make_gallery(tmp_path / "archive", patients=PATIENTS, alone=ALONE)
    for name, fingerprint in (("other-1", "cd" * 32), ("mine-1", FINGERPRINT)):
        run_folder = archive.runs_dir / name
        run_folder.mkdir(parents=True)
        (run_folder / "result.json").write_text(json.dumps({"fingerprint": fingerprint}), "utf-8")
        learned = [f"s{person:03d}-0" for person in range(20)] if name == "mine-1" else ["s079-0"]
        (run_folder / "split.json").write_text(json.dumps({"train": learned, "test": ["s050-0"]}), "utf-8")
    archive.store.close()
    with given_embeddings():
        yield archive.path


def test_patients_that_the_model_learned_from_are_left_out(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learned = 20 * 3 + 7  # seven of them have two images in their first study
    document = answer(trained, capsys, "identity")
    assert document["gallery"] == IMAGES - learned
    assert document["queries"] == IMAGES - ALONE - learned
    assert document["kinds"] == {"frontal radiograph": IMAGES - learned}
    assert "trained on" in document["excluded"]
    whole = answer(trained, capsys, "identity", "--trained-on")
    assert whole["gallery"] == IMAGES
    assert "trained on" not in whole["excluded"]
    assert answer(trained, capsys, "identity", "--queries", "1000")["queries"] == PATIENTS - 20
    planted = answer(trained, capsys, "misfiled", "--repetitions", "2", "--rate", "0.05")
    assert planted["planted"] + planted["negatives"] <= 2 * (IMAGES - learned)
    assert planted["planted"] == pytest.approx(2 * 0.05 * (IMAGES - learned), abs=3)
    assert "trained on" in planted["excluded"]
    assert answer(trained, capsys, "misfiled", "--repetitions", "2", "--trained-on")["negatives"] > 2 * (IMAGES - 10)


def test_a_broken_run_is_no_obstacle(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("{", "[]", '{"train": 5}'):
        (trained / "runs" / "mine-1" / "split.json").write_text(text, "utf-8")
        assert answer(trained, capsys, "identity")["gallery"] == IMAGES
