"""Which strokes are letters: the evidence of each alone, of the line that it stands in, and what a line takes along."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from caseindex.ingest.text_strokes import Floats, Strokes

Indices = npt.NDArray[np.intp]
Mask = npt.NDArray[np.uint8]

_TALLEST: Final = 0.09  # of the shorter side: letters, not organs
_LOWEST: Final = 0.009
_BORDER: Final = 0.18  # of each side: where a letter that stands alone is no surprise
#: Least mean evidence of a line of so many letters (the last: of that many or more), near the border and elsewhere.
_LEAST: Final = {True: (-1.0, -2.3, -3.0, -3.5), False: (0.5, -1.8, -2.8, -3.3)}
_TAKEN_ALONG: Final = -6.5  # least evidence of what lies in a line


def letters(found: Strokes) -> Mask:
    """[rows, columns] 1 where a stroke is a letter or lies in a line of them."""
    marks = np.zeros(found.labels.shape, np.uint8)
    rows, columns = marks.shape
    side = min(rows, columns)
    evidence = _evidence(found)
    upright = (found.height >= max(3.0, _LOWEST * side)) & (found.height <= _TALLEST * side)
    candidates = np.flatnonzero(upright & (found.crispness > 0.5) & (found.contrast > 30) & (evidence > -8))
    candidates = candidates[candidates > 0]
    if not candidates.size:
        return marks
    line = _lines(found, candidates)
    members = np.bincount(line, minlength=len(candidates))
    mean = np.bincount(line, evidence[candidates], len(candidates)) / np.maximum(members, 1)
    x = (found.left + found.width / 2)[candidates] / columns
    y = (found.top + found.height / 2)[candidates] / rows
    near = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y)) < _BORDER
    place = np.minimum(members[line], 4) - 1
    least = np.where(near, np.take(_LEAST[True], place), np.take(_LEAST[False], place))
    chosen = candidates[mean[line] > least]
    if not chosen.size:
        return marks
    sure = np.zeros(len(found.height), np.bool_)
    sure[chosen] = True
    marks[sure[found.labels]] = 1
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


def _lines(found: Strokes, candidates: Indices) -> Indices:
    """[candidates] number of the line that each stands in. Two are of one line where they stand side by side as letters
    do: as high, as bright, on one base or under one top, at most a letter apart."""
    order = np.argsort(found.left[candidates], kind="stable")
    left, top = found.left[candidates][order], found.top[candidates][order]
    height, level = found.height[candidates][order], found.level[candidates][order]
    right, bottom = left + found.width[candidates][order], top + height
    first = np.searchsorted(left, right - 0.3 * height)
    last = np.searchsorted(left, right + 1.7 * height + 2)
    first = np.maximum(first, np.arange(len(left)) + 1)
    counts = np.maximum(last - first, 0)
    a = np.repeat(np.arange(len(left)), counts)
    b = np.arange(len(a)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    higher, lower = np.maximum(height[a], height[b]), np.minimum(height[a], height[b])
    gap = left[b] - right[a]
    shared = np.minimum(bottom[a], bottom[b]) - np.maximum(top[a], top[b])
    offset = np.minimum(np.abs(bottom[a] - bottom[b]), np.abs(top[a] - top[b]))
    linked = (gap < 0.9 * higher + 2) & (gap > -0.3 * lower) & (shared > 0.6 * lower) & (lower > 0.55 * higher)
    linked &= (offset <= 0.12 * higher + 1) & (np.abs(level[a] - level[b]) < 25)
    parent = list(range(len(left)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for one, other in zip(a[linked].tolist(), b[linked].tolist(), strict=True):
        parent[root(one)] = root(other)
    line = np.empty(len(left), np.intp)
    line[order] = [root(at) for at in range(len(left))]
    return line
