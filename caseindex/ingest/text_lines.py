"""Which strokes are letters: the evidence of each alone, of its neighbours in a line, and what a line takes along."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from caseindex.ingest.text_strokes import Floats, Strokes

Flags = npt.NDArray[np.bool_]

_TALLEST: Final = 0.09  # of the shorter side: letters, not organs
_LOWEST: Final = 0.009
_SURE: Final = -1.4  # of the evidence
_TAKEN_ALONG: Final = -5.0


def letters(found: Strokes) -> npt.NDArray[np.uint8]:
    """[rows, columns] 1 where a stroke is a letter or a part of a line of them."""
    side = min(found.labels.shape)
    candidates = np.flatnonzero(
        (found.height >= max(3.0, _LOWEST * side))
        & (found.height <= _TALLEST * side)
        & (found.crispness > 0.5)
        & (found.contrast > 30)
    )
    candidates = candidates[candidates > 0][:800]
    marks = np.zeros(found.labels.shape, np.uint8)
    if not candidates.size:
        return marks
    alone = _evidence(found)[candidates]
    linked = _linked(found, candidates)
    crisp = found.crispness[candidates]
    beside = 1.3 * np.minimum(linked.sum(1), 2) + 0.6 * np.minimum((linked & (crisp > 0.75)).sum(1), 2)
    beside += 1.6 * np.where(linked, np.minimum(crisp, 1.0)[None], 0).max(1)
    chosen = np.zeros(len(found.height), np.bool_)
    chosen[candidates[alone + beside > _SURE]] = True
    marks[chosen[found.labels]] = 1
    if not chosen.any():
        return marks
    tall = int(np.median(found.height[chosen]))
    lines = cv2.dilate(marks, np.ones((3, 2 * tall + 1), np.uint8))
    near = np.zeros_like(chosen)
    near[np.unique(found.labels[lines > 0])] = True
    near[0] = False
    chosen |= near & (found.height <= 1.5 * tall) & (_evidence(found) > _TAKEN_ALONG)
    marks[chosen[found.labels]] = 1
    return marks


def _evidence(found: Strokes) -> Floats:
    """Log odds, about, that a stroke is ink; the weights were chosen on texts burned into pictures, and rounded."""
    return np.asarray(
        12 * np.clip(found.crispness, 0.4, 1.0)
        + 2 * np.log(np.clip(found.contrast, 30, 255))
        + 5 * np.clip(found.winding, 0.25, 1.6)
        + found.fill
        - 2 * np.clip(found.thickness, 0, 1)
        - 0.1 * np.clip(found.unevenness, 0, 20)
        - 25.5
    )


def _linked(found: Strokes, candidates: npt.NDArray[np.intp]) -> Flags:
    """[candidates, candidates] true where two stand side by side as letters of one line do: as high, as bright, on one
    base or under one top, at most a letter apart."""
    left, top = found.left[candidates], found.top[candidates]
    height, level = found.height[candidates], found.level[candidates]
    right, bottom = left + found.width[candidates], top + height
    higher = np.maximum(height[:, None], height)
    lower = np.minimum(height[:, None], height)
    gap = np.maximum(left[:, None], left) - np.minimum(right[:, None], right)
    shared = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    offset = np.minimum(np.abs(bottom[:, None] - bottom), np.abs(top[:, None] - top))
    linked = (gap < 0.9 * higher + 2) & (gap > -0.3 * lower) & (shared > 0.6 * lower) & (lower > 0.55 * higher)
    linked &= (offset <= 0.12 * higher + 1) & (np.abs(level[:, None] - level) < 25)
    np.fill_diagonal(linked, False)
    return linked
