"""Metrics of a ranked answer, in numpy.

One query is a row of relevances in rank order: ``relevant[i]`` says whether the hit at rank ``i + 1`` is relevant (bool),
or how much (a gain of 0 or more, for nDCG). ``total`` is how many relevant items the gallery holds for this query (after
its own study was left out), found or not. A query with ``total == 0`` has no answer to be measured: every metric is NaN
for it, and averages leave it out (:func:`mean_over_queries`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Gains = Sequence[float] | Sequence[bool] | npt.NDArray[np.generic]


def _row(relevant: Gains) -> npt.NDArray[np.float64]:
    row = np.asarray(relevant, dtype=np.float64)
    if row.ndim != 1:
        raise ValueError(f"relevances of one query are one row, not of shape {row.shape}")
    if row.size and (not np.isfinite(row).all() or row.min() < 0):
        raise ValueError("relevances are finite and not negative")
    return row


def _check(k: int, total: int) -> None:
    if k < 1:
        raise ValueError(f"k is at least 1, not {k}")
    if total < 0:
        raise ValueError(f"total is at least 0, not {total}")


def recall_at_k(relevant: Gains, total: int, k: int) -> float:
    """1.0 where at least one of the first k hits is relevant, else 0.0: CMC@k, hit rate@k.

    >>> recall_at_k([False, True, False], total=2, k=1), recall_at_k([False, True, False], total=2, k=2)
    (0.0, 1.0)
    """
    _check(k, total)
    return math.nan if total == 0 else float((_row(relevant)[:k] > 0).any())


def precision_at_k(relevant: Gains, total: int, k: int) -> float:
    """Share of the first k places that hold a relevant hit; a place left empty counts as not relevant.

    >>> precision_at_k([True, False, True], total=3, k=5)
    0.4
    """
    _check(k, total)
    return math.nan if total == 0 else float((_row(relevant)[:k] > 0).sum()) / k


def coverage_at_k(relevant: Gains, total: int, k: int) -> float:
    """Share of all relevant items that are among the first k: the recall of information retrieval.

    >>> coverage_at_k([True, False, True], total=4, k=3)
    0.5
    """
    _check(k, total)
    return math.nan if total == 0 else float((_row(relevant)[:k] > 0).sum()) / total


def r_precision(relevant: Gains, total: int) -> float:
    """Precision among the first R = ``total`` hits.

    >>> r_precision([True, False, True, True], total=2)
    0.5
    """
    return math.nan if total == 0 else precision_at_k(relevant, total, total)


def map_at_r(relevant: Gains, total: int) -> float:
    """Mean average precision at R (Musgrave et al. 2020, "A Metric Learning Reality Check", section 3.3): the mean over
    the first R places of the precision at each place that holds a relevant hit, 0 at the others.

    >>> map_at_r([True, False, True], total=3)  # (1/1 + 0 + 2/3) / 3
    0.5555555555555555
    """
    if total == 0:
        return math.nan
    _check(1, total)
    row = _row(relevant)[:total] > 0
    if not row.any():
        return 0.0
    precision = np.cumsum(row) / np.arange(1, row.size + 1)
    return float((precision * row).sum()) / total


def ndcg_at_k(relevant: Gains, ideal: Gains, k: int) -> float:
    """Normalised discounted cumulative gain (Järvelin and Kekäläinen 2002, with the log2(rank + 1) discount).

    ``ideal``: the gains of everything relevant in the gallery, in any order; NaN where they sum to 0.

    >>> ndcg_at_k([0, 1], ideal=[1], k=2)  # 1 / log2(3)
    0.6309297535714575
    """
    _check(k, 0)
    best = np.sort(_row(ideal))[::-1]
    denominator = _dcg(best[:k])
    return math.nan if denominator == 0 else _dcg(_row(relevant)[:k]) / denominator


def _dcg(gains: npt.NDArray[np.float64]) -> float:
    return float((gains / np.log2(np.arange(2, gains.size + 2))).sum())


def mean_over_queries(values: Sequence[float]) -> float:
    """The mean of what is not NaN; NaN where nothing is.

    >>> mean_over_queries([1.0, math.nan, 0.0])
    0.5
    """
    kept = [value for value in values if not math.isnan(value)]
    return sum(kept) / len(kept) if kept else math.nan
