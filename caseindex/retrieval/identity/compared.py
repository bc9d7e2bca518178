"""What a finding shows of the images that it compares."""

from __future__ import annotations

import numpy as np

from caseindex.evaluation.identity_set import IdentitySet
from caseindex.retrieval.identity.finding import Reason

SHOWN = 6  # images of each patient beside a finding


def similar(data: IdentitySet, row: int, rows: np.ndarray) -> np.ndarray:
    """``rows`` that can be compared with ``row``, most similar first."""
    rows = rows[data.kinds[rows] == data.kinds[row]]
    rows = rows[rows != row] if len(rows) > 1 else rows
    return rows[np.argsort(-data.similarities(np.array([row]), rows)[0], kind="stable")]


def cosine(data: IdentitySet, row: int, rows: np.ndarray) -> float:
    """To the first of ``rows``: what a reader can compare between findings and archives."""
    return float(data.vectors[row] @ data.vectors[rows[0]]) if len(rows) else float("nan")


def key_point_reason(count: int, ratio: float) -> Reason:
    """``ratio``: log-likelihood ratio of that many agreeing key points."""
    return Reason("key_points" if ratio > 0 else "no_key_points", {"count": count})
