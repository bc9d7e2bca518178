"""Where to draw the line: by the share of right reports that one is willing to look at in vain, with its uncertainty.

Split conformal (Vovk et al. 2005; Lei et al. 2018): with n right reports of patients that were not fitted on, the k-th
lowest agreement, k = floor((n + 1) rate), flags a new right report with a probability of at most the rate; how far the rate
realised on this archive may be off follows a beta distribution with k and n + 1 - k.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from caseindex.retrieval.verify.logistic import Floats


@dataclass(frozen=True, slots=True)
class Threshold:
    """Below it a report is doubtful. ``rate`` asked for; ``low``, ``high``: 95% interval of the rate that is realised;
    ``enough``: whether the archive has patients enough for this rate; else nothing is flagged by it. ``patients``: how
    many the line rests on."""

    value: float
    rate: float
    low: float
    high: float
    enough: bool
    patients: int
    reports: int


def by_false_alarms(right: Floats, patients: Sequence[str], rate: float) -> Threshold:
    """``right``: [n] agreements of right reports, of ``patients``."""
    if not 0 < rate < 1:
        raise ValueError(f"a rate of false alarms is between 0 and 1, not {rate}")
    people = len(set(patients))
    place = math.floor((len(right) + 1) * rate)
    enough = people > 0 and math.floor((people + 1) * rate) >= 1 and place >= 1
    if not enough:
        return Threshold(-math.inf, rate, 0.0, 0.0, False, people, len(right))
    value = float(np.sort(right)[place - 1])
    low, high = beta_interval(rate * (people + 1), (1 - rate) * (people + 1))
    return Threshold(math.nextafter(value, -math.inf), rate, low, high, True, people, len(right))


def beta_interval(a: float, b: float, level: float = 0.95) -> tuple[float, float]:
    """The central interval of a beta distribution, by summing its density on a fine grid."""
    grid = (np.arange(200_000) + 0.5) / 200_000
    log_density = (a - 1) * np.log(grid) + (b - 1) * np.log1p(-grid)
    mass = np.cumsum(np.exp(log_density - log_density.max()))
    mass /= mass[-1]
    low, high = np.interp([(1 - level) / 2, (1 + level) / 2], mass, grid)
    return float(low), float(high)


class Line(StrEnum):
    """How the line is chosen."""

    FALSE_ALARMS = "false-alarms"
    BEST_F1 = "best-f1"
    YOUDEN = "youden"
    SENSITIVITY_95 = "sensitivity-95"


def by_point(point: tuple[float, float, float], right: Floats, patients: Sequence[str]) -> Threshold:
    """A line that was chosen otherwise, with the false alarms that it costs. ``point``: one of :class:`Points`; ``right``
    and ``patients`` as in :func:`by_false_alarms`."""
    value, _, rate = point
    people = len(set(patients))
    low, high = beta_interval(rate * people + 0.5, (1 - rate) * people + 0.5)
    return Threshold(value, rate, low, high, people > 0, people, len(right))


@dataclass(frozen=True, slots=True)
class Points:
    """Other usual lines on the same agreements: of best F1 (for wrong reports, as many as right ones), of Youden's
    index, and the highest at which at least 95% of wrong ones are flagged. Each: (threshold, sensitivity, false alarms)."""

    best_f1: tuple[float, float, float]
    youden: tuple[float, float, float]
    sensitivity_95: tuple[float, float, float]


def usual_points(right: Floats, wrong: Floats, weights: Floats) -> Points:
    """``wrong``: [m] agreements of planted errors with ``weights`` that make the kinds alike."""
    lines = np.unique(np.concatenate([right, wrong]))
    lines = lines[np.unique(np.linspace(0, len(lines) - 1, min(len(lines), 2000)).astype(int))]
    order = np.argsort(wrong)
    mass = np.concatenate([[0.0], np.cumsum(weights[order])]) / max(float(weights.sum()), 1e-12)
    found = mass[np.searchsorted(wrong[order], lines, side="left")]
    false = np.searchsorted(np.sort(right), lines, side="left") / max(len(right), 1)
    f1 = 2 * found / np.maximum(1 + found + false, 1e-12)  # precision found / (found + false), as many of each

    def at(place: int) -> tuple[float, float, float]:
        return float(lines[place]), float(found[place]), float(false[place])

    enough = np.flatnonzero(found >= 0.95)
    return Points(at(int(f1.argmax())), at(int((found - false).argmax())), at(int(enough[0]) if len(enough) else -1))
