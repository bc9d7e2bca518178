"""How strongly pictures vary at the input of a frozen network, chosen on training patients.

A network of colour photographs was trained on pictures that fill its range. Radiology's are grey, mostly dark, and what
matters is a small part of their range: normalised as photographs are, it hardly stirs the first layers. How much more
contrast helps depends on the pictures, so a few scalings are compared by a linear classifier in closed form (ridge
regression, Hoerl & Kennard 1970) on patients of the training side that it was not fitted on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from caseindex.encoders.preprocessing import Preprocessing
from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.encoders.whitening import fit_whitening
from caseindex.errors import TrainingError
from caseindex.evaluation.classification import lrap
from caseindex.records import Float32Array, Int64Array
from caseindex.train.classifier_inputs import encoded
from caseindex.train.pixel_cache import PixelCache
from caseindex.train.progress import OnProgress

#: Times the contrast of the encoder's own normalisation.
CONTRASTS: Final = (1.0, 2.0, 4.0)
#: Pictures that are compared on: more would cost more than they tell.
MOST = 400
_FOLDS = 5
_RIDGE = 30.0  # in pictures; the order of the scalings is the same from 10 to 300


@dataclass(frozen=True, slots=True)
class Contrast:
    """``value``: times the encoder's own; ``lrap``: of each that could be compared, on held-out training patients
    (empty where it was given)."""

    value: float
    lrap: Mapping[str, float]

    def described(self) -> str:
        tried = ", ".join(f"{name}: {found:.3f}" for name, found in self.lrap.items())
        return f"{self.value:g}" + (f" (LRAP on held-out training patients by contrast: {tried})" if tried else "")


def with_contrast(base: Preprocessing, contrast: float) -> Preprocessing:
    """The pictures' distance from the mean, times ``contrast``."""
    return replace(base, std=tuple(value / contrast for value in base.std))


def chosen_contrast(
    encoder: TorchImageEncoder,
    pixels: PixelCache,
    truth: Float32Array,
    patients: Sequence[str],
    train: Int64Array,
    *,
    whitened: int,
    seed: int,
    progress: OnProgress,
) -> Contrast:
    """Of :data:`CONTRASTS` the one with the highest LRAP, the smaller of equals. ``truth``: [items, classes]; ``patients``:
    [items]; ``train``: the items that may be looked at. 1 where there are too few patients to compare."""
    generator = np.random.default_rng(seed)
    some = np.sort(generator.permutation(train)[:MOST])
    folds = _folds([patients[place] for place in some], generator)
    if folds.max(initial=0) < 1:
        return Contrast(1.0, {})
    base, found = pixels.preprocessing, {}
    for contrast in CONTRASTS:
        pixels.preprocessing = with_contrast(base, contrast)
        features = encoded(
            encoder, pixels, some, 1, False, lambda done: progress("contrast", done, len(CONTRASTS) * len(some))
        )
        value = held_out_lrap(features[:, 0], truth[some], folds, whitened)
        if not math.isnan(value):
            found[contrast] = value
    pixels.preprocessing = base
    best = max(found, key=lambda contrast: (found[contrast], -contrast), default=1.0)
    return Contrast(best, {f"{contrast:g}": value for contrast, value in found.items()})


def held_out_lrap(features: Float32Array, truth: Float32Array, folds: Int64Array, whitened: int) -> float:
    """Mean LRAP over the items, each scored by a ridge regression of the other folds. ``features``: [n, dim]; ``truth``:
    [n, classes] 1, 0 or NaN; ``folds``: [n]. NaN where no item has a label that another has not, or where all pictures look the same to
    the network."""
    scores = np.zeros(truth.shape)
    for fold in range(int(folds.max()) + 1):
        out = folds == fold
        try:
            whitening = fit_whitening(features[~out], whitened, shrinkage=0.1)
        except TrainingError:
            return math.nan
        white = whitening(features) * whitening.projection.shape[1] ** 0.5  # unit variance
        mean = np.nan_to_num(np.nanmean(truth[~out], axis=0))
        target = np.nan_to_num(truth[~out] - mean)
        gram = white[~out].T @ white[~out] + _RIDGE * np.eye(white.shape[1])
        scores[out] = white[out] @ np.linalg.solve(gram, white[~out].T @ target) + mean
    ranked = lrap(scores, truth)
    return float(np.nanmean(ranked)) if (~np.isnan(ranked)).any() else math.nan


def _folds(patients: Sequence[str], generator: np.random.Generator) -> Int64Array:
    """[n] a number below 5, the same for all items of a patient; all 0 with fewer than two patients."""
    names = sorted(set(patients))
    place = dict(zip(names, generator.permutation(len(names)).tolist(), strict=True))
    return np.array([place[patient] % _FOLDS for patient in patients], np.int64)
