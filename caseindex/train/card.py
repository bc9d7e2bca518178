"""`MODEL_CARD.md`: what a model was made of, how, and how good it is (Mitchell et al. 2019, arXiv 1810.03993)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Protocol

from caseindex import __version__
from caseindex.train.loop import LoopResult
from caseindex.train.run_folder import RunSettings


class Estimate(Protocol):
    """A value with its 95% interval, NaN where it could not be had."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def card(
    settings: RunSettings,
    outcome: LoopResult,
    *,
    about: str,
    data: str,
    results: Sequence[str],
    start: str = "",
    more: str = "",
) -> str:
    """The card of any recipe, as Markdown. ``about``, ``data``: paragraphs; ``results``: lines from their heading on;
    ``start``: what epoch 0 is, where it may be the best; ``more``: of the recipe, at the end of its paragraph."""
    begun = f" (0: {start})" if start else ""
    return "\n".join(
        [
            f"# {settings.name}",
            "",
            f"{about} Made by caseindex {__version__}.",
            "",
            "## Data",
            "",
            data,
            "",
            *results,
            "",
            "## Recipe",
            "",
            f"Best after epoch {outcome.best_epoch + 1} of {outcome.epochs}{begun}, {outcome.steps} steps, "
            f"{outcome.seconds:.0f} s, stopped by {outcome.stopped}.{more}",
            "",
            "```json",
            json.dumps(settings.document(), indent=1),
            "```",
            "",
            "Not a medical device.",
            "",
        ]
    )


def interval_text(estimate: Estimate, missing: str = "not measurable") -> str:
    """The value with its interval, without it where it has none; ``missing`` where there is no value."""
    if math.isnan(estimate.value):
        return missing
    if math.isnan(estimate.low):
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f}-{estimate.high:.3f})"
