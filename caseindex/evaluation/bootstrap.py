"""Confidence intervals: the percentile bootstrap over groups (Efron and Tibshirani 1993, chapter 13).

Images of one patient are not independent, so it is patients that are drawn with replacement, each with everything that
belongs to it; drawing images would give intervals that are too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Interval:
    """``low <= value <= high`` at ``level``; all NaN where nothing was measured."""

    value: float
    low: float
    high: float
    level: float = 0.95


def interval_of_mean(
    values: Sequence[float],
    groups: Sequence[Hashable],
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The mean of ``values`` (NaN left out) with the interval over ``groups`` (a patient for each value).

    One group alone gives no width to estimate: low and high are NaN. The same arguments give the same interval.
    """
    if len(values) != len(groups):
        raise ValueError(f"{len(values)} values, but {len(groups)} groups")
    if not 0 < level < 1:
        raise ValueError(f"level is between 0 and 1, not {level}")
    kept = [(value, group) for value, group in zip(values, groups, strict=True) if not math.isnan(value)]
    if not kept:
        return Interval(math.nan, math.nan, math.nan, level)
    number: dict[Hashable, int] = {}
    index = np.array([number.setdefault(group, len(number)) for _, group in kept])
    data = np.array([value for value, _ in kept], dtype=np.float64)
    sums = np.bincount(index, weights=data)
    counts = np.bincount(index).astype(np.float64)
    mean = float(data.mean())
    if len(number) < 2:
        return Interval(mean, math.nan, math.nan, level)
    draws = np.random.default_rng(seed).integers(0, len(number), size=(resamples, len(number)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, min(float(low), mean), max(float(high), mean), level)
