"""The model card of a classifier (Mitchell et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping

from caseindex.evaluation.classification_report import ClassificationReport
from caseindex.train.card import card, interval_text
from caseindex.train.classifier_contrast import Contrast
from caseindex.train.classifier_settings import ClassifierSettings
from caseindex.train.loop import LoopResult

#: In the place of a value that could not be measured.
_NONE = "-"
_SHOWN = ("sensitivity", "precision", "f1", "mcc", "auc")


def classifier_card(
    settings: ClassifierSettings,
    counts: Mapping[str, int],
    outcome: LoopResult,
    report: ClassificationReport,
    prior: ClassificationReport,
    left_out: Mapping[str, int],
    picture: bool,
    contrast: Contrast | None = None,
) -> str:
    """``prior``: the same metrics of who always answers with the labels' shares among the training items."""
    what = "pictures" if settings.input == "image" else "reports"
    rows = [
        f"| {name.replace('_', ' ')} | {interval_text(value, _NONE)} | {interval_text(prior.metrics[name], _NONE)} |"
        for name, value in report.metrics.items()
    ]
    classes = [
        f"| {item.label} | {item.items} | {item.patients} | "
        + " | ".join(interval_text(item.metrics[name], _NONE) for name in _SHOWN)
        + " |"
        for item in report.classes
    ]
    gone = ", ".join(f"{label} ({count})" for label, count in left_out.items())
    return card(
        settings,
        outcome,
        about=f"Labels of {what}: network `{settings.network}`, {len(report.classes)} labels.",
        data=f"{counts['train']} {what} to train, {counts['validation']} to stop and to fit the temperature, {counts['test']} "
        f"to test, {counts['held_out']} held out; no patient is on two sides. All of this archive: what it says "
        "elsewhere is not known." + (f" Labels of too few patients, left out: {gone}." if gone else ""),
        results=[
            "## Results on the test side",
            "",
            f"{report.items} {what} of {report.patients} patients; 95% intervals by patient. Expected calibration error "
            f"{report.calibration_error:.3f}.",
            "",
            "| measure | this model | the labels' shares alone |",
            "|---|---|---|",
            *rows,
            "",
            f"| label | {what} | patients | {' | '.join(_SHOWN)} |",
            "|---" * (3 + len(_SHOWN)) + "|",
            *classes,
            *(["", "![Confusion matrix](confusion.png)"] if picture else []),
        ],
        more=f" Input contrast, times the encoder's own: {contrast.described()}." if contrast else "",
    )
