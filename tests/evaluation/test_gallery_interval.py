"""The interval over the gallery's patients, against values that can be worked out."""

from __future__ import annotations

import numpy as np
import pytest

from caseindex.evaluation.relevance import BenchQuery
from caseindex.evaluation.search_protocol import ScoredQuery, precision_over_patients


def asked(*right: bool, patients: str | None = None) -> ScoredQuery:
    names = patients or "".join(chr(97 + place) for place in range(len(right)))
    query = BenchQuery("q", "en", "q")
    return ScoredQuery(query, 1, {}, (), (), tuple(zip(names, right, strict=True)))


def test_all_right_stays_right() -> None:
    span = precision_over_patients([asked(*[True] * 40)], 5)
    assert span == [1.0, 1.0]


def test_all_wrong_stays_wrong() -> None:
    assert precision_over_patients([asked(*[False] * 40)], 5) == [0.0, 0.0]


def test_spread_of_the_first_place() -> None:
    """At 1, one of two thirds of independent patients is right: each draw is 0 or 1, the interval is everything."""
    assert precision_over_patients([asked(*[place % 3 > 0 for place in range(40)])], 1) == [0.0, 1.0]


def test_width_against_a_simulation() -> None:
    """Precision at 10 of a ranking that alternates, drawn by listing every patient as often as it is drawn."""
    right = [place % 2 == 0 for place in range(40)]
    low, high = precision_over_patients([asked(*right)], 10) or [0.0, 0.0]
    rng = np.random.default_rng(5)
    values = [np.repeat(right, rng.poisson(1.0, 40))[:10].mean() for _ in range(4000)]
    assert [low, high] == pytest.approx(list(np.quantile(values, [0.025, 0.975])), abs=0.1)


def test_one_patient_gives_no_interval() -> None:
    assert precision_over_patients([asked(True, True, patients="aa")], 5) is None


def test_unanswerable_questions_do_not_count() -> None:
    nothing = ScoredQuery(BenchQuery("q", "en", "q"), 0, {}, (), (), (("x", False), ("y", False)))
    assert precision_over_patients([asked(*[True] * 40), nothing], 5) == [1.0, 1.0]
