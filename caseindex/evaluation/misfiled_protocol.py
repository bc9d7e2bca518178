"""`bench misfiled`: how many of the images that were filed wrongly on purpose are found, and at what price in false flags.

Real mix-ups are rare (near misses: 4 in 100,000 examinations), so that the figures of interest are the sensitivity at a
very low false-alarm rate, and how many of the first flags of a worklist are right. Several repetitions plant other images
each; their scores are pooled, and intervals draw patients, with all that was planted of them in any repetition.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from caseindex.evaluation.identity_set import Exclusions, IdentitySet
from caseindex.evaluation.planted_scores import Points, Pooled, Repetition, pooled

FPRS = (1e-2, 1e-3)
FIRST = (10, 20, 50)
#: Probabilities of the calibration table lie between these.
EDGES = (0.0, 1e-3, 1e-2, 0.1, 0.5, 0.9, 1.0)

Floats = npt.NDArray[np.float64]


def precision_of_first(data: IdentitySet, repetitions: Sequence[Repetition], first: int, patients: Floats) -> float:
    """Share of right ones among the first flags of a worklist, mean of the repetitions. A patient of weight 2 stands in
    the list twice. NaN where every list is empty."""
    found = []
    for one in repetitions:
        rows = np.array([flag.row for flag in one.worklist if one.planting.measured[flag.row]], np.int64)
        weight = patients[data.persons[rows]]
        taken = np.clip(first - (np.cumsum(weight) - weight), 0, weight)
        if taken.sum() > 0:
            found.append(float(taken[one.planting.planted[rows]].sum() / taken.sum()))
    return float(np.mean(found)) if found else float("nan")


def calibration_rows(probability: Floats, planted: npt.NDArray[np.bool_]) -> list[dict[str, Any]]:
    """How often images with about this probability were in fact planted."""
    rows = []
    for low, high in itertools.pairwise(EDGES):
        inside = (probability >= low) & ((probability < high) | (high == 1.0))
        if inside.any():
            rows.append(
                {
                    "from": low,
                    "to": high,
                    "images": int(inside.sum()),
                    "predicted": float(probability[inside].mean()),
                    "observed": float(planted[inside].mean()),
                }
            )
    return rows


def misfiled_document(
    data: IdentitySet,
    repetitions: Sequence[Repetition],
    *,
    prevalence: float = 4e-5,
    exclusions: Exclusions = Exclusions(same_study=True),  # noqa: B008
    left_out: str = "",
    seed: int = 0,
    draws: int = 300,
) -> tuple[dict[str, Any], Pooled]:
    """(the JSON shape of `bench misfiled`, the pooled scores for a plot). ``left_out``: in words, what else is not
    measured on."""
    scores = pooled(data, repetitions)
    points = Points(scores)
    everybody = np.ones(int(data.persons.max(initial=-1)) + 1)
    planted = int(scores.planted.sum())
    negatives = len(scores.planted) - planted
    rate = planted / max(1, len(scores.planted))
    figures = dict(_figures(data, repetitions, points, everybody, prevalence))
    spans = _intervals(data, repetitions, points, prevalence, draws, seed)
    distinct = len(np.unique(np.concatenate([np.flatnonzero(one.planting.planted) for one in repetitions])))
    known = np.isfinite(scores.probability)
    # The other images of whoever was given one: where there is but one, nothing tells which of the two is wrong.
    apart = Points(scores.without(scores.beside))
    at = {f"{fpr:g}": points.at(fpr, everybody) for fpr in FPRS}
    document: dict[str, Any] = {
        "protocol": "planted misfiled examinations",
        "images": int((data.persons >= 0).sum()),
        "patients": len(np.unique(data.persons[data.persons >= 0])),
        "repetitions": len(repetitions),
        "rate": rate,
        "planted": planted,
        "planted_images": distinct,
        "negatives": negatives,
        "negative_images": negatives // max(1, len(repetitions)),
        "auc": figures["auc"],
        "tpr_at_fpr": {key: figures[f"tpr@{key}"] for key in at},
        "named_at_fpr": {key: figures[f"named@{key}"] for key in at},
        "at_fpr": {
            key: {
                "fpr": point.fpr,
                "false_flags": round(point.fpr * negatives),
                "flags_per_1000_studies": point.flags_per_1000(rate),
                "ppv": point.ppv(rate),
                "at_prevalence": {
                    "flags_per_1000_studies": point.flags_per_1000(prevalence),
                    "ppv": point.ppv(prevalence),
                },
            }
            for key, point in at.items()
        },
        "prevalence": prevalence,
        "beside_planted": {
            "images": int(scores.beside.sum()),
            "false_flags": {
                key: int((scores.beside & (scores.level > point.threshold)).sum()) for key, point in at.items()
            },
            "tpr_at_fpr_without": {f"{fpr:g}": apart.at(fpr, everybody).tpr for fpr in FPRS},
        },
        "precision_of_first": {str(n): figures[f"first_{n}"] for n in FIRST},
        "highest_precision_of_first": {str(n): min(1.0, planted / len(repetitions) / n) for n in FIRST},
        "expected_precision_of_first": {str(n): _expected(repetitions, n) for n in FIRST},
        "estimated_misfiled": _estimated(repetitions),
        "as_two_ids": sum(one.as_two_ids for one in repetitions),
        "calibration": calibration_rows(scores.probability[known], scores.planted[known]),
        "seed": seed,
        "intervals": spans,
        "interval_over": "patients",
        "excluded": _excluded(exclusions) + (f"; not measured on: {left_out}" if left_out else ""),
    }
    return document, scores


def _figures(
    data: IdentitySet, repetitions: Sequence[Repetition], points: Points, patients: Floats, prevalence: float
) -> Iterator[tuple[str, float]]:
    yield "auc", points.auc(patients)
    for rate in FPRS:
        point = points.at(rate, patients)
        yield f"tpr@{rate:g}", point.tpr
        yield f"named@{rate:g}", point.named
        yield f"ppv@{rate:g}", point.ppv(prevalence)
    for first in FIRST:
        yield f"first_{first}", precision_of_first(data, repetitions, first, patients)


def _intervals(
    data: IdentitySet, repetitions: Sequence[Repetition], points: Points, prevalence: float, draws: int, seed: int
) -> dict[str, list[float]]:
    """Percentile intervals at 95%, patients drawn with replacement."""
    persons = np.unique(points.scores.owner)
    if len(persons) < 2:
        return {}
    generator = np.random.default_rng(seed)
    found: dict[str, list[float]] = {}
    for _ in range(draws):
        weight = np.zeros(int(data.persons.max()) + 1)
        np.add.at(weight, persons[generator.integers(0, len(persons), len(persons))], 1.0)
        for name, value in _figures(data, repetitions, points, weight, prevalence):
            if np.isfinite(value):
                found.setdefault(name, []).append(value)
    return {name: [float(edge) for edge in np.quantile(values, [0.025, 0.975])] for name, values in found.items()}


def _expected(repetitions: Sequence[Repetition], first: int) -> float | None:
    """Mean probability of the first flags: what the list itself says of its precision."""
    said = [flag.probability for one in repetitions for flag in one.worklist[:first]]
    known = [value for value in said if value is not None]
    return float(np.mean(known)) if known and len(known) == len(said) else None


def _estimated(repetitions: Sequence[Repetition]) -> dict[str, float] | None:
    """How many images the audit thinks are misfiled, beside how many are; ``None`` without probabilities."""
    known = [(one.estimated.images, int(one.planting.moved.sum())) for one in repetitions if one.estimated is not None]
    if not known:
        return None
    return {
        "moved": float(np.mean([moved for _, moved in known])),
        "estimate": float(np.mean([images[0] for images, _ in known])),
        "interval_holds": float(np.mean([low <= moved <= high for (_, low, high), moved in known])),
    }


def _excluded(exclusions: Exclusions) -> str:
    return (
        "planted: one examination of a patient at most, none of a patient without an image of another study that it can "
        "be compared with, none with a pixel-identical copy here (a copy is found trivially), to patients who have an "
        "image of the kind; counted as filed right: all other images of known patients, those of patients with one image "
        f"too, whatever the archive's own errors; compared never: {exclusions.words()}"
    )
