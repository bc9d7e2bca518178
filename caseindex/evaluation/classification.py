"""Metrics of a classifier over a label set, in numpy, with a weight per item (how often a bootstrap draw took it).

``scores``: [n, classes], higher is likelier; ``truth``: [n, classes] float, 1 the item has the label, 0 it has not, NaN
nobody knows (such cells are counted nowhere). A label set is of *one label* per item (each row of ``truth`` has a single
1) or of *many*. Everything is NaN where it is not defined.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def lrap(scores: npt.NDArray[np.floating], truth: npt.NDArray[np.floating]) -> Floats:
    """[n] label ranking average precision of each item (Tsoumakas, Katakis and Vlahavas 2010, "Mining Multi-label
    Data", section 5.2): over the labels that it has, the share of its labels among those ranked no lower, averaged. Of an
    item with one label it is 1 / rank. Items without a label, or with all of them, have NaN.

    >>> lrap(np.array([[0.2, 0.5, 0.3]]), np.array([[0.0, 0.0, 1.0]])).tolist()
    [0.5]
    """
    out = np.full(len(scores), np.nan)
    for row, (score, known) in enumerate(zip(scores, truth, strict=True)):
        kept = ~np.isnan(known)
        relevant = known[kept] > 0.5
        if not relevant.any() or relevant.all():
            continue
        values = score[kept]
        no_lower = values[None, :] >= values[relevant][:, None]  # [labels, all]
        out[row] = float((no_lower[:, relevant].sum(1) / no_lower.sum(1)).mean())
    return out


def confusion(scores: npt.NDArray[np.floating], truth: npt.NDArray[np.floating], weights: Floats) -> Floats:
    """[true class, class with the highest score] summed weights, for one label per item."""
    out = np.zeros((scores.shape[1], scores.shape[1]))
    np.add.at(out, (np.nan_to_num(truth).argmax(1), scores.argmax(1)), weights)
    return out


def matthews(table: Floats) -> float:
    """The correlation of truth and prediction over K classes (Gorodkin 2004, R_K); for two the Matthews coefficient.
    0 where only one class is ever true or ever predicted."""
    total = table.sum()
    true, predicted = table.sum(1), table.sum(0)
    covariance = np.trace(table) * total - true @ predicted
    spread = (total**2 - true @ true) * (total**2 - predicted @ predicted)
    if total == 0:
        return math.nan
    return float(covariance / math.sqrt(spread)) if spread > 0 else 0.0


def two_by_two(scores: Floats, truth: Floats, weights: Floats, threshold: float) -> Floats:
    """[[true negatives, false positives], [false negatives, true positives]] of one label."""
    known = ~np.isnan(truth)
    out = np.zeros((2, 2))
    np.add.at(out, ((truth[known] > 0.5).astype(int), (scores[known] >= threshold).astype(int)), weights[known])
    return out


def one_against_rest(table: Floats, place: int) -> Floats:
    """The two-by-two table of one class of a confusion matrix."""
    right = table[place, place]
    missed, taken = table[place].sum() - right, table[:, place].sum() - right
    return np.array([[table.sum() - right - missed - taken, taken], [missed, right]])


def rates(table: Floats) -> dict[str, float]:
    """``precision``, ``sensitivity``, ``specificity``, ``f1``, ``mcc`` of a two-by-two table."""
    (negatives, taken), (missed, right) = table
    positives = right + missed
    return {
        "precision": _ratio(right, right + taken),
        "sensitivity": _ratio(right, positives),
        "specificity": _ratio(negatives, negatives + taken),
        "f1": float(2 * right / (2 * right + taken + missed)) if positives > 0 else math.nan,
        "mcc": matthews(table) if positives > 0 else math.nan,
    }


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else math.nan


class Auc:
    """The area under the ROC curve of one label, for many weightings of the same scores: sorted once. Ties count half
    (Hanley and McNeil 1982)."""

    def __init__(self, scores: Floats, truth: Floats) -> None:
        self.known = ~np.isnan(truth)
        values, self._bin = np.unique(scores[self.known], return_inverse=True)
        self._positive = truth[self.known] > 0.5
        self._bins = len(values)

    def __call__(self, weights: Floats) -> float:
        given = weights[self.known]
        own = np.bincount(self._bin[self._positive], given[self._positive], self._bins)
        other = np.bincount(self._bin[~self._positive], given[~self._positive], self._bins)
        pairs = own.sum() * other.sum()
        below = np.cumsum(other) - other
        return float((own * (below + 0.5 * other)).sum() / pairs) if pairs > 0 else math.nan


def calibration_error(probabilities: Floats, right: Floats, bins: int = 10) -> float:
    """Expected calibration error (Guo et al. 2017): the distance of confidence and accuracy, over equal-width bins."""
    if not len(right):
        return math.nan
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    gap = np.abs(np.bincount(place, probabilities, bins) - np.bincount(place, right, bins))
    return float(gap.sum() / len(right))
