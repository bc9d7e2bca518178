"""How good the search is: questions in words against a relevance, and images against images.

Words: each question is asked at case level. ``intervals`` are over the questions' groups (one question in three languages
is one group): how much another set of questions would change the figure. ``intervals_over_patients`` are over the
gallery's patients: how much another archive of the same kind would; they are given for precision at k, where a patient
that is drawn twice fills two places of the ranking and one that is not drawn leaves its place to the next. Images: each image asks for the images of *other patients*; intervals are over the asking patients. Beside each
figure stands what chance would give: the share of relevant items in the gallery.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from caseindex.evaluation import ranking
from caseindex.evaluation.bootstrap import interval_of_mean
from caseindex.evaluation.relevance import BenchQuery, CaseGallery
from caseindex.records import Float32Array

KS = (1, 5, 10)
_DEPTH = 4 * max(KS)
_DRAWS = 1000

Ask = Callable[[BenchQuery, int], Sequence[str]]
"""(question, how many) -> study UIDs, best first."""


@dataclass(frozen=True, slots=True)
class ScoredQuery:
    """One question's metrics by name, with its group and language; ``found`` are the first study UIDs; ``ranked`` the
    patients of the first hits with whether each is right, deep enough to draw patients anew."""

    query: BenchQuery
    relevant: int
    metrics: dict[str, float]
    found: tuple[str, ...]
    right: tuple[bool, ...]
    ranked: tuple[tuple[str, bool], ...] = ()


def score_questions(
    queries: Sequence[BenchQuery],
    gallery: CaseGallery,
    ask: Ask,
    *,
    only_reported: bool,
    on_progress: Callable[[int], object] = lambda done: None,
) -> list[ScoredQuery]:
    """Asks every question. ``only_reported``: only cases with a report can be relevant (the report channel)."""
    scored = []
    for query in queries:
        relevant = gallery.relevant(query)
        if only_reported:
            relevant = frozenset(uid for uid in relevant if gallery.cases[uid].has_report)
        total = len(relevant)
        found = list(dict.fromkeys(ask(query, max(_DEPTH, total))))
        row = [uid in relevant for uid in found]
        metrics: dict[str, float] = {}
        for k in KS:
            metrics[f"recall@{k}"] = ranking.recall_at_k(row, total, k)
            metrics[f"precision@{k}"] = ranking.precision_at_k(row, total, k)
        metrics["map_at_r"] = ranking.map_at_r(row, total)
        metrics["r_precision"] = ranking.r_precision(row, total)
        metrics["ndcg@10"] = ranking.ndcg_at_k(row, [1.0] * total, 10)
        metrics["chance"] = total / len(gallery.cases) if total else math.nan
        ranked = tuple(
            (gallery.cases[uid].patient_id or uid, right) for uid, right in zip(found[:_DEPTH], row, strict=False)
        )
        scored.append(ScoredQuery(query, total, metrics, tuple(found[:10]), tuple(row[:10]), ranked))
        on_progress(1)
    return scored


def summary(scored: Sequence[ScoredQuery]) -> dict[str, Any]:
    """Means over the questions with their intervals; ``unanswerable`` questions have nothing relevant in the gallery."""
    names = list(scored[0].metrics) if scored else []
    document: dict[str, Any] = {
        "queries": len(scored),
        "unanswerable": sum(item.relevant == 0 for item in scored),
        "without_hits": sum(not item.found for item in scored),
    }
    intervals = {}
    for name in names:
        interval = interval_of_mean([item.metrics[name] for item in scored], [item.query.group for item in scored])
        document[name] = interval.value
        intervals[name] = [interval.low, interval.high]
    over_patients = {f"precision@{k}": precision_over_patients(scored, k) for k in KS}
    return {
        **document,
        "intervals": intervals,
        "interval_over": "questions",
        "intervals_over_patients": {name: span for name, span in over_patients.items() if span is not None},
    }


def precision_over_patients(scored: Sequence[ScoredQuery], k: int, *, seed: int = 0) -> list[float] | None:
    """The 95% percentile interval of mean precision@k when the gallery's patients are drawn anew; ``None`` of fewer than
    two patients.

    Patients that no question found within reach do not change a ranking and are left out: how often a patient is drawn
    of n is binomial, here Poisson with mean 1, which it tends to (Hanley and MacGibbon 2006).
    """
    answerable = [item for item in scored if item.relevant]
    names = sorted({patient for item in answerable for patient, _ in item.ranked})
    if len(names) < 2:
        return None
    number = {name: place for place, name in enumerate(names)}
    times = np.random.default_rng(seed).poisson(1.0, size=(_DRAWS, len(names)))
    total = np.zeros(_DRAWS)
    for item in answerable:
        places = np.array([number[patient] for patient, _ in item.ranked], dtype=np.int64)
        right = np.array([hit for _, hit in item.ranked], dtype=np.float64)
        here = times[:, places]  # [draws, ranked]
        before = np.cumsum(here, axis=1) - here
        total += (np.clip(k - before, 0, here) * right).sum(axis=1) / k
    low, high = np.quantile(total / len(answerable), [0.025, 0.975])
    return [float(low), float(high)]


@dataclass(frozen=True, slots=True, eq=False)
class ImageGallery:
    """``vectors``: [n, dim] float32, L2-normalised. For each row its patient, and its groups: two images are alike in a
    respect (say `label`) where they share one of its values. Rows without a patient count as their own."""

    vectors: Float32Array
    patients: Sequence[str]
    groups: Mapping[str, Sequence[frozenset[str]]]


def image_to_image(gallery: ImageGallery, *, most_queries: int = 2000, seed: int = 0) -> dict[str, Any]:
    """For each respect: nearest image of another patient alike at 1, one alike in the top 5, MAP@R, beside chance.

    At most ``most_queries`` images ask, drawn without replacement with ``seed``.
    """
    count = len(gallery.patients)
    asking = np.arange(count)
    if count > most_queries:
        asking = np.sort(np.random.default_rng(seed).choice(count, most_queries, replace=False))
    patient_numbers = np.unique(np.asarray(gallery.patients, dtype=object).astype(str), return_inverse=True)[1]
    document: dict[str, Any] = {"queries": len(asking), "gallery": count, "interval_over": "patients"}
    for respect, values in gallery.groups.items():
        document[respect] = _alike(gallery.vectors, patient_numbers, _incidence(values), asking)
    return document


def _incidence(values: Sequence[frozenset[str]]) -> npt.NDArray[np.float32]:
    numbers = {name: i for i, name in enumerate(sorted(set().union(*values)))} if values else {}
    table = np.zeros((len(values), max(1, len(numbers))), dtype=np.float32)
    for row, names in enumerate(values):
        table[row, [numbers[name] for name in names]] = 1.0
    return table


def _alike(
    vectors: Float32Array,
    patients: npt.NDArray[np.int64],
    incidence: npt.NDArray[np.float32],
    asking: npt.NDArray[np.int64],
) -> dict[str, Any]:
    metrics: dict[str, list[float]] = {
        name: [] for name in ("at_1", "in_top_5", "precision@5", "map_at_r", "chance_at_1", "chance_in_top_5")
    }
    groups: list[int] = []
    for query in asking.tolist():
        others = np.flatnonzero(patients != patients[query])
        alike = (incidence[others] @ incidence[query]) > 0
        total = int(alike.sum())
        order = np.argsort(-(vectors[others] @ vectors[query]), kind="stable")[: max(5, total)]
        row = alike[order]
        share = total / others.size if others.size else 0.0
        miss = 1.0
        for place in range(min(5, others.size)):  # without replacement
            miss *= max(0.0, (others.size - total - place) / (others.size - place))
        metrics["at_1"].append(ranking.recall_at_k(row, total, 1))
        metrics["in_top_5"].append(ranking.recall_at_k(row, total, 5))
        metrics["precision@5"].append(ranking.precision_at_k(row, total, 5))
        metrics["map_at_r"].append(ranking.map_at_r(row, total))
        metrics["chance_at_1"].append(share if total else math.nan)
        metrics["chance_in_top_5"].append(1.0 - miss if total else math.nan)
        groups.append(int(patients[query]))
    document: dict[str, Any] = {"queries": sum(not math.isnan(value) for value in metrics["at_1"])}
    intervals = {}
    for name, values in metrics.items():
        interval = interval_of_mean(values, groups)
        document[name] = interval.value
        intervals[name] = [interval.low, interval.high]
    return {**document, "intervals": intervals}
