"""A calibration of similarities at one level, and how reliable it is on patients that it was not fitted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from caseindex.encoders.calibration import LEAST_PERSONS, Calibration, Method, fit_calibration, reliability
from caseindex.evaluation.identity_set import Exclusions, IdentitySet
from caseindex.evaluation.score_counts import ScoreCounts, centres

Level = Callable[[IdentitySet, Exclusions], ScoreCounts]


def calibrated(
    level: Level,
    data: IdentitySet,
    exclusions: Exclusions,
    made_on: dict[str, str],
    method: Method = "isotonic",
    counts: ScoreCounts | None = None,
) -> Calibration | None:
    """``level``: one of :mod:`caseindex.evaluation.score_counts`; ``counts``: its answer for all of ``data``, where it is
    known. ``None`` with too few patients (:data:`~caseindex.encoders.calibration.LEAST_PERSONS`)."""
    counts = counts or level(data, exclusions)
    whole = fit_calibration(centres(), counts.genuine, counts.impostor, counts.persons, method=method, made_on=made_on)
    if whole is None:
        return None
    # Two halves of the patients, each judged by the other's fit; the worse of the two is told.
    half = data.persons % 2 == 0
    parts = [data.subset(np.flatnonzero(half)), data.subset(np.flatnonzero(~half))]
    found = [level(part, exclusions) for part in parts]
    fits = [
        fit_calibration(centres(), part.genuine, part.impostor, max(part.persons, LEAST_PERSONS), method=method)
        for part in found
    ]
    judged = [
        reliability(fit, centres(), other.genuine, other.impostor)
        for fit, other in zip(fits, reversed(found), strict=True)
        if fit is not None and other.genuine.sum() and other.impostor.sum()
    ]
    return replace(whole, reliability=max(judged, key=lambda item: item.cllr)) if judged else whole
