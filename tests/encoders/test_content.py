"""Pictures cut to what they show."""

from __future__ import annotations

import numpy as np

from caseindex.encoders.content import cut_to_content
from caseindex.encoders.preprocessing import Preprocessing


def test_the_cut_is_a_square_around_the_largest_bright_region() -> None:
    picture = np.zeros((100, 120), np.uint8)
    picture[20:70, 40:80] = 200
    picture[95:, 100:105] = 255  # a burned-in mark
    cut = cut_to_content(picture)
    assert cut.shape == (52, 52)
    assert (cut == 200).sum() == 50 * 40
    assert 255 not in cut


def test_a_mirrored_picture_is_cut_alike_and_colours_stay() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (90, 130, 3)).astype(np.uint8)
    picture[:, :31] = 0
    picture[:11] = 0
    np.testing.assert_array_equal(cut_to_content(picture)[:, ::-1], cut_to_content(picture[:, ::-1]))


def test_content_beyond_the_border_is_filled_with_black_and_a_small_region_is_left_alone() -> None:
    picture = np.zeros((60, 60), np.uint8)
    picture[:, :20] = 100
    cut = cut_to_content(picture)
    assert cut.shape == (62, 62)
    assert (cut == 100).sum() == 60 * 20
    dot = np.zeros((60, 60), np.uint8)
    dot[5:8, 5:8] = 255
    assert cut_to_content(dot) is dot


def test_only_what_departs_from_the_default_changes_the_configuration() -> None:
    assert "content" not in Preprocessing().config()
    made = Preprocessing(content=True)
    assert Preprocessing.from_config(made.config(), "x") == made
