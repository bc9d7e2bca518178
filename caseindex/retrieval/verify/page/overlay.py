"""A region map as a transparent picture to lay over the image: orange for the finding, blue against it."""

from __future__ import annotations

import base64

import numpy as np

from caseindex.records import Float32Array

_SIDE = 224
_FOR, _AGAINST = (34, 126, 255), (235, 150, 40)  # blue, green, red
_DENSEST = 150  # of 255
_FAINT = 0.35  # share of the strongest cell of its kind that is not drawn


def overlay_uri(region: Float32Array) -> str:
    """[cells, cells], 0 where nothing is to be drawn -> ``data:image/png;base64,...`` with transparency."""
    import cv2

    # Each by its own measure, because what speaks against may be much stronger; and each smoothed alone, because the curve
    # between cells swings over to the other sign.
    speaks_for, speaks_against = _smooth(np.maximum(region, 0)), _smooth(np.maximum(-region, 0))
    strength = np.maximum(speaks_for, speaks_against)
    alpha = np.clip((strength - _FAINT) / (1 - _FAINT), 0, 1) * _DENSEST
    picture = np.zeros((_SIDE, _SIDE, 4), np.uint8)
    picture[..., :3] = np.where((speaks_for > speaks_against)[..., None], np.array(_FOR), np.array(_AGAINST))
    picture[..., 3] = alpha.astype(np.uint8)
    done, encoded = cv2.imencode(".png", picture)
    if not done:
        raise ValueError("a region map could not be written as PNG")
    return "data:image/png;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def _smooth(cells: Float32Array) -> Float32Array:
    """[_SIDE, _SIDE] in shares of the strongest of ``cells``, none of which is below 0."""
    import cv2

    most = float(cells.max())
    if most <= 0:
        return np.zeros((_SIDE, _SIDE), np.float32)
    return np.asarray(cv2.resize(cells / most, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC), np.float32)
