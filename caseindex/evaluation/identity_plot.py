"""The figures of `bench identity` as a picture: found in the top n, the ROC at low false-alarm rates, the scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from caseindex.evaluation.drawing import BAND, INK, SECOND, pyplot
from caseindex.evaluation.pair_scores import BINS, PairScores, similarity_of


def plot_identity(document: dict[str, Any], scores: PairScores, path: Path) -> None:
    """Writes a PNG, SVG or PDF, by the ending of ``path``. Raises :class:`~caseindex.errors.DependencyMissing`."""
    plt = pyplot()
    figure, (top, roc, histogram) = plt.subplots(1, 3, figsize=(14, 4.2), constrained_layout=True)
    _top_n(top, document)
    _roc(roc, document, scores)
    _histogram(histogram, scores)
    figure.suptitle(
        f"Same patient? {document['queries']} queries in a gallery of {document['gallery']} images, "
        f"model {document.get('model', {}).get('name', '')}",
        fontsize=12,
    )
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _top_n(axis: Any, document: dict[str, Any]) -> None:
    ns = [int(n) for n in document["top_n"]]
    values = list(document["top_n"].values())
    spans = [document["intervals"][f"top_{n}"] for n in ns]
    axis.fill_between(ns, [low for low, _ in spans], [high for _, high in spans], color=BAND, label="95% interval")
    axis.plot(ns, values, "o-", color=INK)
    axis.set(xlabel="first n hits", ylabel="queries answered", ylim=(0, 1.02), title="Found in the top n")
    axis.legend(loc="lower right", frameon=False)
    axis.grid(alpha=0.3)


def _roc(axis: Any, document: dict[str, Any], scores: PairScores) -> None:
    genuine = np.bincount(scores.genuine, minlength=BINS)[::-1].cumsum()
    impostor = scores.impostor[::-1].cumsum()
    if genuine[-1] and impostor[-1]:
        fpr, tpr = impostor / impostor[-1], genuine / genuine[-1]
        shown = fpr > 0
        axis.semilogx(fpr[shown], tpr[shown], color=INK)
        axis.set_xlim(max(1e-6, 10 / impostor[-1]), 1)
    auc = document["pair_auc"]
    axis.set(
        xlabel="strangers taken for one person (log scale)",
        ylabel="pairs of one person recognised",
        ylim=(0, 1.02),
        title=f"Pairs, AUC {auc:.3f}",
    )
    axis.grid(alpha=0.3, which="both")


def _histogram(axis: Any, scores: PairScores) -> None:
    edges = np.linspace(-1, 1, 101)
    step = BINS // 100
    strangers = np.add.reduceat(scores.impostor, np.arange(0, BINS, step))[:100]
    own, _ = np.histogram(similarity_of(scores.genuine), edges)
    for counts, colour, label in ((strangers, SECOND, "strangers"), (own, INK, "one person")):
        if counts.sum():
            axis.stairs(counts / counts.sum(), edges, fill=True, alpha=0.55, color=colour, label=label)
    axis.set(xlabel="similarity (cosine)", ylabel="share of pairs", title="Similarities")
    axis.legend(frameon=False)
