"""A trained identity model beside the untrained default, on patients of the test side and on other archives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from caseindex.evaluation.bootstrap import Interval, interval_of_mean
from caseindex.evaluation.identity_ranking import ranked
from caseindex.evaluation.identity_set import IdentitySet
from caseindex.evaluation.pair_scores import intervals, measured, pair_scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """``top_1``, ``top_5``: share of queries whose person is found; ``pair_auc``; ``tpr``: at a false positive rate of
    1e-3, NaN where the strangers are too few."""

    top_1: Interval
    top_5: Interval
    pair_auc: Interval
    tpr: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """On one set of images. ``gain``: top-1 of the trained model minus the untrained one's, query by query."""

    where: str
    queries: int
    gallery: int
    trained: Figures
    untrained: Figures
    gain: Interval

    @property
    def better(self) -> bool:
        """Clearly in one figure and not lower in the other: few queries say little of the top-1, their pairs say more."""
        ahead = self.gain.value > 0 and not self.gain.low < 0
        apart = self.gain.value >= 0 and self.trained.pair_auc.low > self.untrained.pair_auc.value
        return ahead or apart

    @property
    def worse(self) -> bool:
        return self.gain.value < 0 or self.trained.pair_auc.value < self.untrained.pair_auc.value - 0.005

    @property
    def clearly_worse(self) -> bool:
        """By more than drawing other patients would explain, or in its pairs."""
        return self.worse and (
            self.gain.high < 0 or self.trained.pair_auc.value < self.untrained.pair_auc.value - 0.005
        )

    def words(self) -> str:
        return (
            f"{self.where[0].upper()}{self.where[1:]}: the same patient comes first for {self.trained.top_1.value:.3f} of {self.queries} queries "
            f"(untrained {self.untrained.top_1.value:.3f}, difference {self.gain.low:+.3f} to {self.gain.high:+.3f}), pair "
            f"AUC {self.trained.pair_auc.value:.3f} (untrained {self.untrained.pair_auc.value:.3f})"
        )


def compared(where: str, trained: IdentitySet, untrained: IdentitySet, *, draws: int = 100) -> Comparison | None:
    """``trained``, ``untrained``: the same images, row by row. ``None`` where nobody has two images to be compared."""
    one, two = ranked(trained), ranked(untrained)
    if not len(one.queries):
        return None
    gain = interval_of_mean((one.top(1) - two.top(1)).tolist(), one.persons.tolist())
    return Comparison(
        where=where,
        queries=len(one.queries),
        gallery=one.gallery,
        trained=_figures(trained, draws),
        untrained=_figures(untrained, draws),
        gain=gain,
    )


def _figures(data: IdentitySet, draws: int) -> Figures:
    found = ranked(data)
    groups = found.persons.tolist()
    scores = pair_scores(data)
    curve, spans = measured(scores), intervals(scores, draws=draws)

    def span(name: str, value: float) -> Interval:
        low, high = spans.get(name, [np.nan, np.nan])
        return Interval(value, low, high)

    return Figures(
        top_1=interval_of_mean(found.top(1).tolist(), groups),
        top_5=interval_of_mean(found.top(5).tolist(), groups),
        pair_auc=span("auc", curve.auc),
        tpr=span("tpr@0.001", curve.tpr_at_fpr[1e-3]),
    )


def verdict(here: Comparison | None, others: list[Comparison]) -> tuple[bool, str]:
    """(whether it is put to use, why, in words). Better on unseen patients of this archive (:attr:`Comparison.better`);
    worse anywhere is said."""
    if here is None:
        return False, (
            "Not compared: no patient of the test side has two images of one kind. archive.toml is unchanged; give more "
            "follow-up images, or a larger --test"
        )
    words = ". ".join([here.words(), *(other.words() for other in others)])
    losers = [other.where for other in others if other.clearly_worse]
    behind = [other.where for other in others if other.worse and not other.clearly_worse]
    warning = f" WORSE than the untrained default on {', '.join(losers)}: do not use it there." if losers else ""
    warning += f" Behind the untrained default on {', '.join(behind)}, though within chance." if behind else ""
    if here.better:
        lower = " Its pair AUC is WORSE than the untrained default's." if here.worse else ""
        return True, f"Better than the untrained default. {words}.{lower}{warning}"
    start = "WORSE than" if here.worse else "Not better than"
    return False, f"{start} the untrained default on unseen patients. {words}.{warning} archive.toml is unchanged"
