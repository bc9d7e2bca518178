"""A training run's folder: found again while it is unfinished, and what it leaves behind."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from caseindex.train.pair_settings import PairSettings
from caseindex.train.run_folder import close_run, open_run
from caseindex.train.split import Split

SPLIT = Split(("a", "b"), ("c",), ("d",), ("e",))


@dataclass(frozen=True)
class Result:
    run: Path
    recall: float


def _opened(runs: Path, *, resume: bool = True, split: Split = SPLIT, **more: Any) -> tuple[Path, bool]:
    settings = PairSettings(epochs=more.pop("epochs", 3))
    return open_run(runs, settings, split, resume=resume, **{"data": "d1", "base": "b1", **more})


def test_an_unfinished_run_of_the_same_settings_data_and_split_goes_on(tmp_path: Path) -> None:
    folder, resumed = _opened(tmp_path)
    assert not resumed
    assert folder.name.startswith("pair-")
    assert json.loads((folder / "split.json").read_text())["held_out"] == ["e"]
    assert _opened(tmp_path) == (folder, True)
    others = [
        _opened(tmp_path, epochs=4),
        _opened(tmp_path, data="d2"),
        _opened(tmp_path, base="b2"),
        _opened(tmp_path, split=replace(SPLIT, test=("x",))),
        _opened(tmp_path, resume=False),
    ]
    assert not any(resumed for _, resumed in others)
    assert len({folder, *(other for other, _ in others)}) == 6


def test_a_finished_run_keeps_what_says_how_good_it_is(tmp_path: Path) -> None:
    folder, _ = _opened(tmp_path)
    (folder / "margin-0.1").mkdir()
    kept = ["best.safetensors", "metrics.jsonl"]
    for name in [*kept, "checkpoint.safetensors", "pixels.npy", "round-1.npy", "margin-0.1/checkpoint.safetensors"]:
        (folder / name).write_bytes(b"x")
    close_run(folder, Result(folder, float("nan")), "# A card\n")
    assert json.loads((folder / "result.json").read_text()) == {"run": folder.name, "recall": None}
    assert (folder / "MODEL_CARD.md").read_text() == "# A card\n"
    left = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert left == {*kept, "settings.json", "split.json", "result.json", "MODEL_CARD.md"}
    assert _opened(tmp_path)[0] != folder
