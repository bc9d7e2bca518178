"""Blanks burned-in text outside the anatomy: names, dates, hospital lines, markers, scales.

Text is what is left of the bright parts when the large smooth ones (the body) and all that hangs together with them
are taken away, and what has the size and the crispness of letters. Markers of radiographs lie
over the skin: bright letters near the border, on smooth grey. In doubt a part is kept: the anatomy must not suffer.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from caseindex.records import PixelArray

Mask = npt.NDArray[np.uint8]

_TALLEST: Final = 0.09  # of the shorter side: letters, not organs
_BODY_PART: Final = 0.004  # of the area: the smallest thing that is anatomy for certain
_BORDER: Final = 0.2  # of each side: where saturated letters on grey are looked for
_RADIOGRAPHS: Final = frozenset({"CR", "DX", "DR", "RG", "MG", "PX", "IO", "RF"})
_FILLS: Final = 0.88  # of the area: a radiograph without collimation
_MOST: Final = 0.08  # of the area: more "text" than this is noise
_SMALLEST: Final = 48  # pixels; nothing can be read in less


def text_mask(pixels: PixelArray, modality: str | None = None) -> npt.NDArray[np.bool_]:
    """[rows, columns] true where burned-in text is. ``pixels``: [rows, columns] or [rows, columns, 3] uint8.
    Markers over the skin are looked for where ``modality`` is a radiograph's, or unknown and the body fills the
    picture."""
    grey = pixels if pixels.ndim == 2 else pixels.max(axis=2)
    if min(grey.shape) < _SMALLEST:
        return np.zeros(grey.shape, np.bool_)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if np.median(border) > 240:  # a page: dark print on white
        grey = 255 - (pixels if pixels.ndim == 2 else pixels.min(axis=2))
    found, covered = _off_the_body(grey)
    if modality in _RADIOGRAPHS or (modality is None and covered > _FILLS):
        found = found | _letters_near_border(grey)
    return found.astype(np.bool_)


def mask_text(pixels: PixelArray, modality: str | None = None) -> PixelArray:
    """A copy without the text, filled from what surrounds it; ``pixels`` itself where there is none."""
    mask = text_mask(pixels, modality)
    if not mask.any():
        return pixels
    filled: PixelArray = cv2.inpaint(np.ascontiguousarray(pixels), mask.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    return filled


def _ellipse(size: int) -> Mask:
    disc: Mask = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return disc


def _off_the_body(grey: PixelArray) -> tuple[Mask, float]:
    """(mask, share of the picture that the hull of the body covers)."""
    rows, columns = grey.shape
    side = min(rows, columns)
    # The background is the level of the darkest large area; what is clearly above it is something.
    level = float(np.percentile(grey, 5))
    bright = float(np.percentile(grey, 99))
    threshold = level + max(14.0, 0.07 * (bright - level))
    something = (grey > threshold).astype(np.uint8)
    if something.mean() > 0.97:
        return np.zeros_like(something), 1.0
    # Letters vanish when opened with a disc wider than their strokes, a body does not.
    core = cv2.morphologyEx(something, cv2.MORPH_OPEN, _ellipse(max(5, side // 28) | 1))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(core, connectivity=8)
    large = np.zeros(count, np.bool_)
    large[1:] = stats[1:, cv2.CC_STAT_AREA] >= _BODY_PART * rows * columns
    core = large[labels].astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(something, connectivity=8)
    body = np.zeros(count, np.bool_)
    body[np.unique(labels[core > 0])] = True
    body[0] = False
    tall = max(8.0, _TALLEST * side)
    letters = ~body & (stats[:, cv2.CC_STAT_HEIGHT] <= tall) & (stats[:, cv2.CC_STAT_HEIGHT] >= 3)
    letters[0] = False
    # A thin outline that spans the picture is skin, or a tree of vessels; a rectangle around all of it is a frame.
    wide, high = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    outline = (wide >= 0.3 * columns) & (high >= 0.3 * rows) & ~((wide >= 0.97 * columns) & (high >= 0.97 * rows))
    outline[0] = False
    body |= outline
    hull = _hull(np.maximum(core, outline[labels].astype(np.uint8)))
    letters[np.unique(labels[hull > 0])] = False
    letters = _text_like(grey, labels, stats, letters, side, hull)
    # Full stops and dashes of a line are too small to be judged on their own.
    reach = max(5, side // 24) | 1
    marks = letters[labels].astype(np.uint8)
    lines = cv2.morphologyEx(marks, cv2.MORPH_CLOSE, np.ones((3, reach), np.uint8), borderType=cv2.BORDER_CONSTANT)
    lines = cv2.dilate(lines, np.ones((3, reach), np.uint8))
    beside = np.zeros(count, np.bool_)
    beside[np.unique(labels[lines > 0])] = True
    beside[np.unique(labels[hull > 0])] = False
    letters |= beside & ~body & (stats[:, cv2.CC_STAT_HEIGHT] <= tall / 2) & (stats[:, cv2.CC_STAT_WIDTH] <= tall)
    letters[0] = False
    grown: Mask = cv2.dilate(letters[labels].astype(np.uint8), np.ones((5, 5), np.uint8))
    grown[body[labels]] = 0  # never into the body
    if grown.mean() > _MOST:
        grown[:] = 0
    return grown, float(hull.mean())


def _hull(core: Mask) -> Mask:
    """The convex hull of all large parts: vessels in air-filled lungs, ribs and bowel that the window cuts off from
    the rest lie in it. Bars across the picture (frames of a page, colour scales) do not count."""
    rows, columns = core.shape
    count, labels, stats, _ = cv2.connectedComponentsWithStats(core, connectivity=8)
    parts = np.zeros(count, np.bool_)
    for label in range(1, count):
        width, height, area = (int(part) for part in stats[label, 2:5])
        bar = area > 0.85 * width * height and (min(width / columns, height / rows) < 0.15)
        parts[label] = not bar
    hull = np.zeros_like(core)
    points = cv2.findNonZero(parts[labels].astype(np.uint8))
    if points is not None:
        cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    return hull


def _text_like(
    grey: PixelArray, labels: npt.NDArray[np.int32], stats: npt.NDArray[np.int32], letters: npt.NDArray[np.bool_],
    side: int, hull: Mask,
) -> npt.NDArray[np.bool_]:  # fmt: skip
    """Of the candidates those that stand in a line with others, or alone but crisp and clear of the hull."""
    marks = letters[labels].astype(np.uint8)
    reach = max(5, side // 24)
    lines = cv2.morphologyEx(marks, cv2.MORPH_CLOSE, np.ones((1, reach | 1), np.uint8), borderType=cv2.BORDER_CONSTANT)
    count, line_labels, line_stats, _ = cv2.connectedComponentsWithStats(lines, connectivity=8)
    where = [np.flatnonzero(letters)]
    members = np.zeros(count, np.int64)
    line_of = np.zeros(len(letters), np.int64)
    for label in where[0]:
        left, top, width, height = stats[label, :4]
        patch = labels[top : top + height, left : left + width] == label
        line = int(line_labels[top : top + height, left : left + width][patch][0])
        line_of[label] = line
        members[line] += 1
    near_hull = cv2.dilate(hull, _ellipse(max(3, side // 12) | 1))
    edges = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    kept = letters.copy()
    for label in where[0]:
        left, top, width, height = stats[label, :4]
        window = (slice(top, top + height), slice(left, left + width))
        patch = labels[window] == label
        crisp = float(edges[window][patch].mean()) >= 0.35 * float(grey[window][patch].max())
        line = line_of[label]
        in_line = members[line] >= 3 and line_stats[line, cv2.CC_STAT_HEIGHT] <= 0.12 * side
        clear = not near_hull[window][patch].any()
        kept[label] = crisp and (in_line or (clear and width <= 12 * height))
    return kept


def _letters_near_border(grey: PixelArray) -> Mask:
    """Bright crisp thin letters on smooth grey near the border: lead markers and annotations of radiographs. They lie
    over the skin or beside it, so the outline of the body does not tell; bone has softer edges and wires are longer."""
    rows, columns = grey.shape
    side = min(rows, columns)
    found = np.zeros_like(grey)
    raised = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, _ellipse(int(1.2 * _TALLEST * side) | 1))
    count, labels, stats, centres = cv2.connectedComponentsWithStats((raised > 50).astype(np.uint8), connectivity=8)
    if count > 100:  # a texture, not a few letters
        return found
    edges = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    for label in range(1, count):
        left, top, width, height, area = (int(part) for part in stats[label])
        x, y = centres[label]
        if not (0.018 * side <= height <= _TALLEST * side and 3 <= width <= 1.5 * height and area >= 10):
            continue
        if _BORDER * rows < y < (1 - _BORDER) * rows and _BORDER * columns < x < (1 - _BORDER) * columns:
            continue
        if left == 0 or top == 0 or left + width == columns or top + height == rows:
            continue  # cut off by the border: a bone as often as a letter
        margin = 5
        box = (slice(max(0, top - margin), top + height + margin), slice(max(0, left - margin), left + width + margin))
        patch = (labels[box] == label).astype(np.uint8)
        ring = (cv2.dilate(patch, _ellipse(9)) - cv2.dilate(patch, _ellipse(5))) > 0
        around = grey[box][ring].astype(np.float64)
        inside = raised[box][patch > 0]
        thick = cv2.erode(patch, _ellipse(max(3, int(0.55 * height)) | 1)).any()  # a letter has no solid middle
        if (
            around.size
            and not thick
            and around.std() < 20
            and np.percentile(inside, 90) > 75
            and float(edges[box][patch > 0].mean()) > 0.45 * float(np.percentile(inside, 90))
        ):
            found[box] |= cv2.dilate(patch, _ellipse(5))
    return found
