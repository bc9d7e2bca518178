"""Whether what is asked about resembles what the line was drawn on: only then is the rate of false alarms kept.

Split conformal promises the rate for reports that are exchangeable with the archive's. Two things are looked at that need no
answer: how near the nearest image of another patient is (a conformal test for novelty, Bates et al. 2023, "Testing for
outliers with conformal p-values"), and how often the reports assert each finding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from caseindex.records import Float32Array
from caseindex.retrieval.verify.logistic import Floats
from caseindex.retrieval.verify.targets import NOTHING, Targets

UNLIKE = 0.01  # share of the archive's own images that are as far from all others
_LOOKED_AT = 0.05
_CERTAIN = 1e-3  # chance of such a difference between two halves of one archive
_MATTERS = 0.1  # difference of shares from which it is worth a word


def familiarity(nearest: Float32Array, known: Floats) -> Floats:
    """[n] in 0..1: the share of the archive's images that are no nearer to any other patient's than this one is.

    ``nearest``: [n] similarity of the nearest image of another patient; ``known``: [m] the same of the archive's own.
    """
    if not len(known):
        return np.ones(len(nearest))
    order = np.sort(known)
    return np.asarray((np.searchsorted(order, nearest, side="right") + 1) / (len(order) + 1), np.float64)


@dataclass(frozen=True, slots=True)
class Shift:
    """``images``: share of the asked images that a twentieth of the archive's own would equal; ``findings``: (concept,
    share of the asked reports, share of the archive's), the largest difference first. Empty and 0.05: nothing strange."""

    images: float
    images_differ: bool
    findings: tuple[tuple[str, float, float], ...]

    def __bool__(self) -> bool:
        return self.images_differ or bool(self.findings)


def shift(
    familiar: Sequence[float],
    rows: Float32Array,
    patients: Sequence[str],
    base: Float32Array,
    targets: Targets,
    learned: int,
) -> Shift:
    """Whether asked cases differ from the archive that was learned from by more than chance.

    ``familiar``: [n]; ``rows``: [n, columns] claims of their reports; ``base``: [columns] shares over the archive's
    ``learned`` patients. As many independent cases are counted as there are patients.
    """
    people = len(set(patients))
    share = float(np.mean(np.asarray(familiar) <= _LOOKED_AT)) if len(familiar) else 0.0
    spread = math.sqrt(_LOOKED_AT * (1 - _LOOKED_AT) * (1 / max(people, 1) + 1 / max(learned, 1)))
    differ = people > 0 and share - _LOOKED_AT > _quantile(_CERTAIN) * spread and share > 2 * _LOOKED_AT
    return Shift(share, differ, _findings(rows, people, base, targets, learned) if len(rows) else ())


def _findings(
    rows: Float32Array, people: int, base: Float32Array, targets: Targets, learned: int
) -> tuple[tuple[str, float, float], ...]:
    count = len(targets.findings)
    here, there = rows[:, :count].mean(0), base[:count]
    both = (here * people + there * learned) / (people + learned)
    spread = np.sqrt(np.maximum(both * (1 - both), 1e-6) * (1 / people + 1 / max(learned, 1)))
    line = _quantile(_CERTAIN / max(2 * count, 1))  # Bonferroni
    off = np.abs(here - there)
    found = [
        (name, float(here[n]), float(there[n]))
        for n, name in enumerate(targets.findings)
        if name != NOTHING and off[n] > line * spread[n] and off[n] > _MATTERS
    ]
    return tuple(sorted(found, key=lambda one: -abs(one[1] - one[2])))


def _quantile(tail: float) -> float:
    """Of the standard normal distribution, above which lies ``tail``."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(1 - tail)
