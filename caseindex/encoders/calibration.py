"""From a similarity to evidence: the log-likelihood ratio that two things show one person, and a probability.

A similarity means nothing by itself. How much more often pairs of one person have it than pairs of strangers is a
likelihood ratio, which does not depend on how rare the one or the other is; with a prior it becomes a probability.
Fitted without a formula (isotonic regression by pool-adjacent-violators: Zadrozny and Elkan 2002, KDD) or with one
(logistic: Platt 1999), on counts per similarity; never more certain than the number of pairs allows.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from caseindex.errors import ModelDamaged

FILE: Final = "calibration.json"  # of cosines
ASKED_FILE: Final = "calibration-asked.json"  # of similarities normalised by cohorts without labels, for `match`
COHORT_FILE: Final = "calibration-cohort.json"  # of similarities normalised by cohorts, which the audit uses
PERSONS_FILE: Final = "calibration-closeness.json"  # of those, patient against patient
FILES: Final = (FILE, ASKED_FILE, COHORT_FILE, PERSONS_FILE)
LEAST_PERSONS = 20  # with several images; fewer say too little of how one person's images differ
DRIFT = 0.15  # largest distance of the strangers' distributions (Kolmogorov) that is still taken for the same

Floats = npt.NDArray[np.float64]
Method = Literal["isotonic", "logistic"]


@dataclass(frozen=True, slots=True)
class Reliability:
    """On persons that were not fitted on, at even odds. ``bins``: (predicted, observed, weight); ``error``: expected
    calibration error; ``cllr``: cost of log-likelihood ratios in bits (Brümmer and du Preez 2006), 1 for one that knows
    nothing, ``least_cllr`` after the best monotone correction."""

    bins: tuple[tuple[float, float, float], ...]
    error: float
    cllr: float
    least_cllr: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """``similarities``: [k] ascending; ``ratios``: [k] natural log of the likelihood ratio there, linear in between.
    ``genuine``, ``impostor``: how many were fitted on, of ``persons``. ``strangers``: 21 quantiles of the strangers'
    similarities, to see whether another archive is like this one. ``made_on``: model and archive."""

    similarities: tuple[float, ...]
    ratios: tuple[float, ...]
    genuine: int
    impostor: int
    persons: int
    strangers: tuple[float, ...]
    method: Method = "isotonic"
    reliability: Reliability | None = None
    made_on: dict[str, str] = field(default_factory=dict)

    def log_ratio(self, similarity: npt.NDArray[np.floating] | float) -> Floats:
        """Natural log of the likelihood ratio; 0 says nothing either way; NaN or -inf (nothing to compare) give 0."""
        given = np.asarray(similarity, np.float64)
        values = np.interp(np.nan_to_num(given, nan=0, neginf=-1), self.similarities, self.ratios)
        return np.where(np.isfinite(given), values, 0.0)

    def probability(self, similarity: npt.NDArray[np.floating] | float, prior: float) -> Floats:
        """Of one person, where ``prior`` of such pairs are.

        >>> even = Calibration((-1.0, 1.0), (0.0, 0.0), 9, 9, 9, ())
        >>> float(even.probability(0.3, 0.25))
        0.25
        """
        if not 0 < prior < 1:
            raise ValueError(f"a prior is between 0 and 1, not {prior}")
        odds = self.log_ratio(similarity) + math.log(prior / (1 - prior))
        return np.asarray(1 / (1 + np.exp(-odds)))

    def save(self, folder: Path, file: str = FILE) -> None:
        """Beside a model."""
        import msgspec

        work = folder / f"{file}.tmp"
        work.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")
        work.replace(folder / file)


def load_calibration(folder: Path, file: str = FILE) -> Calibration | None:
    """What a model folder holds; ``None`` without one. Raises :class:`~caseindex.errors.ModelDamaged`."""
    import msgspec

    path = folder / file
    if not path.is_file():
        return None
    try:
        found: Calibration = msgspec.json.decode(path.read_bytes(), type=Calibration)
    except (msgspec.DecodeError, OSError) as error:
        raise ModelDamaged(path, f"not a calibration ({error})", "Delete it; it is fitted again") from error
    values = np.array([*found.similarities, *found.ratios, *found.strangers])
    uneven = len(found.similarities) != len(found.ratios) or not len(found.ratios)
    # Between values out of order, interpolation gives anything.
    unordered = any(list(side) != sorted(side) for side in (found.similarities, found.strangers))
    if uneven or unordered or not np.isfinite(values).all():
        raise ModelDamaged(path, "similarities and ratios do not fit", "Delete it; it is fitted again")
    return found


def fit_calibration(
    similarities: Floats,
    genuine: Floats,
    impostor: Floats,
    persons: int,
    *,
    method: Method = "isotonic",
    made_on: dict[str, str] | None = None,
) -> Calibration | None:
    """``similarities``: [bins] ascending; ``genuine``, ``impostor``: [bins] counts. ``None`` where fewer than
    LEAST_PERSONS persons, or no strangers, speak."""
    total, strange = float(genuine.sum()), float(impostor.sum())
    if persons < LEAST_PERSONS or total < LEAST_PERSONS or strange < LEAST_PERSONS:
        return None
    ratios = _isotonic(genuine, impostor) if method == "isotonic" else _logistic(similarities, genuine, impostor)
    # Half a pair either way: what was never seen among n pairs is not impossible.
    cap_high, cap_low = math.log(2 * strange), -math.log(2 * total)
    ratios = np.clip(ratios, cap_low, cap_high)
    kept = np.flatnonzero((genuine > 0) | (impostor > 0))
    kept = kept[np.unique(np.linspace(0, len(kept) - 1, min(len(kept), 512)).round().astype(int))]
    quantiles = np.interp(np.linspace(0, 1, 21), np.cumsum(impostor) / strange, similarities)
    return Calibration(
        tuple(similarities[kept].tolist()),
        tuple(ratios[kept].tolist()),
        int(total),
        int(strange),
        persons,
        tuple(quantiles.tolist()),
        method,
        None,
        made_on or {},
    )


def drift(calibration: Calibration, similarities: Floats, impostor: Floats) -> float:
    """Kolmogorov distance between the strangers that it was fitted on and these; 1 where it holds none."""
    total = impostor.sum()
    if not len(calibration.strangers) or not total:
        return 1.0
    shares = np.interp(similarities, calibration.strangers, np.linspace(0, 1, len(calibration.strangers)))
    return float(np.abs(shares - np.cumsum(impostor) / total).max())


def reliability(calibration: Calibration, similarities: Floats, genuine: Floats, impostor: Floats) -> Reliability:
    """``genuine``, ``impostor``: [bins] counts of persons that were not fitted on."""
    ratios = calibration.log_ratio(similarities)
    own, strange = genuine / max(genuine.sum(), 1), impostor / max(impostor.sum(), 1)  # even odds
    predicted = 1 / (1 + np.exp(-ratios))
    place = np.minimum((predicted * 10).astype(int), 9)
    rows = []
    for number in range(10):
        inside = place == number
        weight = float((own + strange)[inside].sum())
        if weight > 0:
            mean = float((predicted * (own + strange))[inside].sum() / weight)
            rows.append((round(mean, 4), round(float(own[inside].sum() / weight), 4), round(weight / 2, 4)))
    error = sum(abs(mean - seen) * weight for mean, seen, weight in rows)
    best = _isotonic(genuine, impostor)
    return Reliability(tuple(rows), error, _cllr(ratios, own, strange), _cllr(best, own, strange))


def _cllr(ratios: Floats, own: Floats, strange: Floats) -> float:
    missed = (own * np.logaddexp(0, -ratios)).sum() / math.log(2)
    taken = (strange * np.logaddexp(0, ratios)).sum() / math.log(2)
    return float((missed + taken) / 2)


def _isotonic(genuine: Floats, impostor: Floats) -> Floats:
    """[bins] log ratio of the shares, pooled so that it never falls (weights: both sides alike)."""
    own, strange = genuine / genuine.sum(), impostor / impostor.sum()
    blocks: list[list[float]] = []  # own, strange, bins
    for one, two in zip(own.tolist(), strange.tolist(), strict=True):
        blocks.append([one, two, 1])
        while len(blocks) > 1 and blocks[-2][0] * (blocks[-1][0] + blocks[-1][1]) >= blocks[-1][0] * (
            blocks[-2][0] + blocks[-2][1]
        ):
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    least_own, least_strange = 0.5 / genuine.sum(), 0.5 / impostor.sum()
    values = [math.log(max(one, least_own) / max(two, least_strange)) for one, two, _ in blocks]
    if len(values) > 1:
        # Half a pair in an end block of few pairs may say less than its neighbour: the ends do not turn back.
        values[0], values[-1] = min(values[0], values[1]), max(values[-1], values[-2])
    return np.concatenate([np.full(int(count), value) for value, (_, _, count) in zip(values, blocks, strict=True)])


def _logistic(similarities: Floats, genuine: Floats, impostor: Floats) -> Floats:
    """[bins] a + b * similarity, by Newton's method on both sides alike, so that the odds are a likelihood ratio."""
    own, strange = genuine / genuine.sum(), impostor / impostor.sum()
    design = np.stack([np.ones_like(similarities), similarities], 1)
    weights = np.zeros(2)
    total = own + strange
    for _ in range(100):
        p = 1 / (1 + np.exp(-(design @ weights)))
        gradient = design.T @ (own - total * p) - 1e-6 * weights
        hessian = (design * (total * p * (1 - p))[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        weights += step
        if np.abs(step).max() < 1e-9:
            break
    return np.asarray(design @ weights)


def as_document(calibration: Calibration) -> dict[str, Any]:
    """Without the curve: what a reader of the JSON needs."""
    import msgspec

    whole: dict[str, Any] = json.loads(msgspec.json.encode(calibration))
    return {key: value for key, value in whole.items() if key not in ("similarities", "ratios", "strangers")}
