"""What agreeing key points prove on this archive: how many pairs of one person have, and how many the most similar
strangers, counted on a sample of its filed patients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from caseindex.encoders.calibration import Calibration, fit_calibration
from caseindex.evaluation.identity_set import DEFAULT_EXCLUSIONS, IdentitySet, blocks
from caseindex.retrieval.identity.key_points import GeometricMatch, KeyPoints, geometric_match

PAIRS = 120  # of each kind
_MOST = np.log1p(2000)
_BINS = 256

Look = Callable[[int], KeyPoints | None]


def fit_geometry(data: IdentitySet, look: Look, *, seed: int = 0, pairs: int = PAIRS) -> Calibration | None:
    """Over log(1 + inliers). The strangers are each image's nearest of another patient, as the audit's candidates are:
    what key points add to a similarity that is high already. ``look``: key points by row, ``None`` where unreadable."""
    generator = np.random.default_rng(seed)
    rows = np.flatnonzero(data.persons >= 0)
    asking = np.sort(generator.choice(rows, min(len(rows), 8 * pairs), replace=False)) if len(rows) else rows
    own: list[tuple[int, int]] = []
    strange: list[tuple[int, int]] = []
    for block in blocks(data, DEFAULT_EXCLUSIONS, asking):
        for place, row in enumerate(block.rows.tolist()):
            same = np.flatnonzero(block.same[place])
            if len(same):
                own.append((row, int(generator.choice(same))))
            others = np.where(block.counted[place] & ~block.same[place], block.similarity[place], -np.inf)
            if np.isfinite(others).any():
                strange.append((row, int(others.argmax())))
    counts = []
    for chosen in (own, strange):
        taken = generator.permutation(len(chosen))[:pairs]
        values = [found.log_inliers for place in taken.tolist() if (found := agreed(look, *chosen[place])) is not None]
        bins = np.minimum((np.array(values) / _MOST * _BINS).astype(int), _BINS - 1)
        counts.append(np.bincount(bins, minlength=_BINS).astype(np.float64))
    persons = len({int(data.persons[row]) for row, _ in own})
    centres = (np.arange(_BINS) + 0.5) / _BINS * _MOST
    return fit_calibration(centres, counts[0], counts[1], persons, method="logistic")


def agreed(look: Look, one: int, two: int) -> GeometricMatch | None:
    """Of two images by row; ``None`` where one cannot be read."""
    first, second = look(one), look(two)
    return geometric_match(first, second) if first is not None and second is not None else None
