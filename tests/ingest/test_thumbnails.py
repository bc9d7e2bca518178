"""Which thumbnail stays where two inputs claim one UID, whoever of them was decoded first."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from caseindex.ingest.thumbnails import accept_new, discard_new, read_thumbnail, shrink, thumbnail_path, write_new

FIRST, SECOND = np.full((8, 8), 40, np.uint8), np.full((8, 8), 200, np.uint8)


def shade(path: Path) -> int:
    found = read_thumbnail(path)
    assert found is not None
    return round(float(found.mean()))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return thumbnail_path(tmp_path, "1.2.3")


@pytest.mark.parametrize("decoded_first", ["a", "b"])
@pytest.mark.parametrize("both_before_the_commit", [True, False])
def test_the_one_that_was_taken_keeps_its_picture(path, decoded_first, both_before_the_commit):
    pictures = {"a": FIRST, "b": SECOND}
    order = ["a", "b"] if decoded_first == "a" else ["b", "a"]
    for content in order:
        if content == "a" or both_before_the_commit or decoded_first == "b":
            write_new(path, pictures[content], content)
    replaced = accept_new(path, "a")
    if not both_before_the_commit and decoded_first == "a":
        write_new(path, SECOND, "b")
    discard_new(path, "b", replaced=replaced)
    assert shade(path) == 40
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_nothing_stays_of_an_input_that_alone_was_not_taken(path):
    write_new(path, FIRST, "a")
    discard_new(path, "a", replaced=False)
    assert list(path.parent.iterdir()) == []


def test_rendered_again_it_is_replaced(path):
    write_new(path, FIRST, "a")
    accept_new(path, "a")
    write_new(path, SECOND, "a")
    assert shade(path) == 40, "what is there counts until the commit"
    assert accept_new(path, "a")
    assert shade(path) == 200


@pytest.mark.parametrize("shape", [(1024, 1024), (1025, 701), (2000, 3001, 3), (300, 200), (90, 40), (1, 4000)])
def test_shrinking_by_halves_is_area_averaging(shape):
    rows, columns = shape[:2]
    coarse = np.random.default_rng(0).integers(0, 256, (6, 6, *shape[2:])).astype(np.uint8)
    picture = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
    found = shrink(picture)
    scale = min(1, 256 / max(rows, columns))
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    assert abs(found.shape[0] - size[1]) <= 1
    assert abs(found.shape[1] - size[0]) <= 1
    assert max(found.shape[:2]) == min(256, max(rows, columns))
    at_once = cv2.resize(picture, found.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(found.astype(int) - at_once).max() <= 4
