"""`bench identity`: the figures of one set of images as a document, each with its interval over patients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from caseindex.evaluation.bootstrap import interval_of_mean
from caseindex.evaluation.identity_ranking import TOP_N, pair_search, ranked
from caseindex.evaluation.identity_set import DEFAULT_EXCLUSIONS, Exclusions, IdentitySet
from caseindex.evaluation.pair_scores import PairScores, intervals, measured, pair_scores


def identity_document(
    data: IdentitySet,
    exclusions: Exclusions = DEFAULT_EXCLUSIONS,
    *,
    seed: int = 0,
    draws: int = 200,
) -> tuple[dict[str, Any], PairScores]:
    """(the JSON shape of `bench identity`, the pair scores for a plot). Every image with another of its person asks."""
    found = ranked(data, exclusions)
    groups = found.persons.tolist()
    document: dict[str, Any] = {
        "protocol": "every image asks",
        "queries": len(found.queries),
        "patients": len(set(groups)),
        "gallery": found.gallery,
        "seed": seed,
    }
    spans: dict[str, list[float]] = {}
    figures = {f"top_{n}": found.top(n) for n in TOP_N}
    figures |= {"map_at_r": found.map_at_r, "r_precision": found.r_precision}
    values = {}
    for name, row in figures.items():
        span = interval_of_mean(row.tolist(), groups)
        values[name] = span.value
        spans[name] = [span.low, span.high]
    document["top_n"] = {str(n): values[f"top_{n}"] for n in TOP_N}
    document |= {"p_at_1": values["top_1"], "map_at_r": values["map_at_r"], "r_precision": values["r_precision"]}
    scores = pair_scores(data, exclusions, seed=seed)
    result = measured(scores)
    document |= {"pair_auc": result.auc, "eer": result.eer}
    document["tpr_at_fpr"] = {f"{rate:g}": _null(value) for rate, value in result.tpr_at_fpr.items()}
    document["pairs"] = {"genuine": len(scores.genuine), "impostor": scores.impostors}
    pair_spans = intervals(scores, draws=draws, seed=seed)
    spans |= {"pair_auc" if name == "auc" else name: span for name, span in pair_spans.items()}
    document["intervals"] = spans
    document["interval_over"] = "patients"
    document["excluded"] = exclusions.words()
    return document, scores


def pair_search_document(
    data: IdentitySet, exclusions: Exclusions, *, queries: int, gallery: int | None, seed: int = 0
) -> dict[str, Any]:
    """The protocol of the Siamese archive search: a number of queries, one pair each, in a gallery of one image per
    person."""
    found, persons, size = pair_search(data, queries=queries, gallery=gallery, seed=seed, exclusions=exclusions)
    spans, values = {}, {}
    for n, row in found.items():
        span = interval_of_mean(row.tolist(), persons.tolist())
        values[str(n)] = span.value
        spans[f"top_{n}"] = [span.low, span.high]
    return {
        "protocol": "one pair per query",
        "queries": len(persons),
        "gallery": size,
        "seed": seed,
        "top_n": values,
        "chance": {str(n): min(1.0, n / size) if size else math.nan for n in found},
        "intervals": spans,
        "interval_over": "patients",
        "excluded": exclusions.words(),
    }


def _null(value: float) -> float | None:
    return None if np.isnan(value) else value
