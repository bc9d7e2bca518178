"""The picture of a region map."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from caseindex.retrieval.verify.page.overlay import overlay_uri


def drawn(region: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(where orange, where blue is drawn), [side, side] each."""
    encoded = np.frombuffer(base64.b64decode(overlay_uri(region).partition(",")[2]), np.uint8)
    picture = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED).astype(int)
    seen, warm = picture[..., 3] > 0, picture[..., 2] > picture[..., 0]
    return seen & warm, seen & ~warm


def test_what_speaks_against_alone_draws_nothing_for() -> None:
    region = np.zeros((7, 7), np.float32)
    region[2:4, 2:5] = -3.0
    orange, blue = drawn(region)
    assert not orange.any()
    assert blue[80:110, 80:140].all()
    assert not blue[160:].any()


def test_both_are_drawn_where_they_are_each_by_its_own_measure() -> None:
    region = np.zeros((7, 7), np.float32)
    region[1, 1], region[5, 5] = 0.5, -50.0
    orange, blue = drawn(region)
    assert orange[48, 48]
    assert blue[176, 176]
    assert not orange[112:].any()
    assert not blue[:112].any()


def test_an_empty_map_is_clear() -> None:
    orange, blue = drawn(np.zeros((7, 7), np.float32))
    assert not orange.any()
    assert not blue.any()
