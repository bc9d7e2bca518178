from __future__ import annotations

import numpy as np
import pytest

from caseindex.retrieval.fusion import Fusion, above_typical, convex, fuse, reciprocal_rank

CHANNELS = {"words": {"a": 1.0, "b": 0.4, "c": 0.2}, "image": {"b": 0.9, "d": 0.5}}
WEIGHTS = {"words": 1.0, "image": 1.0}


def test_convex_by_hand() -> None:
    assert convex(CHANNELS, WEIGHTS) == pytest.approx({"a": 0.5, "b": 0.65, "c": 0.1, "d": 0.25})
    assert convex(CHANNELS, {"words": 3.0, "image": 1.0})["a"] == pytest.approx(0.75)


def test_reciprocal_rank_by_hand() -> None:
    scores = reciprocal_rank(CHANNELS, WEIGHTS)
    best = 2 / 61
    assert scores == pytest.approx(
        {"a": 1 / 61 / best, "b": (1 / 62 + 1 / 61) / best, "c": 1 / 63 / best, "d": 1 / 62 / best}
    )


@pytest.mark.parametrize("how", Fusion)
def test_one_channel_keeps_its_scores_and_two_favour_agreement(how: Fusion) -> None:
    assert fuse({"words": CHANNELS["words"]}, WEIGHTS, how) == CHANNELS["words"]
    fused = fuse(CHANNELS, WEIGHTS, how)
    assert max(fused, key=lambda item: fused[item]) == "b"
    assert all(0 <= score <= 1 for score in fused.values())


def test_above_typical() -> None:
    scores = above_typical(np.array([0.2, 0.6, 0.8, 1.0], dtype=np.float32), 0.6)
    np.testing.assert_allclose(scores, [0.0, 0.0, 0.5, 1.0], atol=1e-6)
    np.testing.assert_allclose(above_typical(np.array([1.0], dtype=np.float32), 1.0), [1.0])
