"""How good a classifier is: every metric with its interval by patient, class by class, and the confusion matrix."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from caseindex.evaluation.bootstrap import Interval
from caseindex.evaluation.classification import (
    Auc,
    Floats,
    calibration_error,
    confusion,
    lrap,
    matthews,
    one_against_rest,
    rates,
    two_by_two,
)

#: From this probability on a label of several is given.
THRESHOLD = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassReport:
    """``items``: how many have the label, of ``patients``; the metrics are of this class against the rest."""

    label: str
    items: int
    patients: int
    metrics: dict[str, Interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationReport:
    """``metrics``: ``accuracy``, ``lrap``, ``macro_f1``, ``mcc``, ``macro_auc``. Macro: the mean over the classes that
    occur. Of several labels per item ``accuracy`` is the share of known labels given right, ``mcc`` a mean over labels.
    ``confusion``: [true, predicted] items, ``None`` for several labels per item. ``calibration_error``: of the highest
    probability (one label) or of all."""

    items: int
    patients: int
    metrics: dict[str, Interval]
    classes: tuple[ClassReport, ...]
    confusion: tuple[tuple[int, ...], ...] | None
    calibration_error: float

    @property
    def labels(self) -> list[str]:
        return [item.label for item in self.classes]


def classification_report(
    probabilities: npt.NDArray[np.floating],
    truth: npt.NDArray[np.floating],
    patients: Sequence[Hashable],
    classes: Sequence[str],
    *,
    many: bool = False,
    draws: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> ClassificationReport:
    """``probabilities``, ``truth``: [n, classes]; ``patients``: [n], drawn with replacement for the intervals
    (percentile bootstrap, Efron and Tibshirani 1993). ``many``: an item may have several labels."""
    scores, known = np.asarray(probabilities, np.float64), np.asarray(truth, np.float64)
    number: dict[Hashable, int] = {}
    group = np.array([number.setdefault(patient, len(number)) for patient in patients], np.int64)
    measure = _Measure(scores, known, many)
    values = measure(np.ones(len(scores)))
    found: dict[tuple[int, str], list[float]] = defaultdict(list)
    generator = np.random.default_rng(seed)
    for _ in range(draws if len(number) > 1 else 0):
        times = np.bincount(generator.integers(0, len(number), len(number)), minlength=len(number))
        for key, value in measure(times[group].astype(np.float64)).items():
            if not math.isnan(value):
                found[key].append(value)
    interval = {key: _interval(value, found.get(key, []), level) for key, value in values.items()}
    own = [known[:, place] > 0.5 for place in range(len(classes))]
    return ClassificationReport(
        items=len(scores),
        patients=len(number),
        metrics={name: value for (place, name), value in interval.items() if place < 0},
        classes=tuple(
            ClassReport(
                label=label,
                items=int(own[place].sum()),
                patients=len(set(group[own[place]].tolist())),
                metrics={name: value for (other, name), value in interval.items() if other == place},
            )
            for place, label in enumerate(classes)
        ),
        confusion=None
        if many
        else tuple(tuple(map(int, row)) for row in confusion(scores, known, np.ones(len(scores)))),
        calibration_error=_calibration(scores, known, many),
    )


class _Measure:
    """(class or -1, metric) -> value, for a weight per item."""

    def __init__(self, scores: Floats, truth: Floats, many: bool) -> None:
        self.scores, self.truth, self.many = scores, truth, many
        self._lrap = lrap(scores, truth)
        self._auc = [Auc(scores[:, place], truth[:, place]) for place in range(scores.shape[1])]

    def __call__(self, weights: Floats) -> dict[tuple[int, str], float]:
        places = range(self.scores.shape[1])
        whole = confusion(self.scores, self.truth, weights) if not self.many else None
        tables = [
            one_against_rest(whole, place)
            if whole is not None
            else two_by_two(self.scores[:, place], self.truth[:, place], weights, THRESHOLD)
            for place in places
        ]
        out: dict[tuple[int, str], float] = {}
        for place in places:
            out |= {(place, name): value for name, value in rates(tables[place]).items()}
            out[place, "auc"] = self._auc[place](weights)
        right = np.trace(whole) if whole is not None else sum(np.trace(table) for table in tables)
        total = whole.sum() if whole is not None else sum(table.sum() for table in tables)
        out[-1, "accuracy"] = float(right / total) if total else math.nan
        ranked = ~np.isnan(self._lrap)
        out[-1, "lrap"] = _mean(self._lrap[ranked], weights[ranked])
        out[-1, "macro_f1"] = _plain_mean([out[place, "f1"] for place in places])
        out[-1, "mcc"] = matthews(whole) if whole is not None else _plain_mean([out[place, "mcc"] for place in places])
        out[-1, "macro_auc"] = _plain_mean([out[place, "auc"] for place in places])
        return out


def _mean(values: Floats, weights: Floats) -> float:
    return float((values * weights).sum() / weights.sum()) if weights.sum() > 0 else math.nan


def _plain_mean(values: list[float]) -> float:
    kept = [value for value in values if not math.isnan(value)]
    return sum(kept) / len(kept) if kept else math.nan


def _interval(value: float, drawn: list[float], level: float) -> Interval:
    if math.isnan(value) or not drawn:
        return Interval(value, math.nan, math.nan, level)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, min(float(low), value), max(float(high), value), level)


def _calibration(scores: Floats, truth: Floats, many: bool) -> float:
    if many:
        known = ~np.isnan(truth)
        return calibration_error(scores[known], truth[known])
    right = np.take_along_axis(np.nan_to_num(truth), scores.argmax(1)[:, None], 1)[:, 0]
    return calibration_error(scores.max(1), right)
