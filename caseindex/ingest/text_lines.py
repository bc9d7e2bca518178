"""Which strokes are letters: the evidence of each alone, the line that it stands in, and what a line takes along.

A letter over anatomy is told by its company: of the strokes that alone look like ink a few per picture are bone that the
window clips, wires, or noise, but these seldom stand side by side on one base, as high and as bright.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from caseindex.ingest.text_strokes import Floats, Strokes

Indices = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
Mask = npt.NDArray[np.uint8]

_TALLEST: Final = 0.09  # of the shorter side: letters, not organs
_MARKER: Final = 0.14  # of the shorter side: the lead R of a small child's radiograph, cropped
_LOWEST: Final = 0.009
_BORDER: Final = 0.18  # of each side: where a letter that stands alone is no surprise
#: Least mean evidence of a line of so many letters or more, near the border and elsewhere.
_LEAST: Final = {1: (0.0, 2.5), 2: (-3.0, -0.8), 3: (-3.0, -2.0), 4: (-4.0, -1.2), 7: (-6.0, -3.0)}
_TAKEN_ALONG: Final = -9.0  # least evidence of what lies in a line of three or more
_TEXTURE: Final = 0.002  # strokes per pixel: more than a page of print has


@dataclass(frozen=True, slots=True)
class _Lines:
    of: Indices  # [candidates] number of the line that each stands in
    letters: Indices  # [candidates] how many letters that line has
    evidence: Floats  # [candidates] mean over the line


def letters(found: Strokes) -> Mask:
    """[rows, columns] 1 where a stroke is a letter or lies in a line of them."""
    marks = np.zeros(found.shape, np.uint8)
    side = min(found.shape)
    evidence = _evidence(found)
    near_border = _near_border(found)
    marker = near_border & (found.winding > 1.3) & (found.width < found.height) & (evidence > 1)
    fitting = (found.height >= max(3.0, _LOWEST * side)) & (found.height <= np.where(marker, _MARKER, _TALLEST) * side)
    fitting &= (found.crispness > 0.5) & (found.contrast > 30) & (evidence > -8)
    fitting[0] = False
    candidates = np.flatnonzero(fitting)
    if not candidates.size:
        return marks
    lines = _lines(found, candidates, evidence[candidates])
    counts = np.array(list(_LEAST))
    row = np.searchsorted(counts, lines.letters, side="right") - 1
    least = np.array(list(_LEAST.values()))[row, np.where(near_border[candidates], 0, 1)]
    texture = min(6.0, 250 * max(0.0, len(evidence) / (found.shape[0] * found.shape[1]) - _TEXTURE))
    lettering = (lines.evidence > least + texture) & ~(_bare(found)[candidates] & (lines.letters == 1))
    chosen = np.zeros(len(evidence), np.bool_)
    chosen[candidates[lettering]] = True
    chosen |= _within(found, candidates[lettering & (lines.letters >= 3)]) & (evidence > _TAKEN_ALONG)
    marks.ravel()[found.at[chosen[found.part]]] = 1
    return marks


def _evidence(found: Strokes) -> Floats:
    """About the log odds that a stroke is ink; weights from texts burned into pictures, rounded."""
    return np.asarray(
        12 * np.clip(found.crispness, 0.4, 1.0)
        + 3 * np.log(np.clip(found.contrast, 30, 255))
        + 5 * np.clip(found.winding, 1, 2)
        + 2 * found.area / (found.width * found.height)
        - 4 * np.clip(found.thickness, 0, 1)
        - 0.1 * np.clip(found.unevenness, 0, 20)
        - 2 * np.where(found.winding < 1.3, np.clip(found.width / found.height - 3, 0, 5), 0)
        - 30.5
    )


def _near_border(found: Strokes) -> Flags:
    x = (found.left + found.width / 2) / found.shape[1]
    y = (found.top + found.height / 2) / found.shape[0]
    return np.asarray(np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y)) < _BORDER)


def _bare(found: Strokes) -> Flags:
    """What no line vouches for and no letter looks like: solid, as ribs and vessels that the window clips, or long, as
    skin and tables."""
    return np.asarray(((found.thickness > 0.35) & (found.winding < 1.3)) | (found.width > 5 * found.height))


def _lines(found: Strokes, candidates: Indices, evidence: Floats) -> _Lines:
    """A line that is higher than letters with and without tails make it is none: a texture wanders."""
    number = _joined(*_neighbours(found, candidates), len(candidates))
    top, height = found.top[candidates], found.height[candidates]
    above, below = np.full(len(candidates), np.inf), np.zeros(len(candidates))
    tallest = np.zeros(len(candidates))
    np.minimum.at(above, number, top)
    np.maximum.at(below, number, top + height)
    np.maximum.at(tallest, number, height)
    straight = (below - above <= 1.4 * tallest + 2)[number]
    number = np.where(straight, number, np.arange(len(number)) + len(number))
    members = np.bincount(number)
    return _Lines(number, members[number], np.bincount(number, evidence)[number] / members[number])


def _neighbours(found: Strokes, candidates: Indices) -> tuple[Indices, Indices]:
    """Pairs of candidates, by position, that stand side by side as letters of one line do: as high, as bright, on one base
    or under one top, at most a letter apart."""
    order = np.argsort(found.left[candidates], kind="stable")
    part = candidates[order]
    left, top, height, level = found.left[part], found.top[part], found.height[part], found.level[part]
    right, bottom = left + found.width[part], top + height
    first = np.maximum(np.searchsorted(left, right - 0.3 * height), np.arange(len(part)) + 1)
    counts = np.maximum(np.searchsorted(left, right + 1.7 * height + 2) - first, 0)
    a = np.repeat(np.arange(len(part)), counts)
    b = np.arange(len(a)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    higher, lower = np.maximum(height[a], height[b]), np.minimum(height[a], height[b])
    gap = left[b] - right[a]
    shared = np.minimum(bottom[a], bottom[b]) - np.maximum(top[a], top[b])
    offset = np.minimum(np.abs(bottom[a] - bottom[b]), np.abs(top[a] - top[b]))
    linked = (gap < 0.9 * higher + 2) & (gap > -0.3 * lower) & (shared > 0.6 * lower) & (lower > 0.55 * higher)
    linked &= (offset <= 0.12 * higher + 1) & (np.abs(level[a] - level[b]) < 25)
    return order[a[linked]], order[b[linked]]


def _joined(a: Indices, b: Indices, count: int) -> Indices:
    """[count] one number for all that the pairs (a, b) join."""
    parent = list(range(count))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for one, other in zip(a.tolist(), b.tolist(), strict=True):
        parent[root(one)] = root(other)
    return np.array([root(at) for at in range(count)], np.intp)


def _within(found: Strokes, lined: Indices) -> Flags:
    """[parts] true for what lies, by 80% of its area, a letter's height or less beside one of ``lined``: full stops, dashes
    and broken letters are judged by where they stand."""
    band = np.zeros(found.shape, np.uint8)
    for part in lined.tolist():
        left, top = int(found.left[part]), int(found.top[part])
        width, height = int(found.width[part]), int(found.height[part])
        rows = slice(max(0, top - height // 5), top + height + height // 5 + 1)
        band[rows, max(0, left - height) : left + width + height] = 1
    covered = np.bincount(found.part, band.ravel()[found.at], len(found.area))
    return np.asarray(covered > 0.8 * found.area)
