"""Retrieval between images and reports of patients that were not trained on: recall@k in both directions, with
bootstrap intervals by patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from caseindex.records import Float32Array

KS = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with the 2.5% and 97.5% points of its bootstrap distribution."""

    value: float
    low: float
    high: float


def hits_at(similarity: Float32Array, relevant: npt.NDArray[np.bool_], k: int) -> npt.NDArray[np.float64]:
    """[queries] 0 or 1: whether one of the k nearest is relevant; NaN for a query without a relevant item.

    ``similarity`` and ``relevant``: [queries, gallery].
    """
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    hits = np.take_along_axis(relevant, nearest, 1).any(axis=1)  # [queries]
    return np.where(relevant.any(axis=1), hits.astype(np.float64), np.nan)


def chance_at(relevant: npt.NDArray[np.bool_], k: int) -> float:
    """The recall@k of a random order, exactly: one minus the chance that all k are among the irrelevant."""
    gallery = relevant.shape[1]
    values = []
    for count in relevant.sum(1):
        if count:
            missed = np.arange(min(k, gallery))
            values.append(1 - np.prod(np.maximum(gallery - count - missed, 0) / (gallery - missed)))
    return float(np.mean(values)) if values else 0.0


def recalls(similarity: Float32Array, relevant: npt.NDArray[np.bool_]) -> dict[str, float]:
    """``text_to_image_recall@k`` and ``image_to_text_recall@k``; ``similarity``: [images, texts]."""
    out = {}
    for k in KS:
        out[f"text_to_image_recall@{k}"] = _mean(hits_at(similarity.T, relevant.T, k))
        out[f"image_to_text_recall@{k}"] = _mean(hits_at(similarity, relevant, k))
    return out


def by_patient(
    values: npt.NDArray[np.float64], patients: Sequence[object], draws: int = 1000, seed: int = 0
) -> Interval:
    """The mean of ``values`` (NaN left out), patients drawn with replacement."""
    kept = ~np.isnan(values)
    if not kept.any():
        return Interval(float("nan"), float("nan"), float("nan"))
    _, group = np.unique(np.array([str(name) for name in patients])[kept], return_inverse=True)
    sums = np.bincount(group, values[kept])
    counts = np.bincount(group)
    generator = np.random.default_rng(seed)
    chosen = generator.integers(0, len(sums), (draws, len(sums)))
    means = sums[chosen].sum(1) / counts[chosen].sum(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(values[kept].mean()), float(low), float(high))


def _mean(values: npt.NDArray[np.float64]) -> float:
    return float(np.nanmean(values)) if (~np.isnan(values)).any() else 0.0
