"""The similarity matrix of images against reports as a picture: the diagonal holds what is filed together."""

from __future__ import annotations

from pathlib import Path

from caseindex.evaluation.drawing import pyplot
from caseindex.records import Float32Array


def plot_similarity(similarity: Float32Array, path: Path, *, title: str = "") -> None:
    """``similarity``: [n, n], images in rows. Writes a PNG, SVG or PDF, by the ending of ``path``. Raises
    :class:`~caseindex.errors.DependencyMissing`."""
    plt = pyplot()
    figure, axis = plt.subplots(figsize=(6.4, 5.6), constrained_layout=True)
    most = float(abs(similarity).max()) or 1.0
    drawn = axis.imshow(similarity, cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest")
    figure.colorbar(drawn, ax=axis, label="similarity (cosine)")
    axis.set(xlabel="reports", ylabel="images", title=title)
    figure.savefig(path, dpi=130)
    plt.close(figure)
