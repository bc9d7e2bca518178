"""Metrics against values computed by hand, and against a slow definition on random rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caseindex.evaluation import ranking


def test_values_by_hand() -> None:
    row = [True, False, True, True, False]
    assert ranking.recall_at_k(row, 3, 1) == 1.0
    assert ranking.precision_at_k(row, 3, 5) == pytest.approx(3 / 5)
    assert ranking.coverage_at_k(row, 6, 5) == pytest.approx(3 / 6)
    assert ranking.r_precision(row, 3) == pytest.approx(2 / 3)
    assert ranking.map_at_r(row, 3) == pytest.approx((1 + 2 / 3) / 3)
    # DCG = 3/log2(2) + 0 + 2/log2(4); ideal order 3, 2, 1
    expected = (3 + 2 / 2) / (3 + 2 / math.log2(3) + 1 / 2)
    assert ranking.ndcg_at_k([3, 0, 2], [1, 2, 3], 3) == pytest.approx(expected)


def test_a_query_without_relevant_items_is_not_measured() -> None:
    for metric in (ranking.recall_at_k, ranking.precision_at_k, ranking.coverage_at_k):
        assert math.isnan(metric([False, False], 0, 5))
    assert math.isnan(ranking.map_at_r([], 0))
    assert math.isnan(ranking.r_precision([], 0))
    assert math.isnan(ranking.ndcg_at_k([0, 0], [], 5))
    assert ranking.mean_over_queries([math.nan, 1.0, 0.5]) == 0.75
    assert math.isnan(ranking.mean_over_queries([]))


def test_an_empty_answer_scores_zero() -> None:
    assert ranking.recall_at_k([], 4, 5) == 0.0
    assert ranking.precision_at_k([], 4, 5) == 0.0
    assert ranking.map_at_r([], 4) == 0.0
    assert ranking.ndcg_at_k([], [1.0], 5) == 0.0


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="k is at least 1"):
        ranking.recall_at_k([True], 1, 0)
    with pytest.raises(ValueError, match="not negative"):
        ranking.ndcg_at_k([-1.0], [1.0], 1)
    with pytest.raises(ValueError, match="one row"):
        ranking.precision_at_k(np.zeros((2, 2)), 1, 1)


@given(st.lists(st.booleans(), max_size=30), st.integers(0, 10), st.integers(1, 40))
def test_agrees_with_the_definitions(row: list[bool], missed: int, k: int) -> None:
    total = sum(row) + missed
    if total == 0:
        return
    assert ranking.precision_at_k(row, total, k) == pytest.approx(sum(row[:k]) / k)
    assert ranking.recall_at_k(row, total, k) == float(any(row[:k]))
    average = sum(sum(row[: i + 1]) / (i + 1) for i in range(min(total, len(row))) if row[i]) / total
    assert ranking.map_at_r(row, total) == pytest.approx(average)
    ideal = sum(1 / math.log2(i + 2) for i in range(min(total, k)))
    found = sum(1 / math.log2(i + 2) for i in range(min(k, len(row))) if row[i])
    assert ranking.ndcg_at_k(row, [1.0] * total, k) == pytest.approx(found / ideal)
    assert 0.0 <= ranking.map_at_r(row, total) <= ranking.r_precision(row, total) <= 1.0
