"""Smooth random fields: value noise (Perlin 1985), on a plane and around a ring."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from caseindex.records import Float32Array


def plane(seed: int | tuple[int, ...], cells: int, size: int = 96) -> Float32Array:
    """[size, size] of mean about 0 and deviation about 1, with ``cells`` bumps along a side."""
    import cv2

    coarse = np.random.default_rng(seed).standard_normal((cells + 3, cells + 3)).astype(np.float32)
    field = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray((field - field.mean()) / (field.std() + 1e-6), np.float32)


def ring(seed: int | tuple[int, ...], around: int, inwards: int, size: tuple[int, int] = (96, 1024)) -> Float32Array:
    """[depth, angle], periodic along the angle, with ``around`` bumps on the way round and ``inwards`` in depth."""
    import cv2

    coarse = np.random.default_rng(seed).standard_normal((inwards + 1, around)).astype(np.float32)
    padded = np.concatenate([coarse[:, -4:], coarse, coarse[:, :4]], axis=1)
    width = round(size[1] * padded.shape[1] / around)
    field = cv2.resize(padded, (width, size[0]), interpolation=cv2.INTER_CUBIC)
    start = round(size[1] * 4 / around)
    field = field[:, start : start + size[1]]
    return np.asarray((field - field.mean()) / (field.std() + 1e-6), np.float32)


def sample(field: Float32Array, x: npt.NDArray[np.floating], y: npt.NDArray[np.floating]) -> Float32Array:
    """``field`` at x, y in 0..1 (mirrored beyond), linearly interpolated; the shape of ``x``."""
    import cv2

    rows, columns = field.shape
    return np.asarray(
        cv2.remap(
            field,
            np.float32(columns - 1) * x.astype(np.float32),
            np.float32(rows - 1) * y.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        ),
        np.float32,
    )
