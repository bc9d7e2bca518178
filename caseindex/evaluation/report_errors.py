"""How well wrong reports are told from right ones: AUROC and sensitivity by kind of error, with intervals by patient.

Each wrong report is compared with the right reports of those cases that offered a place for this kind of error, so that no
figure rests on what kind of text an error can be planted into. Scores: higher is more agreement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from caseindex.records import Float32Array

Floats = npt.NDArray[np.float64]
_DRAWS = 500
_TAILS = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure with its 95% percentile interval over patients drawn with replacement; NaN where there is none."""

    value: float
    low: float
    high: float

    def rounded(self) -> dict[str, float | None]:
        return {name: _number(getattr(self, name)) for name in ("value", "low", "high")}


def _number(value: float) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None


def auroc(right: Floats, wrong: Floats, of_right: Floats | None = None, of_wrong: Floats | None = None) -> float:
    """The chance that a right report scores above a wrong one, ties half; ``of_right``, ``of_wrong``: weights.

    >>> auroc(np.array([0.9, 0.4]), np.array([0.5, 0.4]))
    0.625
    """
    a = np.ones(len(right)) if of_right is None else of_right
    b = np.ones(len(wrong)) if of_wrong is None else of_wrong
    if not a.sum() or not b.sum():
        return math.nan
    order = np.argsort(wrong, kind="stable")
    mass = np.concatenate([[0.0], np.cumsum(b[order])])
    below = mass[np.searchsorted(wrong[order], right, side="left")]
    upto = mass[np.searchsorted(wrong[order], right, side="right")]
    return float((a * (below + upto) / 2).sum() / a.sum() / b.sum())


def sensitivity(right: Floats, wrong: Floats, rate: float, of_right: Floats, of_wrong: Floats) -> float:
    """The share of wrong reports below the line that flags ``rate`` of the right ones at most."""
    if not of_right.sum() or not of_wrong.sum():
        return math.nan
    order = np.argsort(right, kind="stable")
    mass = np.cumsum(of_right[order]) / of_right.sum()
    place = int(np.searchsorted(mass, rate + 1e-12, side="right"))
    line = right[order][min(place, len(right) - 1)]
    return float(of_wrong[wrong < line].sum() / of_wrong.sum())


@dataclass(frozen=True)
class Trials:
    """``scores``: [n]; ``kinds``: [n], "fits" or a kind of error; ``cases``: [n] number of the case; ``patients``: by case."""

    scores: Floats
    kinds: Sequence[str]
    cases: npt.NDArray[np.int64]
    patients: Sequence[str]


def of_kind(
    trials: Trials, kind: str, rates: Sequence[float], *, draws: int = _DRAWS, seed: int = 0
) -> dict[str, Measured]:
    """``auroc`` and ``sensitivity@RATE``; the lines are those of all right reports."""
    kinds = np.array(trials.kinds)
    fits, here = kinds == "fits", kinds == kind
    own = fits & np.isin(trials.cases, trials.cases[here])
    _, owner = np.unique(np.array(trials.patients), return_inverse=True)
    of_trial = owner[trials.cases]
    weights = _drawn(int(owner.max()) + 1 if len(owner) else 0, draws, seed)

    def figure(name: str, weight: Floats) -> float:
        w = weight[of_trial]
        if name == "auroc":
            return auroc(trials.scores[own], trials.scores[here], w[own], w[here])
        rate = float(name.partition("@")[2])
        return sensitivity(trials.scores[fits], trials.scores[here], rate, w[fits], w[here])

    names = ["auroc", *(f"sensitivity@{rate:g}" for rate in rates)]
    return {name: measured(lambda weight, name=name: figure(name, weight), weights) for name in names}  # type: ignore[misc]


def gained(before: Trials, after: Trials, kind: str, *, draws: int = _DRAWS, seed: int = 0) -> Measured:
    """AUROC of ``after`` less that of ``before``, which scored the same trials otherwise: the same patients are drawn for
    both."""
    kinds = np.array(before.kinds)
    fits, here = kinds == "fits", kinds == kind
    own = fits & np.isin(before.cases, before.cases[here])
    _, owner = np.unique(np.array(before.patients), return_inverse=True)
    of_trial = owner[before.cases]

    def figure(weight: Floats) -> float:
        w = weight[of_trial]
        return auroc(after.scores[own], after.scores[here], w[own], w[here]) - auroc(
            before.scores[own], before.scores[here], w[own], w[here]
        )

    return measured(figure, _drawn(int(owner.max()) + 1 if len(owner) else 0, draws, seed))


def measured(figure: object, weights: Floats) -> Measured:
    """``figure``: weights of patients -> a number; ``weights``: [1 + draws, patients], the first all ones."""
    if not callable(figure):
        raise TypeError("a figure is a function of the patients' weights")
    values = [float(figure(row)) for row in weights]
    drawn = [value for value in values[1:] if math.isfinite(value)]
    if len(drawn) < 2:
        return Measured(values[0] if values else math.nan, math.nan, math.nan)
    low, high = np.quantile(drawn, _TAILS)
    return Measured(values[0], float(low), float(high))


def false_alarms(trials: Trials, line: float, *, draws: int = _DRAWS, seed: int = 0) -> Measured:
    """The share of right reports below ``line``."""
    fits = np.array(trials.kinds) == "fits"
    _, owner = np.unique(np.array(trials.patients), return_inverse=True)
    of_trial = owner[trials.cases][fits]
    below = trials.scores[fits] < line
    weights = _drawn(int(owner.max()) + 1 if len(owner) else 0, draws, seed)

    def share(weight: Floats) -> float:
        w = weight[of_trial]
        return float(w[below].sum() / w.sum()) if w.sum() else math.nan

    return measured(share, weights)


def _drawn(patients: int, draws: int, seed: int) -> Floats:
    if not patients:
        return np.ones((1, 0))
    rng = np.random.default_rng(seed)
    rows = [np.bincount(rng.integers(0, patients, patients), minlength=patients) for _ in range(draws)]
    return np.concatenate([np.ones((1, patients)), np.array(rows, float).reshape(draws, patients)])


def pool_recall(
    similarity: Float32Array,
    texts: Sequence[str],
    patients: Sequence[str],
    pool: int,
    ks: Sequence[int] = (1, 5, 10),
    *,
    draws: int = 20,
    seed: int = 0,
) -> dict[str, object]:
    """recall@k of images asking for their reports and reports for their images, in pools of ``pool`` cases, one per
    patient, drawn anew ``draws`` times (all patients once, where they are fewer). ``similarity``: [images, reports], the
    own one on the diagonal; an equal text is as right.

    Intervals: over the asking patients.
    """
    from caseindex.evaluation.bootstrap import interval_of_mean

    names = np.array(patients, dtype=object)
    people = sorted(set(patients))
    of = {name: np.flatnonzero(names == name) for name in people}
    size = min(pool, len(people))
    rng = np.random.default_rng(seed)
    hits: dict[str, list[float]] = {f"{way}@{k}": [] for way in ("image_to_text", "text_to_image") for k in ks}
    asking: list[str] = []
    words = np.array(texts, dtype=object)
    for _ in range(1 if size == len(people) else draws):
        chosen = np.array([int(rng.choice(of[people[i]])) for i in rng.permutation(len(people))[:size]])
        block = similarity[np.ix_(chosen, chosen)]
        same = words[chosen][:, None] == words[chosen][None, :]
        for way, scores, right in (("image_to_text", block, same), ("text_to_image", block.T, same.T)):
            best = np.where(right, scores, -np.inf).max(1)
            ahead = ((scores > best[:, None]) & ~right).sum(1) + ((scores == best[:, None]) & ~right).sum(1) / 2
            for k in ks:
                hits[f"{way}@{k}"] += (ahead < k).astype(float).tolist()
        asking += names[chosen].tolist()
    document: dict[str, object] = {"pool": size, "chance@1": _number(1 / max(size, 1))}
    for name, values in hits.items():
        span = interval_of_mean(values, asking)
        document[name] = {"value": _number(span.value), "low": _number(span.low), "high": _number(span.high)}
    return document
