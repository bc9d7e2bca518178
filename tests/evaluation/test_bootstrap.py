from __future__ import annotations

import math

import numpy as np
import pytest

from caseindex.evaluation.bootstrap import interval_of_mean


def test_grouping_widens_the_interval() -> None:
    rng = np.random.default_rng(1)
    patient_rate = rng.random(40)
    groups = np.repeat(np.arange(40), 25)
    values = (rng.random(1000) < patient_rate[groups]).astype(float)
    by_patient = interval_of_mean(values, groups.tolist())
    by_image = interval_of_mean(values, list(range(1000)))
    assert by_patient.low <= by_patient.value == by_image.value <= by_patient.high
    assert by_patient.high - by_patient.low > 2 * (by_image.high - by_image.low)


def test_matches_the_normal_interval_for_independent_values() -> None:
    values = np.random.default_rng(2).normal(5.0, 2.0, 2000)
    interval = interval_of_mean(values, list(range(2000)), resamples=4000)
    half = 1.96 * values.std() / math.sqrt(2000)
    assert interval.low == pytest.approx(values.mean() - half, abs=0.01)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.01)


def test_deterministic_and_edges() -> None:
    assert interval_of_mean([1, 0, 1], ["a", "b", "c"]) == interval_of_mean([1, 0, 1], ["a", "b", "c"])
    assert math.isnan(interval_of_mean([], []).value)
    one = interval_of_mean([1.0, 0.0, math.nan], ["a", "a", "b"])
    assert one.value == 0.5
    assert math.isnan(one.low)
    with pytest.raises(ValueError, match="groups"):
        interval_of_mean([1.0], [])
