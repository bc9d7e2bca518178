"""The model card of an image encoder in a report's space (Mitchell et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping

from caseindex.train.card import card, interval_text
from caseindex.train.loop import LoopResult
from caseindex.train.text_target_results import TargetResults
from caseindex.train.text_target_settings import TextTargetSettings


def text_target_card(
    settings: TextTargetSettings, dim: int, counts: Mapping[str, int], outcome: LoopResult, result: TargetResults
) -> str:
    only = ", ".join(value for value in (settings.modality, settings.sequence) if value)
    rows = [
        f"| {name.replace('_', ' ')} | {interval_text(value)} | {result.chance[name]:.3f} |"
        for name, value in result.recall.items()
    ]
    findings = [f"| {name} | {count} | {interval_text(auc, '-')} |" for name, (count, auc) in result.findings.items()]
    return card(
        settings,
        outcome,
        about=f"Images in the space of reports, {dim} dimensions: image encoder `{settings.image_encoder}` "
        f"({'frozen' if settings.frozen else 'trained too'}), text encoder `{settings.text_encoder}`, mean squared "
        f"error{f'; images of {only} alone' if only else ''}.",
        data=f"{counts['train']} studies to train, {counts['validation']} to stop, {counts['test']} to test, "
        f"{counts['held_out']} held out; no patient is on two sides. All of this archive: what it scores elsewhere is "
        "not known.",
        results=[
            "## Results on the test side",
            "",
            f"{result.images} images of {result.patients} patients; 95% intervals by patient. Squared error of the "
            f"vectors: {result.squared_error:.3f}.",
            "",
            "| measure | this model | chance |",
            "|---|---|---|",
            *rows,
            f"| AUC of query sentences, mean over {len(findings)} findings | {interval_text(result.mean_auc, '-')} | 0.500 |",
            "",
            "A sentence is the finding's name against its denial; whether an image has the finding says its report.",
            "",
            "| finding | images | AUC |",
            "|---|---|---|",
            *findings,
        ],
        start="the closed-form start",
    )
