"""How many images of an archive are misfiled, estimated from all of them at once, without a decision on any.

Each image's probability under some prior gives back its likelihood ratio r; the share q of misfiled images that makes all
of them together most probable maximises the sum of log(1 - q + q r), and values of q whose log likelihood is within 1.92
of that are its 95% interval (profile likelihood, Wilks 1938). It takes each image for itself: of two that do not fit
together one is misfiled, and only their patient's other images tell which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_WITHIN: Final = 1.92  # half the 95% quantile of chi-square with one degree of freedom
_MOST: Final = 0.5
_STEPS: Final = 60  # halvings


@dataclass(frozen=True, slots=True)
class MisfiledRate:
    """``share`` of ``of`` images, and the ends of its 95% interval."""

    share: float
    low: float
    high: float
    of: int

    @property
    def images(self) -> tuple[float, float, float]:
        """(estimate, low, high) as numbers of images."""
        return self.share * self.of, self.low * self.of, self.high * self.of

    @property
    def as_prior(self) -> str:
        """The share as one would type it."""
        return f"{float(f'{self.share:.1g}'):g}"


def misfiled_rate(probability: Floats, prior: float) -> MisfiledRate | None:
    """``probability``: [n] of being misfiled where a share ``prior`` is; NaN where there is none. ``None`` where no image
    has one.

    >>> sure, fine = np.full(5, 0.999), np.full(995, 1e-5)
    >>> rate = misfiled_rate(np.r_[sure, fine], 0.01)
    >>> rate is not None and [round(one) for one in rate.images]
    [5, 2, 11]
    """
    known = np.clip(probability[np.isfinite(probability)], 1e-15, 1 - 1e-15)
    if not len(known):
        return None
    ratios = known / (1 - known) * (1 - prior) / prior

    def slope(share: float) -> float:
        return float(((ratios - 1) / (1 - share + share * ratios)).sum())

    def likelihood(share: float) -> float:
        return float(np.log(1 - share + share * ratios).sum())

    # The likelihood is concave in the share: its slope falls, and each side of the top is met once.
    best = _crossing(lambda share: slope(share) > 0, 0.0, _MOST)
    enough = likelihood(best) - _WITHIN
    low = _crossing(lambda share: likelihood(share) < enough, 0.0, best)
    high = _crossing(lambda share: likelihood(share) >= enough, best, _MOST)
    return MisfiledRate(best, low, high, len(known))


def _crossing(before: Callable[[float], bool], low: float, high: float) -> float:
    """Where ``before`` ceases to hold between ``low`` and ``high``; ``low`` where it never does."""
    if not before(low):
        return low
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if before(middle) else (low, middle)
    return (low + high) / 2
