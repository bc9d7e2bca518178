"""One image embedded in several slightly moved views, averaged: steadier, at as many times the cost. Never mirrored: the
heart is on one side."""

from __future__ import annotations

import numpy as np

from caseindex.encoders.model import Model
from caseindex.encoders.nuisance import Nuisance
from caseindex.encoders.whitening import normalised
from caseindex.errors import ModelError
from caseindex.records import Float32Array, PixelArray

_STILL = Nuisance(rotation_degrees=4, zoom=0.06, aspect=0.02, shift=0.03, exposure=0.3, processing=False, occlusion=0)


def averaged(model: Model, picture: PixelArray, views: int, *, seed: int = 0) -> Float32Array:
    """[dim], L2-normalised: the picture itself and ``views - 1`` views of it. ``picture``: [rows, columns(, 3)] uint8."""
    encoder = model.image
    if encoder is None:
        raise ModelError(model.name, "this model has no image encoder", "Name another one with --model")
    grey = picture if picture.ndim == 2 else np.asarray(picture.mean(2), np.uint8)
    side = max(grey.shape)
    generator = np.random.default_rng(seed)
    square = np.zeros((side, side), np.uint8)
    top, left = (side - grey.shape[0]) // 2, (side - grey.shape[1]) // 2
    inside = (slice(top, top + grey.shape[0]), slice(left, left + grey.shape[1]))
    square[inside] = grey
    shown = [grey, *(_STILL(square, generator)[inside] for _ in range(views - 1))]
    vectors = encoder.encode(np.stack([encoder.preprocess(np.ascontiguousarray(one)) for one in shown]))
    averaged_vector: Float32Array = normalised(vectors.mean(0, keepdims=True))[0]
    return averaged_vector
