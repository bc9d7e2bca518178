"""Several channels' answers as one ranking.

The default is the convex combination of scores that were brought to one scale (Bruch, Gai and Ingber 2023, "An Analysis
of Fusion Functions for Hybrid Retrieval", section 4), which keeps *how much* better a hit is; reciprocal rank fusion
(Cormack, Clarke and Büttcher 2009) keeps only the order, and ranks a little worse here, with equal weights and with the
best for each (`benchmarks/search/results/fusion.json`).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from enum import StrEnum
from typing import Final, TypeVar

import numpy as np

from caseindex.records import Float32Array

Item = TypeVar("Item", bound=Hashable)

RRF_CONSTANT = 60  # Cormack et al. 2009, section 2


#: channel -> its share of the fused score: the words of reports lead, vectors order what says the same. Chosen on the
#: tuning questions of `benchmarks/search` (fusion.py), and better on the held-out ones as well.
WEIGHTS: Final = {"words": 1.0, "report_vectors": 0.25, "text_to_image": 0.1, "bridge": 0.05, "image": 1.0}
#: Words against images alone: on the tuning questions shares of the pair model from a quarter to the whole do alike, so
#: that both count alike.
IMAGE_WEIGHTS: Final = {**WEIGHTS, "text_to_image": 1.0, "bridge": 1.0}


def weights_for(*, images_alone: bool) -> Mapping[str, float]:
    return IMAGE_WEIGHTS if images_alone else WEIGHTS


class Fusion(StrEnum):
    CONVEX = "convex"
    RRF = "rrf"


def convex(channels: Mapping[str, Mapping[Item, float]], weights: Mapping[str, float]) -> dict[Item, float]:
    """Weighted mean of the channels' scores in [0, 1]; an item that a channel does not name scores 0 there.

    >>> convex({"report": {"a": 1.0, "b": 0.5}, "image": {"b": 1.0}}, {"report": 3, "image": 1})
    {'a': 0.75, 'b': 0.625}
    """
    total = sum(weights[name] for name in channels)
    fused: dict[Item, float] = {}
    for name, scores in channels.items():
        for item, score in scores.items():
            fused[item] = fused.get(item, 0.0) + weights[name] * score / total
    return fused


def reciprocal_rank(channels: Mapping[str, Mapping[Item, float]], weights: Mapping[str, float]) -> dict[Item, float]:
    """Sum of ``weight / (60 + rank)``, divided by what an item that leads in every channel would have: in [0, 1].

    >>> scores = reciprocal_rank({"report": {"a": 0.9, "b": 0.1}, "image": {"a": 0.3}}, {"report": 1, "image": 1})
    >>> scores["a"], scores["b"] < 0.5
    (1.0, True)
    """
    best = sum(weights[name] for name in channels) / (RRF_CONSTANT + 1)
    fused: dict[Item, float] = {}
    for name, scores in channels.items():
        order = sorted(scores, key=lambda item: -scores[item])
        for rank, item in enumerate(order, start=1):
            fused[item] = fused.get(item, 0.0) + weights[name] / (RRF_CONSTANT + rank) / best
    return fused


def fuse(
    channels: Mapping[str, Mapping[Item, float]], weights: Mapping[str, float], how: Fusion = Fusion.CONVEX
) -> dict[Item, float]:
    """Item -> fused score in [0, 1]. One channel alone keeps its own scores."""
    if len(channels) == 1:
        return dict(next(iter(channels.values())))
    return (convex if how is Fusion.CONVEX else reciprocal_rank)(channels, weights)


def above_typical(similarities: Float32Array, typical: float) -> Float32Array:
    """Cosines as scores in [0, 1] for a fusion: 0 at the ``typical`` similarity of the gallery (its median) and below,
    1 at the cosine 1. [n] -> [n]."""
    if typical >= 1.0:
        return np.ones_like(similarities)
    return np.clip((similarities - typical) / (1.0 - typical), 0.0, 1.0).astype(np.float32)
