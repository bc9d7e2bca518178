"""Copies of one picture: pixel-identical, re-encoded, resized, cropped, inverted or mirrored.

Candidates come from perceptual hashes of the thumbnails, the same for a picture and its negative, and from the nearest
embeddings; each is then verified on pixels: the one is moved over the other and correlated. Two examinations of a person
never agree as a picture agrees with its copy, and neighbouring slices of a volume are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from caseindex.records import Float32Array, Int64Array, PixelArray
from caseindex.retrieval.identity.key_points import GeometricMatch, KeyPoints, geometric_match, key_points

_NEAR_HASH: Final = 8  # of 63 bits
_SIDE: Final = 256
_SURE: Final = 0.97  # correlation of a copy, after registration; two exposures of one person stay below
_AREA: Final = 0.3  # of the larger picture: less in common is no copy
_TURNS: Final = ("", "mirrored")


@dataclass(frozen=True, slots=True)
class Copy:
    """``one`` < ``two``: rows; ``how``: what was done to the picture, in words, empty for pixel-identical;
    ``correlation``: after registration, 1 for pixel-identical; ``share``: of the larger picture's area that both show."""

    one: int
    two: int
    how: tuple[str, ...]
    correlation: float
    share: float


def perceptual_hash(picture: PixelArray) -> int:
    """63 bits: signs of the low frequencies of a 32 x 32 picture (DCT; Zauner 2010) against the median, turned so that a
    picture and its negative have the same."""
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(np.ascontiguousarray(grey), (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:8, :8].ravel()[1:]  # without the mean
    if low[np.abs(low).argmax()] < 0:
        low = -low
    bits = low > np.median(low)
    return int(sum(1 << place for place, bit in enumerate(bits.tolist()) if bit))


def hash_pairs(hashes: npt.NDArray[np.uint64], most: int = _NEAR_HASH) -> Iterator[tuple[int, int]]:
    """Rows whose hashes differ in at most ``most`` bits: by 9 blocks of 7 bits, of which one at least is equal."""
    seen: set[tuple[int, int]] = set()
    for block in range(9):
        keys = (hashes >> np.uint64(7 * block)) & np.uint64(0x7F)
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(keys[order]) != 0, True])
        for begin, end in pairwise(starts):
            rows = np.sort(order[begin:end])
            for place in range(len(rows) - 1):
                rest = rows[place + 1 :]
                different = np.bitwise_count(hashes[rows[place]] ^ hashes[rest])
                for other in rest[different <= most].tolist():
                    pair = (int(rows[place]), int(other))
                    if pair not in seen:
                        seen.add(pair)
                        yield pair


def turned_hash_pairs(hashes: npt.NDArray[np.uint64], mirrored: npt.NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """As :func:`hash_pairs`, and rows of which one resembles the other mirrored (hashes of the mirrored pictures)."""
    n = len(hashes)
    seen: set[tuple[int, int]] = set()
    for one, two in hash_pairs(np.concatenate([hashes, mirrored])):
        if one < n and one != two % n:
            pair = (min(one, two % n), max(one, two % n))
            if pair not in seen:
                seen.add(pair)
                yield pair


def identical(copies: Int64Array) -> Iterator[tuple[int, int]]:
    """Rows with the same pixels: each with the first of its group."""
    order = np.argsort(copies, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(copies[order]) != 0, True])
    for begin, end in pairwise(starts):
        rows = np.sort(order[begin:end]).tolist()
        for other in rows[1:]:
            yield rows[0], other


def neighbour_pairs(vectors: Float32Array, kinds: Int64Array, least: float, k: int = 4) -> Iterator[tuple[int, int]]:
    """Rows of one kind whose embeddings are among each other's ``k`` nearest with at least this similarity."""
    import faiss

    for kind in np.unique(kinds).tolist():
        rows = np.flatnonzero(kinds == kind)
        if len(rows) < 2:
            continue
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors[rows]))
        similarity, found = index.search(np.ascontiguousarray(vectors[rows]), min(k + 1, len(rows)))
        for place, row in enumerate(rows.tolist()):
            for near, other in zip(similarity[place].tolist(), rows[found[place]].tolist(), strict=True):
                if near >= least and row < other:
                    yield row, other


def verified(one: PixelArray, two: PixelArray, rows: tuple[int, int]) -> Copy | None:
    """Whether two pictures are copies of one, and how they differ; ``None`` where they are not."""
    first, second = _grey(one), _grey(two)
    points_of_first = lru_cache(maxsize=1)(lambda: key_points(first))  # needed by all four, or by none
    best: tuple[float, float, tuple[str, ...]] | None = None
    for turn in _TURNS:
        turned = _turned(second, turn)
        for negative in (False, True):
            shown = 255 - turned if negative else turned
            found = _registered(first, shown, points_of_first)
            if found is not None and (best is None or found[0] > best[0]):
                words = (turn,) if turn else ()
                best = (found[0], found[1], (*words, "inverted") if negative else words)
        if best is not None and best[0] >= _SURE:
            break
    if best is None or best[0] < _SURE or best[1] < _AREA:
        return None
    how = list(best[2])
    if best[1] < 0.93:
        how.append(f"cropped, {100 * best[1]:.0f}% of the area in common")
    if one.shape[:2] != two.shape[:2]:
        how.append(f"resized, {one.shape[1]} x {one.shape[0]} and {two.shape[1]} x {two.shape[0]} pixels")
    if not how:
        how.append("encoded again")
    return Copy(*rows, tuple(how), best[0], best[1])


def find_copies(
    pictures: Callable[[int], PixelArray | None],
    copies: Int64Array,
    candidates: list[tuple[int, int]],
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Copy]:
    """Pixel-identical ones, and those among ``candidates`` that verify. ``pictures``: by row, ``None`` where unreadable."""
    found = [Copy(one, two, (), 1.0, 1.0) for one, two in identical(copies)]
    for one, two in candidates:
        if copies[one] != copies[two]:
            first, second = pictures(one), pictures(two)
            if first is not None and second is not None and (copy := verified(first, second, (one, two))) is not None:
                found.append(copy)
        if on_progress:
            on_progress(1, len(candidates))
    return found


def _grey(picture: PixelArray) -> PixelArray:
    grey = picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    scale = _SIDE / max(grey.shape)
    size = (max(8, round(grey.shape[1] * scale)), max(8, round(grey.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(grey), size, interpolation=method), np.uint8)


def _turned(picture: PixelArray, turn: str) -> PixelArray:
    return np.ascontiguousarray(picture[:, ::-1]) if turn else picture


def _registered(one: PixelArray, two: PixelArray, points_of_one: Callable[[], KeyPoints]) -> tuple[float, float] | None:
    """(correlation, share of the larger picture in common) of ``two`` moved over ``one``: as it is, else by key
    points."""
    stretched = np.asarray(cv2.resize(two, (one.shape[1], one.shape[0]), interpolation=cv2.INTER_LINEAR), np.uint8)
    plain = _correlation(one, stretched, None)
    if plain >= _SURE:
        return plain, 1.0
    if plain < -0.2:  # the negative: the other branch looks at it
        return None
    found = geometric_match(two, points_of_one())
    if found.transform is None or found.inliers < 12:
        return None
    warp = _exact(found, one, two)
    moved = cv2.warpAffine(two, warp, (one.shape[1], one.shape[0]), flags=cv2.INTER_LINEAR)
    there = cv2.warpAffine(np.full_like(two, 255), warp, (one.shape[1], one.shape[0]), flags=cv2.INTER_NEAREST) > 0
    scale = abs(float(np.linalg.det(warp[:, :2])))
    area = float(there.sum())
    # Beside the edge the blurs of the correlation would see what is not there.
    there = cv2.erode(there.astype(np.uint8), np.ones((25, 25), np.uint8), borderValue=1) > 0
    if there.sum() < 0.05 * there.size:
        return None
    return _correlation(one, np.asarray(moved, np.uint8), there), min(1.0, area / max(one.size, two.size * scale))


def _exact(found: GeometricMatch, one: PixelArray, two: PixelArray) -> npt.NDArray[np.float64]:
    """The movement of ``two`` over ``one``: a copy's key points agree to a pixel, an anatomy's only roughly."""
    source = found.first * np.array([two.shape[1], two.shape[0]], np.float32)
    target = found.second * np.array([one.shape[1], one.shape[0]], np.float32)
    cv2.setRNGSeed(7)
    warp, _ = cv2.estimateAffine2D(source, target, method=cv2.RANSAC, ransacReprojThreshold=0.8, maxIters=5000)
    if warp is None:
        warp, _ = cv2.estimateAffine2D(source, target, method=cv2.RANSAC, ransacReprojThreshold=4.0)
    return np.eye(2, 3) if warp is None else np.asarray(warp, np.float64)


def _correlation(one: PixelArray, two: PixelArray, where: npt.NDArray[np.bool_] | None) -> float:
    # Detail as well as light and dark: a smooth agreement alone is anatomy, not a copy.
    values = []
    for blur in (0.0, 4.0):
        first, second = one.astype(np.float32), two.astype(np.float32)
        if blur:
            first = first - cv2.GaussianBlur(first, (0, 0), blur)
            second = second - cv2.GaussianBlur(second, (0, 0), blur)
            first, second = cv2.GaussianBlur(first, (0, 0), 1.5), cv2.GaussianBlur(second, (0, 0), 1.5)
        a, b = (first.ravel(), second.ravel()) if where is None else (first[where], second[where])
        values.append(_trimmed(a, b))
    whole, detail = values
    # Detail suffers from re-encoding: 0.8 of it counts as much as 0.97 of the whole.
    return min(whole, 1.0 if detail >= 0.8 else detail + 0.17)


def _trimmed(one: Float32Array, two: Float32Array) -> float:
    """Correlation without the 4% of pixels that agree least: letters and arrows that one copy bears."""
    first, second = one - one.mean(), two - two.mean()
    norm = float((first * first).sum())
    residual = np.abs(second - first * (float((first * second).sum()) / norm if norm > 0 else 0.0))
    kept = residual <= np.partition(residual, int(0.96 * len(residual)))[int(0.96 * len(residual))]
    first, second = one[kept] - one[kept].mean(), two[kept] - two[kept].mean()
    norm = float(np.sqrt((first * first).sum() * (second * second).sum()))
    return float((first * second).sum()) / norm if norm > 0 else 0.0
