from __future__ import annotations

from pathlib import Path

import pytest

from caseindex.errors import SettingsError
from caseindex.index.archive import Archive
from caseindex.settings import load_settings
from caseindex.train.adopt import adopt, replaced


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('[models]\nsearch = "imagenet"  # why\n', '[models]\nsearch = "x"  # why\n'),
        ("[models] # m\nsearch = 'a'\n", '[models] # m\nsearch = "x"\n'),
        ('[models]\n# search = "no"\n', '[models]\nsearch = "x"\n# search = "no"\n'),
        ("[ingest]\nslices = 2\n", '[ingest]\nslices = 2\n\n[models]\nsearch = "x"\n'),
        ("", '\n[models]\nsearch = "x"\n'),
        ('[models]\nidentity = "g"\n[ingest]\n', '[models]\nsearch = "x"\nidentity = "g"\n[ingest]\n'),
    ],
)
def test_one_entry_changes(before: str, after: str) -> None:
    assert replaced(before, "search", "x") == after


def test_the_file_reads_as_settings(tmp_path: Path) -> None:
    file = tmp_path / "archive.toml"
    file.write_text('# mine\n[models]\nidentity = "grid"\n')
    adopt(Archive.open(tmp_path), "search", "pair-2")
    assert load_settings(file).models.search == "pair-2"
    assert file.read_text().startswith("# mine\n")
    assert [item.name for item in tmp_path.iterdir()] == ["archive.toml"]


def test_a_file_that_would_not_read_is_left(tmp_path: Path) -> None:
    file = tmp_path / "archive.toml"
    file.write_text("")
    archive = Archive.open(tmp_path)
    file.write_text("broken = [\n")
    with pytest.raises(SettingsError):
        adopt(archive, "search", "pair")
    assert file.read_text() == "broken = [\n"
