"""What an image makes one expect its report to say: the probability of each finding, and of left over right.

Witness (c), and (a) where no pair model was trained. From ridge regression on the embedding, turned into probabilities
by a logistic curve for each finding, drawn towards the curve that all findings share (empirical Bayes) where few
patients have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from caseindex.index.comparable import Kind
from caseindex.records import Float32Array, Int64Array
from caseindex.retrieval.verify.claims import Claims
from caseindex.retrieval.verify.halves import lateral
from caseindex.retrieval.verify.logistic import Floats, fit_logistic, log_odds, sigmoid
from caseindex.retrieval.verify.panel import Panel
from caseindex.retrieval.verify.ridge import Centring, Ridge, fit_centring, fit_ridge
from caseindex.retrieval.verify.targets import Targets, net_side

LEAST_SIDED = 16  # patients with something on one side; fewer do not teach the sides
_SIDE_STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0)
_DRAWN = 4.0  # weight of the common curve, in units of information
_CROWD = 400  # reports that an image's own is compared with


@dataclass(frozen=True, slots=True)
class Expectation:
    """``base``: [columns] share of reports; ``curves``: [findings, 2] intercept and slope over the base rate's log odds;
    ``side_curve``: [2]. ``crowd_rows``: [m, columns] reports to compare with, of ``crowd_patients`` and ``crowd_kinds``."""

    targets: Targets
    halves: bool
    centring: Centring
    ridge: Ridge
    base: Float32Array
    curves: Floats
    side_centring: Centring | None
    side_ridge: Ridge | None
    side_curve: Floats
    crowd_rows: Float32Array
    crowd_patients: tuple[str, ...]
    crowd_kinds: tuple[Kind, ...]

    def seen(self, vectors: Float32Array, folds: Int64Array) -> Seen:
        """What [n, dim] images of patients in ``folds`` show."""
        scores = self.ridge(self.centring(vectors), folds)
        deviations = standardised(scores, self.base)
        own = deviations[:, : len(self.targets.findings)]
        odds = log_odds(self.base[: own.shape[1]], 1e-4) + self.curves[:, 0] + self.curves[:, 1] * own
        left = np.full(len(vectors), np.nan)
        if self.side_centring is not None and self.side_ridge is not None:
            side = self.side_ridge(self.side_centring(lateral(vectors, self.halves)), folds)[:, 0]
            left = sigmoid(self.side_curve[0] + self.side_curve[1] * side)
        return Seen(deviations, sigmoid(odds), left)


@dataclass(frozen=True, slots=True)
class Seen:
    """``deviations``: [n, columns] expected claims in standard deviations; ``probability``: [n, findings] of being
    asserted; ``left``: [n] that what lies on one side lies on the left, NaN where unknown."""

    deviations: Float32Array
    probability: Floats
    left: Floats

    def of(self, row: int) -> Seen:
        return Seen(self.deviations[row : row + 1], self.probability[row : row + 1], self.left[row : row + 1])


def standardised(rows: Float32Array, base: Float32Array) -> Float32Array:
    """In standard deviations of a yes-or-no claim with this base rate."""
    return np.asarray((rows - base) / np.sqrt(np.maximum(base * (1 - base), 1e-4)), np.float32)


def fit_expectation(panel: Panel, targets: Targets, *, halves: bool, seed: int = 0) -> Expectation:
    rows = targets.rows(panel.claims)
    base = rows.mean(0)
    centring = fit_centring(panel.vectors)
    inputs = centring(panel.vectors)
    ridge = fit_ridge(inputs, rows, panel.folds)
    count = len(targets.findings)
    curves = _curves(standardised(ridge(inputs, panel.folds), base)[:, :count], rows[:, :count], base[:count])
    side_centring, side_ridge, side_curve = _sides(panel, halves)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(panel))[:_CROWD])
    return Expectation(
        targets,
        halves,
        centring,
        ridge,
        base,
        curves,
        side_centring,
        side_ridge,
        side_curve,
        rows[chosen],
        tuple(panel.patients[i] for i in chosen),
        tuple(panel.kinds[i] for i in chosen),
    )


def _curves(deviations: Float32Array, truth: Float32Array, base: Float32Array) -> Floats:
    """[findings, 2]; the common curve first, then each finding's own by Newton steps with a Gaussian prior around it."""
    if not truth.shape[1]:
        return np.zeros((0, 2))
    offset = log_odds(base, 1e-4)
    x, y = deviations.astype(np.float64), truth.astype(np.float64)
    design = np.stack([np.ones(x.size), x.ravel()], 1)
    step = max(1, x.size // 400_000)
    flat = np.broadcast_to(offset, x.shape).ravel()
    common = fit_logistic(design[::step], y.ravel()[::step], offset=flat[::step], penalty=1e-3)
    curves = np.tile(common, (x.shape[1], 1))
    for _ in range(12):
        p = sigmoid(offset + curves[:, 0] + curves[:, 1] * x)  # [n, findings]
        info = p * (1 - p)
        off = y - p
        gradient = np.stack([off.sum(0), (off * x).sum(0)], 1) - _DRAWN * (curves - common)
        a, b, c = info.sum(0) + _DRAWN, (info * x).sum(0), (info * x * x).sum(0) + _DRAWN
        det = np.maximum(a * c - b * b, 1e-9)
        move = np.stack([c * gradient[:, 0] - b * gradient[:, 1], a * gradient[:, 1] - b * gradient[:, 0]], 1)
        curves += np.clip(move / det[:, None], -1, 1)
    curves[:, 1] = np.maximum(curves[:, 1], 0)  # more of the finding's looks never speaks against it
    return curves


def _sides(panel: Panel, halves: bool) -> tuple[Centring | None, Ridge | None, Floats]:
    sides = np.array([net_side(one) for one in panel.claims], np.float32)
    told = np.flatnonzero(sides)
    if len({panel.patients[i] for i in told}) < LEAST_SIDED or len(set(sides[told].tolist())) < 2:
        return None, None, np.zeros(2)
    vectors = lateral(panel.vectors[told], halves)
    centring = fit_centring(vectors)
    ridge = fit_ridge(centring(vectors), sides[told, None], panel.folds[told], strengths=_SIDE_STRENGTHS)
    scores = ridge(centring(vectors), panel.folds[told])[:, 0].astype(np.float64)
    design = np.stack([np.ones(len(told)), scores], 1)
    curve = fit_logistic(design, (sides[told] > 0).astype(np.float64), penalty=0.5)
    return centring, ridge, np.array([curve[0], max(float(curve[1]), 0.0)])


def crowd_score(
    expectation: Expectation, seen: Seen, claims: Sequence[Claims], patients: Sequence[str], kinds: Sequence[Kind]
) -> Floats:
    """[n]: how many standard deviations a report is nearer to what its image shows than reports of other patients are
    (of the same kind of image where there are enough)."""
    base = expectation.base
    own = _directions(standardised(expectation.targets.rows(claims), base))
    crowd = _directions(standardised(expectation.crowd_rows, base))
    others = seen.deviations @ crowd.T  # [n, m]
    mine = (seen.deviations * own).sum(1)
    out = np.zeros(len(claims))
    strangers = np.array(expectation.crowd_patients, dtype=object)
    of_kind = {kind: np.array([one == kind for one in expectation.crowd_kinds]) for kind in set(kinds)}
    for row, (patient, kind) in enumerate(zip(patients, kinds, strict=True)):
        usable = strangers != patient
        alike = usable & of_kind[kind]
        chosen = alike if alike.sum() >= 20 else usable
        values = others[row, chosen]
        if len(values) > 1:
            out[row] = (mine[row] - values.mean()) / max(float(values.std()), 1e-6)
    return out


def _directions(rows: Float32Array) -> Float32Array:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)
