"""Pictures brought over one another before they are compared: an affine registration to the archive's mean picture.

Where things are is what tells one person from another, so a different crop must not look like a different person. The
transform maximises the enhanced correlation coefficient (ECC: Evangelidis and Psarakis 2008, TPAMI 30:1858), which does
not mind brightness and contrast. A picture that does not come to resemble the mean stays as it is.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np

from caseindex.errors import TrainingError
from caseindex.records import Float32Array, PixelArray

SIDE: Final = 112  # of the picture that is registered; finer detail is the person's own
_ITERATIONS: Final = 30
_SCALES: Final = (0.65, 1.5)  # what is beyond is not another crop of the same view
_MOST_SHIFT: Final = 0.3  # of the side
_LIKENESS: Final = 0.5  # correlation with the mean, after registration, below which a picture is of something else


@dataclass(frozen=True)
class Alignment:
    """``template``: base64 of [112, 112] uint8, the mean picture; text, because it is part of a model's `config.json`.

    >>> Alignment.of(np.arange(112 * 112, dtype=np.float32).reshape(112, 112)).mean.shape
    (112, 112)
    """

    template: str

    def __post_init__(self) -> None:
        """``ValueError`` for what is not such a template."""
        if self.mean.shape != (SIDE, SIDE):
            raise ValueError(f"a template of {SIDE} x {SIDE} values is needed")

    @classmethod
    def of(cls, mean: Float32Array) -> Alignment:
        """``mean``: [112, 112], any scale."""
        low, high = float(mean.min()), float(mean.max())
        if not high > low:
            raise TrainingError("alignment", "the mean picture is constant", "Ingest different images")
        levels = np.round((mean - low) / (high - low) * 255).astype(np.uint8)
        return cls(base64.b64encode(levels.tobytes()).decode("ascii"))

    @cached_property
    def mean(self) -> Float32Array:
        """[112, 112], zero mean, unit variance."""
        levels = np.frombuffer(base64.b64decode(self.template, validate=True), np.uint8)
        if levels.size != SIDE * SIDE:
            raise ValueError(f"a template of {SIDE} x {SIDE} values is needed, this one has {levels.size}")
        return _standard(levels.reshape(SIDE, SIDE).astype(np.float32))

    def __call__(self, picture: PixelArray) -> PixelArray:
        """[side, side] or [side, side, 3] uint8 -> the same shape, registered; itself where it does not fit."""
        grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        warp = registration(self.mean, small(np.asarray(grey, np.uint8)))
        if warp is None:
            return picture
        side = picture.shape[0]
        scaled = warp.copy()
        scaled[:, 2] *= side / SIDE
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(picture, scaled, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, np.uint8)


def small(picture: PixelArray) -> Float32Array:
    """[side, side] uint8 -> [112, 112] float32, smoothed, zero mean, unit variance."""
    smooth = cv2.GaussianBlur(np.ascontiguousarray(picture), (0, 0), max(0.6, picture.shape[0] / SIDE))
    return _standard(cv2.resize(smooth, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32))


def registration(mean: Float32Array, picture: Float32Array) -> Float32Array | None:
    """[2, 3] affine from the mean's coordinates to the picture's (both [112, 112]); ``None`` where none is found that
    is plausible and makes the picture resemble the mean."""
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, _ITERATIONS, 1e-4)
    try:
        start = np.eye(2, 3, dtype=np.float32)
        likeness, warp = cv2.findTransformECC(mean, picture, start, cv2.MOTION_AFFINE, criteria, None, 5)
    except cv2.error:  # it did not converge
        return None
    scale = float(np.sqrt(abs(np.linalg.det(warp[:, :2]))))
    shift = float(np.abs(warp @ [SIDE / 2, SIDE / 2, 1] - SIDE / 2).max())  # of the centre
    if not (likeness >= _LIKENESS and _SCALES[0] <= scale <= _SCALES[1] and shift <= _MOST_SHIFT * SIDE):
        return None
    return np.asarray(warp, np.float32)


def fit_alignment(pictures: Sequence[PixelArray], rounds: int = 2) -> Alignment:
    """The mean of ``pictures`` ([side, side] uint8 each), which are registered to it, ``rounds`` times.

    Raises :class:`~caseindex.errors.TrainingError` without pictures, or for constant ones.
    """
    if not pictures:
        raise TrainingError("alignment", "no pictures to take the mean of", "Ingest images")
    shown = [small(picture) for picture in pictures]
    mean = np.asarray(np.mean(shown, axis=0, dtype=np.float64), np.float32)
    for _ in range(rounds):
        total = np.zeros((SIDE, SIDE), np.float64)
        standard = _standard(mean)
        for picture in shown:
            warp = registration(standard, picture)
            if warp is None:
                total += picture
                continue
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            total += cv2.warpAffine(picture, warp, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        mean = np.asarray(total / len(shown), np.float32)
    return Alignment.of(mean)


def _standard(values: Float32Array) -> Float32Array:
    return np.asarray((values - values.mean()) / (values.std() + 1e-6), np.float32)
