"""Geometric verification: do details of two pictures lie where one movement of the frame would put them?

Contrast is equalised, key points are matched with a ratio test both ways, and RANSAC looks for a rotation, scale and
shift that many matches agree on (Lowe 2004, IJCV). Letters, devices and frames agree between strangers, so burned-in
text and the border take no part, matches in one small spot count as one, and those in one corner not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from caseindex.ingest.masking import text_mask
from caseindex.records import Float32Array, PixelArray

SIDE: Final = 384  # pixels of the longer side: 512 costs twice as much and finds no more persons
_MOST_POINTS: Final = 1000
_RATIO: Final = 0.85
_ERROR: Final = 7.5  # pixels: an anatomy that breathes is not rigid
_SCALES: Final = (0.6, 1.7)
_MOST_DEGREES: Final = 25.0
_BORDER: Final = 0.02
_SPOT: Final = 18  # pixels: one inlier counts per square of this side
_SPREAD: Final = 0.25  # of the longer side: what agrees within less is a device or a letter, not a person
_SEED: Final = 7

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class KeyPoints:
    """``points``: [n, 2] x, y in pixels of the scaled picture; ``descriptors``: [n, 128]; ``shape``: rows, columns of the
    scaled picture."""

    points: Float32Array
    descriptors: Float32Array
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class GeometricMatch:
    """``inliers``: agreeing matches, one per spot; ``matches``: before RANSAC; ``transform``: [2, 3] from the first picture
    to the second, ``None`` without any; ``first``, ``second``: [inliers, 2] x, y as shares of width and height."""

    inliers: int
    matches: int
    transform: Floats | None
    first: Float32Array
    second: Float32Array

    @property
    def log_inliers(self) -> float:
        return float(np.log1p(self.inliers))


def key_points(picture: PixelArray) -> KeyPoints:
    """``picture``: [rows, columns] or [rows, columns, 3] uint8."""
    grey = picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    scale = SIDE / max(grey.shape)
    size = (max(16, round(grey.shape[1] * scale)), max(16, round(grey.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = np.asarray(cv2.resize(grey, size, interpolation=method), np.uint8)
    allowed = np.where(text_mask(scaled), 0, 255).astype(np.uint8)
    allowed = cv2.erode(allowed, np.ones((5, 5), np.uint8))
    edge = max(1, round(_BORDER * min(size)))
    allowed[:edge], allowed[-edge:], allowed[:, :edge], allowed[:, -edge:] = 0, 0, 0, 0
    equal = cv2.createCLAHE(3.0, (8, 8)).apply(scaled)
    library: Any = cv2  # its type stubs lack SIFT
    sift = library.SIFT_create(nfeatures=_MOST_POINTS, contrastThreshold=0.02)
    found, descriptors = sift.detectAndCompute(equal, allowed)
    if descriptors is None or not len(found):
        return KeyPoints(np.empty((0, 2), np.float32), np.empty((0, 128), np.float32), (size[1], size[0]))
    # RootSIFT (Arandjelovic and Zisserman 2012): the Hellinger kernel tells better than the Euclidean distance.
    root = np.sqrt(descriptors / np.maximum(descriptors.sum(1, keepdims=True), 1e-6))
    return KeyPoints(np.array([point.pt for point in found], np.float32), root.astype(np.float32), (size[1], size[0]))


def geometric_match(one: PixelArray | KeyPoints, two: PixelArray | KeyPoints) -> GeometricMatch:
    """The same two pictures give the same answer."""
    first = one if isinstance(one, KeyPoints) else key_points(one)
    second = two if isinstance(two, KeyPoints) else key_points(two)
    pairs = _mutual(first.descriptors, second.descriptors)
    if len(pairs) < 4:
        return _nothing(len(pairs))
    source, target = first.points[pairs[:, 0]], second.points[pairs[:, 1]]
    cv2.setRNGSeed(_SEED)
    transform, inside = cv2.estimateAffinePartial2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=_ERROR, maxIters=2000, confidence=0.995
    )
    if transform is None:
        return _nothing(len(pairs))
    scale = float(np.hypot(transform[0, 0], transform[1, 0]))
    degrees = abs(float(np.degrees(np.arctan2(transform[1, 0], transform[0, 0]))))
    if not (_SCALES[0] <= scale <= _SCALES[1] and degrees <= _MOST_DEGREES):
        return _nothing(len(pairs))
    kept = np.flatnonzero(inside.ravel())
    spots = (source[kept] // _SPOT).astype(np.int64)
    kept = kept[np.unique(spots[:, 0] * 4096 + spots[:, 1], return_index=True)[1]]
    if np.ptp(source[kept], axis=0).max() < _SPREAD * SIDE:
        return _nothing(len(pairs))
    return GeometricMatch(
        len(kept),
        len(pairs),
        np.asarray(transform, np.float64),
        np.asarray(source[kept] / [first.shape[1], first.shape[0]], np.float32),
        np.asarray(target[kept] / [second.shape[1], second.shape[0]], np.float32),
    )


def _mutual(one: Float32Array, two: Float32Array) -> npt.NDArray[np.int64]:
    """[m, 2] places of descriptors that choose each other, clearly."""
    if len(one) < 2 or len(two) < 2:
        return np.empty((0, 2), np.int64)
    inner: Any = one @ two.T
    forward = np.argpartition(-inner, 1, axis=1)[:, :2]
    best_two = np.take_along_axis(inner, forward, 1)
    swap = best_two[:, 0] < best_two[:, 1]
    first = np.where(swap, forward[:, 1], forward[:, 0])
    high, low = best_two.max(1), best_two.min(1)
    clear = np.sqrt(np.maximum(2 - 2 * high, 0)) < _RATIO * np.sqrt(np.maximum(2 - 2 * low, 1e-12))
    mutual = inner.argmax(0)[first] == np.arange(len(one))
    chosen = np.flatnonzero(clear & mutual)
    return np.stack([chosen, first[chosen]], 1)


def _nothing(matches: int) -> GeometricMatch:
    none = np.empty((0, 2), np.float32)
    return GeometricMatch(0, matches, None, none, none)
