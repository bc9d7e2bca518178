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

    smooth = cv2.resize(region, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    most = np.where(smooth > 0, max(float(region.max()), 1e-9), max(-float(region.min()), 1e-9))
    strength = np.abs(smooth) / most  # what speaks against may be much stronger: each by its own measure
    alpha = np.clip((strength - _FAINT) / (1 - _FAINT), 0, 1) * _DENSEST
    picture = np.zeros((_SIDE, _SIDE, 4), np.uint8)
    picture[..., :3] = np.where((smooth > 0)[..., None], np.array(_FOR), np.array(_AGAINST))
    picture[..., 3] = alpha.astype(np.uint8)
    done, encoded = cv2.imencode(".png", picture)
    if not done:
        raise ValueError("a region map could not be written as PNG")
    return "data:image/png;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")
