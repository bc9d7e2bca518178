"""Pictures with details of their own, and the same moved."""

from __future__ import annotations

import cv2
import numpy as np

from caseindex.records import PixelArray

SIDE = 300


def anatomy(seed: int, side: int = SIDE) -> PixelArray:
    """Smooth light with spots and bows of its own."""
    generator = np.random.default_rng(seed)
    field = cv2.resize(
        generator.normal(110, 30, (8, 8)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC
    )
    for _ in range(90):
        centre = tuple(int(v) for v in generator.integers(10, side - 10, 2))
        axes = tuple(int(v) for v in generator.integers(3, 26, 2))
        light = float(generator.uniform(-45, 45))
        layer = np.zeros_like(field)
        cv2.ellipse(layer, centre, axes, float(generator.uniform(0, 180)), 0, 360, 1, -1)
        field += light * cv2.GaussianBlur(layer, (0, 0), 1.2)
    return np.clip(field, 0, 255).astype(np.uint8)


def moved(
    picture: PixelArray, degrees: float, zoom: float, shift: tuple[float, float]
) -> tuple[PixelArray, np.ndarray]:
    rows, columns = picture.shape
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), degrees, zoom)
    matrix[:, 2] += shift
    return cv2.warpAffine(picture, matrix, (columns, rows), borderMode=cv2.BORDER_REFLECT), matrix


def another_exposure(picture: PixelArray, seed: int) -> PixelArray:
    """The same details another day: moved, breathing, in another light. No copy."""
    generator = np.random.default_rng(seed)
    rows, columns = picture.shape
    shift = (float(generator.uniform(-4, 4)), float(generator.uniform(-4, 4)))
    other, _ = moved(picture, float(generator.uniform(-3, 3)), float(generator.uniform(0.97, 1.04)), shift)
    light = cv2.resize(
        generator.normal(0, 14, (12, 12)).astype(np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC
    )
    lit = np.clip(other + light, 0, 255).astype(np.uint8)
    x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    bend = 4 * columns / SIDE
    turn = generator.uniform(0, 6)
    return cv2.remap(
        lit,
        x + bend * np.sin(y / (25 * columns / SIDE) + turn),
        y + bend * np.cos(x / (30 * columns / SIDE) + turn),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
