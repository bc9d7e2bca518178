"""`caseindex train identity`, as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from caseindex.cli.main import main
from caseindex.index import identity_model
from caseindex.index.archive import Archive
from caseindex.index.decisions import take_decisions
from caseindex.train import identity_head
from tests.train.drawn_persons import make_persons

SMALL = (
    "--sizes 64 --epochs 2 --batch-persons 8 --validation 0.2 --test 0.3 --learning-rate 3e-4 --trunk-rate 1e-4 "
    "--no-tensorboard"
).split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity_head, "FIRST", (1, 12))
        patch.setattr(identity_head, "LAST", (1, 12))
        patch.setattr(identity_model, "VIEWED", 12)
        patch.setattr(identity_model, "VIEWS", 1)
        archive = make_persons(tmp_path_factory.mktemp("cli") / "archive", 16)
        archive.store.close()
        yield archive.path


def run(folder: Path, *arguments: str) -> int:
    try:
        main(["train", "identity", *arguments, "--archive", str(folder)])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_the_json_and_what_is_said(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pairs = tmp_path / "possibly.csv"
    pairs.write_text("p000,p001\n")
    options = ("--possibly-same", str(pairs), "--augmentation", "slight", "--margin", "auto", "--format", "json")
    assert run(folder, *SMALL, *options) == 0
    out = capsys.readouterr()
    document = json.loads(out.out)
    assert {"name", "fingerprint", "run", "images", "margin", "here", "others", "in_use", "why"} <= set(document)
    assert sum(document["images"].values()) == 16 * 3
    assert document["here"]["trained"]["top_1"]["value"] <= 1
    assert document["why"] in out.err
    assert "the loss supcon has no margin; --margin is without effect" in out.err
    settings = json.loads((Path(document["run"]) / "settings.json").read_text())
    assert (settings["augmentation"], settings["sizes"], settings["test"]) == ("slight", [64], 0.3)
    split = json.loads((Path(document["run"]) / "split.json").read_text())
    (side,) = [name for name in ("train", "validation", "test") if "p000-0" in split[name]]
    assert "p001-0" in split[side]
    assert (folder / "models" / "identity" / "MODEL_CARD.md").is_file()


def test_decisions_of_the_audit_change_the_next_training(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def trained() -> dict[str, object]:
        assert run(folder, *SMALL, "--format", "json", "--no-use") == 0
        document = json.loads(capsys.readouterr().out)
        assert not document["in_use"]
        return document

    before, again = trained(), trained()
    assert before["fingerprint"] == again["fingerprint"]
    archive = Archive.open(folder)
    decided = tmp_path / "decided.csv"
    decided.write_text("decision,kind,patient_ids\n" + "".join(f"confirmed,two_ids,p00{n}|p01{n}\n" for n in range(6)))
    take_decisions(archive, decided)
    archive.store.close()
    after = trained()
    assert after["fingerprint"] != before["fingerprint"]
    split = json.loads((Path(str(after["run"])) / "split.json").read_text())
    side = {uid[:4]: name for name in ("train", "validation", "test") for uid in split[name]}
    assert all(side[f"p00{n}"] == side[f"p01{n}"] for n in range(6))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--margin", "wide"], "is not a number"),
        (["--margin", "-1"], "not above 0"),
        (["--sizes", "big"], "not numbers"),
        (["--sizes", "100"], "multiples of 16"),
        (["--loss", "mse"], "mse"),
        (["--rounds", "9", "--epochs", "4"], "do not fit in 4 epochs"),
        (["--name", "grid"], "untrained default has this name"),
        (["--image-encoder", "nothing"], "nothing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_options_are_named(
    options: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, *options) in (1, 2)
    out = capsys.readouterr()
    assert said in " ".join(out.err.split())
    assert out.out == ""
