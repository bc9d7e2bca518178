"""The model card of `train pair`."""

from __future__ import annotations

from caseindex.train.card import card, interval_text
from caseindex.train.comparison import Comparison
from caseindex.train.loop import LoopResult
from caseindex.train.pair_settings import PairSettings


def pair_card(
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
    return card(
        settings,
        outcome,
        about=f"Images and reports in one space of {settings.dim} dimensions: image encoder `{settings.image_encoder}` "
        f"({mode}), text encoder `{settings.text_encoder}`.",
        data=f"{studies['train']} studies to train ({images} images, {texts} texts), {studies['validation']} to stop, "
        f"{studies['test']} to test, {studies['held_out']} held out; no patient is on two sides. All of this "
        "archive: what it finds elsewhere is not known.",
        results=[
            "## Results on the test side",
            "",
            f"{result.images} images, {result.texts} texts; 95% intervals by patient.",
            "",
            "| measure | this model | chance | untrained |",
            "|---|---|---|---|",
            *rows,
        ],
        start="the closed-form start",
    )
