"""What in an embedding tells left from right.

The offline default's embedding ends with a 2 x 2 grid of its stride-16 layer, row by row for each of 112 channels: the
left column minus the right one is all of it that changes its sign when the picture is mirrored. Of other encoders the
whole embedding has to do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from caseindex.records import Float32Array

_WHOLE, _CHANNELS = 2048, 112  # of `encoders.multi_level`


def has_halves(config: dict[str, Any] | None, dim: int) -> bool:
    """Whether vectors of a model with this configuration end with the grid. ``config``: ``None`` for the catalogue's
    own model by that dimension."""
    family = ((config or {}).get("image") or {}).get("trunk", {}).get("family", "imagenet")
    return dim == _WHOLE and family == "imagenet"


def lateral(vectors: Float32Array, halves: bool) -> Float32Array:
    """[n, dim] -> [n, 224] differences of the halves, or the vectors as they are."""
    if not halves:
        return vectors
    grid = vectors[:, -4 * _CHANNELS :].reshape(len(vectors), _CHANNELS, 2, 2)
    return np.ascontiguousarray((grid[..., 0] - grid[..., 1]).reshape(len(vectors), -1))
