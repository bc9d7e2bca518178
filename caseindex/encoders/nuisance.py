"""Views of one picture as another examination of the same person might give it: what an embedding of identity has to
ignore. Position and size in the frame, exposure, the scanner's processing, letters and shutters; never mirrored."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from caseindex.records import PixelArray

_LETTERS = np.array(list("LRAPXSM0123456789:./-"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Nuisance:
    """How far a view may differ. ``rotation_degrees``; ``zoom``, ``aspect``: shares; ``shift``: of the side;
    ``bend``: of the side, a smooth displacement (breathing, posture); ``exposure``: 1 is a factor of e^0.5 in gamma;
    ``occlusion``: how often a block, and how often letters, cover a part."""

    rotation_degrees: float = 7.0
    zoom: float = 0.12
    aspect: float = 0.06
    shift: float = 0.06
    bend: float = 0.0
    exposure: float = 1.0
    processing: bool = True
    occlusion: float = 0.1

    def __call__(self, picture: PixelArray, generator: np.random.Generator) -> PixelArray:
        """[side, side] uint8 -> the same shape; draws from ``generator``."""
        view = self._moved(picture, generator)
        view = self._exposed(view, generator)
        if self.processing:
            view = _processed(view, generator)
        return self._covered(view, generator)

    def _moved(self, picture: PixelArray, generator: np.random.Generator) -> PixelArray:
        side = picture.shape[0]
        centre = side / 2
        angle = generator.uniform(-self.rotation_degrees, self.rotation_degrees)
        zoom = 1 + generator.uniform(-self.zoom, self.zoom)
        aspect = 1 + generator.uniform(-self.aspect, self.aspect)
        turn = np.vstack([cv2.getRotationMatrix2D((centre, centre), angle, zoom), [0, 0, 1]])
        stretch = np.array([[aspect, 0, centre * (1 - aspect)], [0, 1, 0], [0, 0, 1]])
        warp = (stretch @ turn)[:2]
        warp[:, 2] += generator.uniform(-self.shift, self.shift, 2) * side
        border = cv2.BORDER_CONSTANT if generator.random() < 0.5 else cv2.BORDER_REPLICATE
        moved = cv2.warpAffine(picture, warp, (side, side), flags=cv2.INTER_LINEAR, borderMode=border)
        if self.bend:
            field = (generator.standard_normal((5, 5, 2)) * self.bend * side).astype(np.float32)
            field = cv2.resize(field, (side, side), interpolation=cv2.INTER_CUBIC)
            rows, columns = np.mgrid[:side, :side].astype(np.float32)
            moved = cv2.remap(
                moved, columns + field[..., 0], rows + field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
        return np.asarray(moved, np.uint8)

    def _exposed(self, picture: PixelArray, generator: np.random.Generator) -> PixelArray:
        gamma, contrast, brightness = generator.uniform(-1, 1, 3) * self.exposure
        levels = np.arange(256, dtype=np.float64) / 255
        levels = (levels ** np.exp(0.5 * gamma) - 0.5) * (1 + 0.3 * contrast) + 0.5 + 0.15 * brightness
        return np.asarray(cv2.LUT(picture, (levels.clip(0, 1) * 255).astype(np.uint8)), np.uint8)

    def _covered(self, picture: PixelArray, generator: np.random.Generator) -> PixelArray:
        side = picture.shape[0]
        out = picture.copy()
        if generator.random() < self.occlusion:
            height, width = generator.integers(max(1, side // 20), max(2, side // 5), 2)
            top, left = generator.integers(0, side - height), generator.integers(0, side - width)
            out[top : top + height, left : left + width] = generator.integers(0, 255)
        if generator.random() < self.occlusion:
            text = "".join(generator.choice(_LETTERS, generator.integers(1, 6)))
            place = (int(generator.integers(0, max(1, side - side // 7))), int(generator.integers(side // 15, side)))
            size, grey = generator.uniform(0.4, 1) * side / 224, int(generator.integers(150, 255))
            cv2.putText(out, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, grey, int(generator.integers(1, 3)))
        return out


def _processed(picture: PixelArray, generator: np.random.Generator) -> PixelArray:
    """As one or another maker's software would show it: smoothed, equalised, sharpened, or as it is."""
    kind = generator.random()
    if kind < 0.3:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), generator.uniform(0.5, 1.8)), np.uint8)
    if kind < 0.5:
        return np.asarray(cv2.createCLAHE(generator.uniform(1, 4), (8, 8)).apply(picture), np.uint8)
    if kind < 0.6:
        return np.asarray(cv2.addWeighted(picture, 1.6, cv2.GaussianBlur(picture, (0, 0), 2), -0.6, 0), np.uint8)
    return picture
