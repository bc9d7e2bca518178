from __future__ import annotations

import itertools

import numpy as np
import pytest

from caseindex.train.held_out import by_patient, chance_at, hits_at, recalls

SIMILARITY = np.array([[0.9, 0.1, 0.5], [0.2, 0.8, 0.7], [0.3, 0.6, 0.4]], np.float32)


def test_recall_by_hand() -> None:
    found = recalls(SIMILARITY, np.eye(3, dtype=bool))
    assert found["image_to_text_recall@1"] == pytest.approx(2 / 3)  # the third image's nearest text is the second
    assert found["text_to_image_recall@1"] == pytest.approx(2 / 3)  # the third text's nearest image is the second
    assert found["image_to_text_recall@5"] == 1


def test_a_query_without_a_relevant_item_does_not_count() -> None:
    hits = hits_at(SIMILARITY, np.array([[True, False, False], [False] * 3, [True, False, False]]), 1)
    np.testing.assert_array_equal(hits, [1, np.nan, 0])


def test_chance_is_the_mean_over_all_orders() -> None:
    relevant = np.array([[True, True, False, False, False], [True, False, False, False, False]])
    for k in (1, 2, 4, 9):
        expected = [
            np.mean([any(row[place] for place in order[:k]) for order in itertools.permutations(range(5))])
            for row in relevant
        ]
        assert chance_at(relevant, k) == pytest.approx(np.mean(expected))


def test_the_interval_is_of_patients_not_of_queries() -> None:
    values = np.repeat([0.0, 1.0], 50)
    alone = by_patient(values, list(range(100)))
    grouped = by_patient(values, ["a"] * 50 + ["b"] * 50)
    assert (alone.value, grouped.value) == (0.5, 0.5)
    assert 0.35 < alone.low < 0.45 < 0.55 < alone.high < 0.65
    assert (grouped.low, grouped.high) == (0, 1)
