"""A confusion matrix as a picture: rows are the true classes, coloured by the share of the row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from caseindex.evaluation.drawing import pyplot


def plot_confusion(table: Sequence[Sequence[int]], labels: Sequence[str], path: Path, title: str = "") -> None:
    """Writes a PNG, SVG or PDF, by the ending of ``path``. Raises :class:`~caseindex.errors.DependencyMissing`."""
    plt = pyplot("the picture")
    counts = np.asarray(table, np.float64)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = 2.5 + 0.55 * len(labels)
    figure, axis = plt.subplots(figsize=(side + 2, side), constrained_layout=True)
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axis.set_xticks(range(len(labels)), labels, rotation=60, ha="right", fontsize=8)
    axis.set_yticks(range(len(labels)), labels, fontsize=8)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axis.text(column, row, f"{count:.0f}", ha="center", va="center", fontsize=8, color=colour)
    axis.set(xlabel="predicted", ylabel="true", title=title)
    figure.colorbar(image, ax=axis, shrink=0.7, label="share of the true class")
    figure.savefig(path, dpi=130, metadata={"Software": None} if path.suffix == ".png" else None)
    plt.close(figure)
