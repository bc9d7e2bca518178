"""Rare findings more often (repeat-factor sampling: Gupta et al. 2019, LVIS, arXiv 1908.03195, section 5)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from caseindex.records import Int64Array

#: No study comes more often than this in one epoch.
MOST = 8.0


def repeat_factors(findings: Sequence[Collection[int]], share: float) -> npt.NDArray[np.float64]:
    """[studies] at least 1: the square root of ``share`` over the share of the studies that have its rarest finding,
    where that is rarer than ``share``."""
    counts: dict[int, int] = {}
    for group in findings:
        for finding in set(group):
            counts[finding] = counts.get(finding, 0) + 1
    rarest = [min((counts[finding] for finding in group), default=len(findings)) for group in findings]
    factors = np.sqrt(share * len(findings) / np.array(rarest, np.float64)) if findings else np.empty(0)
    return np.asarray(np.clip(factors, 1.0, MOST))


def repeated(factors: npt.NDArray[np.float64], seed: int, epoch: int) -> Int64Array:
    """Places of the studies, each ``factors`` times on average over the epochs; every epoch has as many.

    Systematic sampling: a study with factor 1.5 comes once or twice. A pure function of its arguments.
    """
    if not len(factors):
        return np.empty(0, np.int64)
    generator = np.random.default_rng([seed, epoch, 0x3F])
    order = generator.permutation(len(factors))
    total = round(float(factors.sum()))
    ends = np.cumsum(factors[order]) * (total / factors.sum()) + generator.random()
    counts = np.diff(np.floor(ends + 1e-9), prepend=0.0).astype(np.int64)
    counts[-1] += total - counts.sum()  # what the random start pushed over the end
    return np.asarray(np.repeat(order, np.maximum(counts, 0)), np.int64)
