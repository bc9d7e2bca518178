"""An encoder that maps everybody to one point has a small loss and no use: seen early, named, stopped."""

from __future__ import annotations

import numpy as np

from caseindex.errors import TrainingError
from caseindex.records import Float32Array, Int64Array

ALIKE = 0.98  # mean similarity of strangers
DIRECTIONS = 2.0  # effective rank


def alike(margin: float | None) -> float:
    """The mean similarity of strangers above which they have collapsed. ``margin``: of a contrastive loss, which leaves
    strangers alone once they are that far apart: below two fifths of it they were never pushed.

    >>> [round(alike(margin), 4) for margin in (None, 1.0, 0.5, 0.1)]
    [0.98, 0.98, 0.98, 0.9992]
    """
    return ALIKE if margin is None else max(ALIKE, 1 - (0.4 * margin) ** 2 / 2)


def check_collapse(
    embeddings: Float32Array, persons: Int64Array, item: str, *, margin: float | None = None, most: int = 512
) -> dict[str, float]:
    """``embeddings``: [n, dim], L2-normalised; ``margin``: see :func:`alike`. Gives the mean similarity of strangers and the effective rank (Roy and
    Vetterli 2007: e to the entropy of the normalised eigenvalues), on at most ``most`` images.

    Raises :class:`~caseindex.errors.TrainingError` where nearly all are alike, lie along one direction, or are no numbers.
    """
    chosen = np.linspace(0, len(embeddings) - 1, min(most, len(embeddings))).astype(np.int64)
    sample, who = embeddings[chosen].astype(np.float64), persons[chosen]
    if len(sample) < 4 or len(set(who.tolist())) < 3:
        return {}
    if not np.isfinite(sample).all():
        raise TrainingError(item, "the embeddings are not finite", "Lower --learning-rate")
    similarity = sample @ sample.T
    strangers = float(similarity[who[:, None] != who[None, :]].mean())
    values = np.maximum(np.linalg.eigvalsh(np.cov(sample.T)), 0)
    shares = values[values > 0] / max(values.sum(), 1e-30)
    rank = float(np.exp(-(shares * np.log(shares)).sum())) if len(shares) else 0.0
    if strangers > alike(margin) or rank < DIRECTIONS:
        raise TrainingError(
            item,
            f"the embeddings have collapsed (mean similarity of strangers {strangers:.3f}, effective rank {rank:.1f})",
            "Lower --learning-rate, mine hard negatives later (--rounds), or give a larger --margin",
        )
    return {"strangers_similarity": strangers, "effective_rank": rank}
