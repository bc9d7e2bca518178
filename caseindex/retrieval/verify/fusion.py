"""The witnesses fused into one probability that the report fits: a mixture over the ways in which it can be wrong.

Multinomial logistic regression over {fits, another case's, side, inserted, omitted, negated}: what is doubted sums over
the kinds of error, so that one strong witness suffices (product of experts does not have that property). A witness that
cannot know contributes 0, with an indicator of its own. The classifiers, which see classes and not statements, count as much
as helps to find all kinds of error alike, tried on the folds that were not fitted on. The probability is calibrated on folds that were not fitted on
(Platt 1999), at even odds of right and wrong, the kinds of error alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from caseindex.records import Int64Array
from caseindex.retrieval.verify.evidence import NUMBERS, WITNESSES
from caseindex.retrieval.verify.filed import FOLDS
from caseindex.retrieval.verify.logistic import Floats, fit_logistic, fit_multinomial, log_odds, sigmoid, softmax

KINDS: Final = ("fits", "swapped", "side", "inserted", "omitted", "negated")
STATEMENT_NUMBERS: Final = 6  # of :meth:`~caseindex.retrieval.verify.evidence.Told.numbers`
_PENALTY = 3.0
_SQUARED = ("crowd", "pair", "said_least", "side")  # whose effect is not straight
#: Witnesses that are silent for reasons of their own. That a report denies nothing, say, is none: an indicator of it would
#: learn how errors are planted.
_INDICATED = ("pair", "classes", "side", "near_side")
_WEIGHED = "classes"  # what it is worth depends on how well its models were trained
_CERTAIN = 1.64  # standard errors by which more errors have to be found
_RESTRAINTS = (1.0, 10.0, 100.0, 1e6)  # times the penalty: from believed like the others to not at all


@dataclass(frozen=True, slots=True)
class Fusion:
    """``centre``, ``scale``: [numbers]; ``coefficients``: [folds, inputs, kinds]; ``curve``: [2] of the calibration.
    ``alone``: for each witness [1 + its numbers], the probability by this one alone."""

    centre: Floats
    scale: Floats
    coefficients: Floats
    curve: Floats
    alone: dict[str, Floats]

    def kinds(self, rows: Floats, folds: Int64Array) -> Floats:
        """[n, numbers] -> [n, kinds] probabilities at even odds, not calibrated."""
        design = _design(rows, self.centre, self.scale)
        out = np.empty((len(rows), len(KINDS)))
        for fold in range(FOLDS):
            here = folds == fold
            out[here] = softmax(design[here], self.coefficients[fold])
        return out

    def agreement(self, rows: Floats, folds: Int64Array) -> Floats:
        """[n] calibrated probability that the report fits."""
        return sigmoid(self.curve[0] + self.curve[1] * log_odds(self.kinds(rows, folds)[:, 0]))

    def of_witness(self, witness: str, rows: Floats) -> Floats:
        """[n] probability that the report fits by what one witness says."""
        return sigmoid(_alone_design(witness, rows, self.centre, self.scale) @ self.alone[witness])


def fit_fusion(rows: Floats, kinds: Int64Array, folds: Int64Array) -> Fusion:
    """``rows``: [n, numbers] with NaN; ``kinds``: [n] places in :data:`KINDS`; ``folds``: [n] of the image's patient."""
    finite = np.where(np.isfinite(rows), rows, np.nan)
    with np.errstate(all="ignore"):
        centre = np.nan_to_num(_nan_mean(finite))
        scale = np.nan_to_num(np.sqrt(_nan_mean((finite - centre) ** 2)))
    scale = np.where(scale > 1e-6, scale, 1.0)
    design = _design(rows, centre, scale)
    weights = _balanced(kinds)
    parts = _by_fold(design, kinds, folds, weights, np.isfinite(rows[:, NUMBERS.index(_WEIGHED)]))
    alone = {
        name: fit_logistic(
            _alone_design(name, rows, centre, scale), (kinds == 0).astype(np.float64), weights=weights, penalty=1.0
        )
        for name in WITNESSES
    }
    plain = Fusion(centre, scale, parts, np.array([0.0, 1.0]), alone)
    odds = log_odds(plain.kinds(rows, folds)[:, 0])
    curve = fit_logistic(
        np.stack([np.ones(len(odds)), odds], 1), (kinds == 0).astype(np.float64), weights=weights, penalty=0.0
    )
    return Fusion(centre, scale, plain.coefficients, np.array([curve[0], max(float(curve[1]), 1e-3)]), alone)


def _by_fold(
    design: Floats, kinds: Int64Array, folds: Int64Array, weights: Floats, known: npt.NDArray[np.bool_]
) -> Floats:
    """[folds, inputs, kinds]. Where the classifiers are ``known`` to speak, they count as much as finds most errors among
    these rows, if it finds more than without them by more than chance."""
    tried = _RESTRAINTS if (kinds[known] == 0).any() and (kinds[known] != 0).any() else (1.0,)
    silent, *others = (
        np.stack([_of_fold(design, kinds, folds != fold, weights, restraint) for fold in range(FOLDS)])
        for restraint in reversed(tried)
    )
    best, found = 0.0, silent
    without = _fits(design, folds, silent)[known]
    for coefficients in others:
        gained, error = _gained(without, _fits(design, folds, coefficients)[known], kinds[known])
        if gained > max(best, _CERTAIN * error):
            best, found = gained, coefficients
    return found


def _fits(design: Floats, folds: Int64Array, coefficients: Floats) -> Floats:
    out = np.empty(len(design))
    for fold in range(FOLDS):
        out[folds == fold] = softmax(design[folds == fold], coefficients[fold])[:, 0]
    return out


def _of_fold(
    design: Floats, kinds: Int64Array, others: npt.NDArray[np.bool_], weights: Floats, restraint: float
) -> Floats:
    if len(set(kinds[others].tolist())) < 2 or not (kinds[others] == 0).any():
        others = np.ones(len(design), bool)
    penalty = np.full(design.shape[1] - 1, _PENALTY)
    penalty[[NUMBERS.index(_WEIGHED), _INDICATED.index(_WEIGHED) - len(_INDICATED)]] *= restraint
    return fit_multinomial(design[others], kinds[others], len(KINDS), weights=weights[others], penalty=penalty)


def _gained(before: Floats, after: Floats, kinds: Int64Array) -> tuple[float, float]:
    """How much the mean over the kinds of error of the AUROC against what fits rises, and its standard error (DeLong et al.
    1988, by placements)."""
    wrong_kinds = sorted(set(kinds.tolist()) - {0})
    right = kinds == 0
    of_right = np.zeros(int(right.sum()))
    variance = 0.0
    for kind in wrong_kinds:
        wrong = kinds == kind
        rise = _placed(after[right], after[wrong]) - _placed(before[right], before[wrong])
        of_right += rise / len(wrong_kinds)
        fall = _placed(after[wrong], after[right]) - _placed(before[wrong], before[right])
        variance += float(fall.var()) / max(int(wrong.sum()), 1) / len(wrong_kinds) ** 2
    return float(of_right.mean()), float(np.sqrt(variance + of_right.var() / max(len(of_right), 1)))


def _placed(values: Floats, among: Floats) -> Floats:
    """[n] share of ``among`` below each value, ties half."""
    order = np.sort(among)
    both = np.searchsorted(order, values, side="left") + np.searchsorted(order, values, side="right")
    return np.asarray(both / (2 * max(len(order), 1)), np.float64)


def _balanced(kinds: Int64Array) -> Floats:
    """Half of the weight on what fits, the rest alike on the kinds of error that there are; the sum is the number of true ones, twice."""
    counts = np.bincount(kinds, minlength=len(KINDS)).astype(np.float64)
    true = max(counts[0], 1.0)
    errors = max(int((counts[1:] > 0).sum()), 1)
    per_kind = np.where(counts > 0, true / errors / np.maximum(counts, 1), 0.0)
    per_kind[0] = 1.0
    return per_kind[kinds]


def _design(rows: Floats, centre: Floats, scale: Floats) -> Floats:
    """[n, 1 + numbers + squares + indicators]."""
    known = np.isfinite(rows)
    values = np.clip(np.where(known, (np.nan_to_num(rows) - centre) / scale, 0.0), -5, 5)
    squares = [values[:, NUMBERS.index(name)] ** 2 - 1.0 for name in _SQUARED]
    squares = [np.where(known[:, NUMBERS.index(name)], one, 0.0) for name, one in zip(_SQUARED, squares, strict=True)]
    silent = 1.0 - known[:, [NUMBERS.index(name) for name in _INDICATED]]
    return np.concatenate([np.ones((len(rows), 1)), values, np.stack(squares, 1), silent], axis=1)


def _alone_design(witness: str, rows: Floats, centre: Floats, scale: Floats) -> Floats:
    columns = [NUMBERS.index(name) for name in WITNESSES[witness]]
    here = rows[:, columns]
    values = np.where(np.isfinite(here), (np.nan_to_num(here) - centre[columns]) / scale[columns], 0.0)
    return np.concatenate([np.ones((len(rows), 1)), np.clip(values, -5, 5)], axis=1)


def _nan_mean(values: Floats) -> Floats:
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0.0).sum(0) / np.maximum(known.sum(0), 1))


@dataclass(frozen=True, slots=True)
class StatementCurve:
    """Calibrated probability that a statement is right, at even odds, from its own numbers. ``coefficients``: [13];
    ``right``: [101] quantiles of what statements of right reports get."""

    coefficients: Floats
    right: Floats

    def __call__(self, numbers: Sequence[Sequence[float]] | Floats) -> Floats:
        """[n, 6] -> [n]; NaN where neither image, neighbours nor another statement says anything."""
        if not len(numbers):
            return np.zeros(0)
        values = np.asarray(numbers, np.float64)
        out = sigmoid(_statement_design(values) @ self.coefficients)
        silent = ~np.isfinite(values[:, :-1]).any(1) & (values[:, -1] == 0)
        return np.where(silent, np.nan, out)

    def line(self, rate: float) -> float:
        """Below it is that share of the statements of right reports."""
        return float(np.interp(rate, np.linspace(0, 1, 101), self.right))


def fit_statement_curve(numbers: Floats, right: npt.NDArray[np.bool_]) -> StatementCurve:
    """``numbers``: [n, 6]; ``right``: [n]."""
    share = float(right.mean()) if len(right) else 0.5
    weights = np.where(right, 0.5 / max(share, 1e-3), 0.5 / max(1 - share, 1e-3))
    coefficients = fit_logistic(_statement_design(numbers), right.astype(np.float64), weights=weights, penalty=1.0)
    own = slice(1, 1 + numbers.shape[1])
    coefficients[own] = np.maximum(coefficients[own], 0.0)  # more support never makes a statement more doubtful
    made = StatementCurve(coefficients, np.zeros(101))
    of_right = made(numbers[right])
    of_right = of_right[np.isfinite(of_right)]
    quantiles = np.quantile(of_right, np.linspace(0, 1, 101)) if len(of_right) else np.zeros(101)
    return StatementCurve(coefficients, quantiles)


def _statement_design(values: Floats) -> Floats:
    known = np.isfinite(values)
    return np.concatenate([np.ones((len(values), 1)), np.where(known, values, 0.0), 1.0 - known], axis=1)
