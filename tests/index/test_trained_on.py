"""Which studies a model has learned from is read from the run that made it."""

import json
from pathlib import Path

from caseindex.index.archive import Archive
from caseindex.index.trained_on import trained_on, unseen_studies


def _run(archive: Archive, name: str, fingerprint: str, split: object) -> None:
    folder = archive.runs_dir / name
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps({"fingerprint": fingerprint}))
    (folder / "split.json").write_text(json.dumps(split))


def test_the_sides_are_those_of_the_run_that_made_the_model(tmp_path: Path) -> None:
    archive, _ = Archive.create(tmp_path / "archive")
    _run(archive, "pair-1", "one", {"train": ["a", "b"], "validation": ["c"], "test": ["d"], "held_out": ["e"]})
    _run(archive, "pair-2", "two", {"train": ["c"], "validation": ["a"], "test": ["b"], "held_out": []})
    assert trained_on(archive, "one") == {"a", "b"}
    assert unseen_studies(archive, "one") == {"c", "d"}
    assert trained_on(archive, "two") == {"c"}


def test_of_a_model_from_elsewhere_nothing_is_known(tmp_path: Path) -> None:
    archive, _ = Archive.create(tmp_path / "archive")
    assert trained_on(archive, "one") == frozenset()
    assert unseen_studies(archive, "one") is None


def test_a_damaged_run_is_passed_over(tmp_path: Path) -> None:
    archive, _ = Archive.create(tmp_path / "archive")
    _run(archive, "pair-1", "one", {"train": ["a"], "validation": ["b"], "test": []})
    _run(archive, "pair-2", "one", {"train": "a"})
    _run(archive, "pair-3", "one", ["a"])
    unfinished = archive.runs_dir / "pair-4"
    unfinished.mkdir()
    (unfinished / "result.json").write_text('{"fingerprint": ')
    assert trained_on(archive, "one") == {"a"}
    assert unseen_studies(archive, "one") == {"b"}
