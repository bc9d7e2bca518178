"""The figures of `bench misfiled` as a picture: sensitivity at low false-alarm rates, the first flags, calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from caseindex.evaluation.drawing import BAND, INK, SECOND, pyplot
from caseindex.evaluation.planted_scores import Pooled


def plot_misfiled(document: dict[str, Any], scores: Pooled, path: Path) -> None:
    """Writes a PNG, SVG or PDF, by the ending of ``path``. Raises :class:`~caseindex.errors.DependencyMissing`."""
    plt = pyplot()
    figure, (roc, first, calibration) = plt.subplots(1, 3, figsize=(14, 4.2), constrained_layout=True)
    _roc(roc, document, scores)
    _first(first, document)
    _calibration(calibration, document)
    figure.suptitle(
        f"Filed wrongly? {document['planted']} images planted in {document['repetitions']} repetitions, "
        f"{document['rate']:.2%} of all, model {document.get('model', {}).get('name', '')}",
        fontsize=12,
    )
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _roc(axis: Any, document: dict[str, Any], scores: Pooled) -> None:
    levels = int(scores.level.max(initial=-1)) + 1
    genuine = np.bincount(scores.level[scores.planted], minlength=levels)[::-1].cumsum()
    impostor = np.bincount(scores.level[~scores.planted], minlength=levels)[::-1].cumsum()
    if levels and genuine[-1] and impostor[-1]:
        axis.step(np.maximum(impostor, 0.5) / impostor[-1], genuine / genuine[-1], where="post", color=INK)
        axis.set(xscale="log", xlim=(0.5 / impostor[-1], 1))
    for rate, value in document["tpr_at_fpr"].items():
        span = document["intervals"].get(f"tpr@{rate}")
        if span and value is not None:
            axis.vlines(float(rate), *span, color=SECOND, lw=2)
            axis.plot(float(rate), value, "o", color=SECOND)
    axis.set(
        xlabel="rightly filed images that are flagged (log scale)",
        ylabel="planted images that are flagged",
        ylim=(0, 1.02),
        title=f"Scores of all images, AUC {document['auc']:.3f}",
    )
    axis.grid(alpha=0.3, which="both")


def _first(axis: Any, document: dict[str, Any]) -> None:
    names = list(document["precision_of_first"])
    places = np.arange(len(names))
    values = [np.nan if value is None else value for value in document["precision_of_first"].values()]
    axis.bar(places, values, 0.6, color=BAND, label="right")
    for place, name in zip(places, names, strict=True):
        span = document["intervals"].get(f"first_{name}")
        if span:
            axis.vlines(place, *span, color=INK, lw=2)
    most = list(document["highest_precision_of_first"].values())
    axis.plot(places, most, "_", ms=30, color=SECOND, label="all planted ones among them")
    said = [np.nan if value is None else value for value in document["expected_precision_of_first"].values()]
    axis.plot(places, said, "D", color=INK, label="the list's own probabilities")
    axis.set(xlabel="first flags of the list", ylabel="share", ylim=(0, 1.02), title="The worklist")
    axis.set_xticks(places, names)
    axis.legend(frameon=False, fontsize=8)


def _calibration(axis: Any, document: dict[str, Any]) -> None:
    rows = document["calibration"]
    axis.plot([1e-5, 1], [1e-5, 1], color="grey", lw=1, ls="--")
    seen = [row for row in rows if row["observed"] > 0]
    axis.plot([row["predicted"] for row in seen], [row["observed"] for row in seen], "o-", color=INK)
    for row in seen:
        axis.annotate(
            f"{row['images']}", (row["predicted"], row["observed"]), xytext=(4, -10), textcoords="offset points"
        )
    axis.set(
        xscale="log",
        yscale="log",
        xlim=(1e-5, 1.3),
        ylim=(1e-5, 1.3),
        xlabel="probability, as said (log scale)",
        ylabel="share that was planted (log scale)",
        title="Probabilities, with images",
    )
    axis.grid(alpha=0.3)
