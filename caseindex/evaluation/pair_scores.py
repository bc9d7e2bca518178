"""Is this pair one person? ROC AUC, equal error rate, and the sensitivity at a low false-alarm rate, which is what a
user meets: wrong-patient near misses are about 4 in 100,000 examinations (TPR at FPR 1e-3 and 1e-4).

Similarities of strangers are counted in 2^18 bins over [-1, 1], so that millions of pairs need no memory of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from caseindex.evaluation.identity_set import DEFAULT_EXCLUSIONS, Exclusions, IdentitySet, blocks
from caseindex.records import Int64Array

BINS = 1 << 18
FPRS = (1e-2, 1e-3, 1e-4)
#: A false positive rate is measured from at least this many false positives.
LEAST_FALSE = 10
#: Pairs of strangers that the intervals draw from; the figures themselves use all.
BOOTSTRAP_PAIRS = 1_500_000
_COARSE = 1 << 14  # bins in a bootstrap draw

Counts = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PairScores:
    """``genuine``: [g] bins, ``genuine_persons``: [g]; ``impostor``: [BINS] counts; ``sample``: [s] bins of drawn
    stranger pairs and their two persons, ``sample_persons``: [s, 2]."""

    genuine: Int64Array
    genuine_persons: Int64Array
    impostor: Counts
    sample: Int64Array
    sample_persons: Int64Array

    @property
    def impostors(self) -> int:
        return int(self.impostor.sum())


def pair_scores(data: IdentitySet, exclusions: Exclusions = DEFAULT_EXCLUSIONS, *, seed: int = 0) -> PairScores:
    """Every pair once, same study or not according to ``exclusions``."""
    genuine, owners, sample, both = [], [], [], []
    impostor = np.zeros(BINS, np.float64)
    n = len(data)
    share = min(1.0, BOOTSTRAP_PAIRS / max(1, n * (n - 1) // 2))
    generator = np.random.default_rng(seed)
    columns = np.arange(n)
    for block in blocks(data, exclusions):
        once = block.counted & (columns[None, :] > block.rows[:, None])
        bins = bins_of(block.similarity)
        own = once & block.same
        place, column = np.nonzero(own)
        genuine.append(bins[own])
        owners.append(data.persons[block.rows[place]])
        strange = once & ~block.same
        impostor += np.bincount(bins[strange], minlength=BINS)
        if share < 1:
            strange &= generator.random(strange.shape) < share
        place, column = np.nonzero(strange)
        sample.append(bins[strange])
        both.append(np.stack([data.persons[block.rows[place]], data.persons[column]], 1))
    none = np.empty(0, np.int64)
    return PairScores(
        np.concatenate([none, *genuine]),
        np.concatenate([none, *owners]),
        impostor,
        np.concatenate([none, *sample]),
        np.concatenate([np.empty((0, 2), np.int64), *both]),
    )


def bins_of(similarity: npt.NDArray[np.floating]) -> Int64Array:
    """Bins of cosines."""
    return np.clip((similarity.astype(np.float64) + 1) * (BINS / 2), 0, BINS - 1).astype(np.int64)


def similarity_of(bins: npt.NDArray[np.int64] | int) -> npt.NDArray[np.float64]:
    """The lower edge of a bin."""
    return np.asarray(bins, np.float64) / (BINS / 2) - 1


@dataclass(frozen=True, slots=True)
class Curve:
    """``auc``; ``eer``: where as many genuine pairs are missed as strangers are taken; ``tpr_at_fpr``: NaN where the
    strangers are too few to measure the rate."""

    auc: float
    eer: float
    tpr_at_fpr: Mapping[float, float]


def curve(genuine: Counts, impostor: Counts, *, least_false: float = LEAST_FALSE) -> Curve:
    """From counts per bin, lowest similarity first (any number of bins). A pair in the threshold's own bin counts as
    half in the AUC and as rejected in the rates."""
    positives, negatives = genuine.sum(), impostor.sum()
    if positives == 0 or negatives == 0:
        return Curve(float("nan"), float("nan"), dict.fromkeys(FPRS, float("nan")))
    below = np.cumsum(impostor) - impostor
    auc = float((genuine * (below + 0.5 * impostor)).sum() / positives / negatives)
    # Taken from bin t upwards; index BINS takes none.
    tpr = np.r_[np.cumsum(genuine[::-1])[::-1], 0] / positives
    fpr = np.r_[np.cumsum(impostor[::-1])[::-1], 0] / negatives
    crossing = int(np.argmin(np.abs((1 - tpr) - fpr)))
    eer = float((1 - tpr[crossing] + fpr[crossing]) / 2)
    rates = {}
    for rate in FPRS:
        enough = negatives * rate >= least_false
        rates[rate] = float(tpr[int(np.argmax(fpr <= rate))]) if enough else float("nan")
    return Curve(auc, eer, rates)


def measured(scores: PairScores) -> Curve:
    """On all pairs."""
    return curve(np.asarray(np.bincount(scores.genuine, minlength=BINS), np.float64), scores.impostor)


def intervals(scores: PairScores, *, draws: int = 200, seed: int = 0, level: float = 0.95) -> dict[str, list[float]]:
    """Percentile intervals, patients drawn with replacement: a pair of one person counts as often as the person was
    drawn, a pair of strangers as often as both were. ``"auc"``, ``"eer"``, ``"tpr@0.001"``, ..."""
    persons = np.unique(np.concatenate([scores.genuine_persons, scores.sample_persons.ravel()]))
    if len(persons) < 2 or not len(scores.genuine) or not len(scores.sample):
        return {}
    factor = BINS // _COARSE
    own, own_bins = np.searchsorted(persons, scores.genuine_persons), scores.genuine // factor
    two, two_bins = np.searchsorted(persons, scores.sample_persons), scores.sample // factor
    generator = np.random.default_rng(seed)
    found: dict[str, list[float]] = {}
    enough = scores.impostors
    for _ in range(draws):
        weight = np.bincount(generator.integers(0, len(persons), len(persons)), minlength=len(persons))
        weight = weight.astype(np.float64)
        genuine = np.asarray(np.bincount(own_bins, weight[own], minlength=_COARSE), np.float64)
        drawn = weight[two[:, 0]] * weight[two[:, 1]]
        impostor = np.asarray(np.bincount(two_bins, drawn, minlength=_COARSE), np.float64)
        result = curve(genuine, impostor, least_false=0)
        values = {"auc": result.auc, "eer": result.eer}
        values |= {f"tpr@{rate:g}": value for rate, value in result.tpr_at_fpr.items() if enough * rate >= LEAST_FALSE}
        for name, value in values.items():
            if np.isfinite(value):
                found.setdefault(name, []).append(value)
    tails = [(1 - level) / 2, (1 + level) / 2]
    return {name: [float(edge) for edge in np.quantile(values, tails)] for name, values in found.items()}
