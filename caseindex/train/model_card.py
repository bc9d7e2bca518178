"""`MODEL_CARD.md`: what a model was made of, how, and how good it is (Mitchell et al. 2019, arXiv 1810.03993)."""

from __future__ import annotations

import json
import math

from caseindex import __version__
from caseindex.train.comparison import Comparison
from caseindex.train.held_out import Interval
from caseindex.train.loop import LoopResult
from caseindex.train.pair_settings import PairSettings


def model_card(
    settings: PairSettings, studies: dict[str, int], outcome: LoopResult, result: Comparison, images: int, texts: int
) -> str:
    rows = [
        f"| {name.replace('_', ' ')} | {interval_text(value)} | {result.chance[name]:.3f} | - |"
        for name, value in result.recall.items()
    ]
    rows.append(
        f"| similar images that share a finding, top 5 | {interval_text(result.similar)} | {result.similar_chance:.3f} | "
        f"{interval_text(result.similar_untrained)} |"
    )
    mode = "image network frozen" if settings.frozen else "image network trained too"
    return "\n".join(
        [
            f"# {settings.name}",
            "",
            f"Images and reports in one space of {settings.dim} dimensions: image encoder `{settings.image_encoder}` "
            f"({mode}), text encoder `{settings.text_encoder}`. Made by caseindex {__version__}.",
            "",
            "## Data",
            "",
            f"{studies['train']} studies to train ({images} images, {texts} texts), {studies['validation']} to stop, "
            f"{studies['test']} to test, {studies['held_out']} held out; no patient is on two sides. All of this "
            "archive: what it finds elsewhere is not known.",
            "",
            "## Results on the test side",
            "",
            f"{result.images} images, {result.texts} texts; 95% intervals by patient.",
            "",
            "| measure | this model | chance | untrained |",
            "|---|---|---|---|",
            *rows,
            "",
            "## Recipe",
            "",
            f"Best after epoch {outcome.best_epoch + 1} of {outcome.epochs} (0: the closed-form start), {outcome.steps} steps, {outcome.seconds:.0f} s, "
            f"stopped by {outcome.stopped}.",
            "",
            "```json",
            json.dumps(settings.document(), indent=1),
            "```",
            "",
            "Not a medical device.",
            "",
        ]
    )


def interval_text(value: Interval) -> str:
    if math.isnan(value.value):
        return "not measurable"
    return f"{value.value:.3f} ({value.low:.3f}-{value.high:.3f})"
