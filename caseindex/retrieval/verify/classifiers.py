"""Witness (b): two classifiers over one label set, one of images and one of texts, and whether they agree (the first
method of "Joint analysis of reports and brain CT"). Whatever trains them stands behind this protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from caseindex.records import Float32Array, PixelArray
from caseindex.retrieval.verify.logistic import Floats


class LabelClassifiers(Protocol):
    """``labels``: the classes of both. Probabilities over them sum to one in each row."""

    name: str
    fingerprint: str
    labels: tuple[str, ...]

    def of_images(self, pictures: Sequence[PixelArray]) -> Float32Array:
        """n pictures -> [n, labels]."""
        ...

    def of_texts(self, texts: Sequence[str]) -> Float32Array:
        """n texts -> [n, labels]."""
        ...


def agreement(of_image: Float32Array, of_text: Float32Array, prior: Float32Array) -> Floats:
    """[n]: natural log of how much more often than by chance the two name one class: 0 says nothing.

    ``of_image``, ``of_text``: [n, labels] probabilities, row by row of one case; ``prior``: [labels] of the archive's texts.
    """
    together = (of_image.astype(np.float64) * of_text).sum(1)
    chance = (np.maximum(prior, 1e-3) * of_text).sum(1)
    return np.asarray(np.log(np.maximum(together, 1e-4) / np.maximum(chance, 1e-4)))
