from __future__ import annotations

import numpy as np
import pytest

from caseindex.encoders.preprocessing import Preprocessing
from caseindex.errors import ModelDamaged

HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}


def test_scaling_by_hand() -> None:
    pixels = np.array([[0, 255], [51, 102]], np.uint8)
    out = Preprocessing(height=2, width=2, fit="squash", mean=(0.5, 0.0, 0.2), std=(0.5, 1.0, 0.1))(pixels)
    np.testing.assert_allclose(out[0], [[-1, 1], [-0.6, -0.2]], atol=1e-6)
    np.testing.assert_allclose(out[1], [[0, 1], [0.2, 0.4]], atol=1e-6)
    np.testing.assert_allclose(out[2], [[-2, 8], [0, 2]], atol=1e-5)


def test_pad_keeps_the_aspect_and_centres_on_black() -> None:
    out = Preprocessing(height=8, width=8, fit="pad", **HALF)(np.full((4, 8), 255, np.uint8))
    np.testing.assert_array_equal(out[0][:2], np.full((2, 8), -1, np.float32))
    np.testing.assert_array_equal(out[0][2:6], np.full((4, 8), 1, np.float32))
    np.testing.assert_array_equal(out[0][6:], np.full((2, 8), -1, np.float32))


def test_crop_cuts_both_ends_alike() -> None:
    pixels = np.tile(np.array([0, 10, 20, 30, 40, 50, 60, 70], np.uint8), (4, 1))
    resized = Preprocessing(height=4, width=4, fit="crop").resized(pixels)
    np.testing.assert_array_equal(resized[0], [20, 30, 40, 50])


def test_squash_averages_areas() -> None:
    pixels = np.array([[0, 100], [200, 100]], np.uint8)
    np.testing.assert_array_equal(Preprocessing(height=1, width=1, fit="squash").resized(pixels), [[100]])


def test_colour_keeps_its_channels() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[..., 2] = 255
    out = Preprocessing(height=2, width=2, **HALF)(pixels)
    assert out[0].max() == -1
    assert out[2].min() == 1


@pytest.mark.parametrize("pixels", [np.zeros((2, 2), np.float32), np.zeros((2, 2, 4), np.uint8), np.zeros(4, np.uint8)])
def test_other_arrays_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8 is needed"):
        Preprocessing()(pixels)


def test_survives_its_configuration() -> None:
    given = Preprocessing(height=3, width=5, fit="crop", mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    assert Preprocessing.from_config(given.config(), "m") == given


@pytest.mark.parametrize("change", [{"fit": "stretch"}, {"std": [0, 1, 1]}, {"height": 0}, {"colour": 1}, {"mean": 3}])
def test_a_wrong_configuration_names_the_model(change: dict[str, object]) -> None:
    with pytest.raises(ModelDamaged, match="mymodel"):
        Preprocessing.from_config({**Preprocessing().config(), **change}, "mymodel")
