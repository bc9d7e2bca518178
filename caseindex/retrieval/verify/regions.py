"""Where in the image a statement is seen: what its score loses when a part of the picture is blurred away.

Occlusion (Zeiler and Fergus 2014, section 4.2), which asks nothing of the encoder but vectors; checked by a deletion test
(Petsiuk et al. 2018, RISE): blurring the cells that the map points at has to cost more than blurring as many drawn at
random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from caseindex.protocols import ImageEncoder
from caseindex.records import Float32Array, Int64Array, PixelArray, Side
from caseindex.retrieval.verify.expectation import Expectation
from caseindex.retrieval.verify.filed import unit
from caseindex.retrieval.verify.logistic import Floats, log_odds

CELLS = 7
_BATCH = 16
_DELETED = 0.2  # share of the cells
_DRAWS = 5
_LEAST = 0.2  # log odds that a deletion changes; less is nothing to look at

#: Of these a map points no better than chance (`benchmarks/verify/maps.py`): blurring does not take away what is faint,
#: spread out or smaller than a cell; and that all is well is nowhere.
_UNLOCATED = (
    "normal",
    "infarct",
    "ischemic_stroke",
    "lacunar_stroke",
    "small_vessel_disease",
    "dyscirculatory_encephalopathy",
    "sah",
)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Region:
    """``map``: [CELLS, CELLS] log odds that the finding loses without this cell: above 0 the cell speaks for it.
    ``lost``: by deleting the fifth of the cells that speak most for it; ``lost_against``: by deleting the fifth that speak
    most against it (below 0: it gains); ``lost_at_random``: by drawn ones, each draw."""

    concept: str
    side: Side | None
    map: Float32Array
    lost: float
    lost_against: float
    lost_at_random: tuple[float, ...]

    @property
    def holds(self) -> bool:
        """Whether the deletion test bears out what speaks for the finding."""
        return self.lost > max(_LEAST, *self.lost_at_random)

    @property
    def holds_against(self) -> bool:
        """Whether it bears out what speaks against it."""
        return self.lost_against < min(-_LEAST, *self.lost_at_random)

    @property
    def tested(self) -> Float32Array:
        """[CELLS, CELLS] the parts of the map that passed, 0 elsewhere."""
        kept = (self.map > 0) & self.holds | (self.map < 0) & self.holds_against
        return np.where(kept, self.map, np.float32(0))


def locatable(concept: str) -> bool:
    """Whether a map of the finding is worth showing."""
    from caseindex.reports.lexicon import load_lexicon

    lexicon = load_lexicon()
    return not any(
        concept == name or concept in lexicon.expand(name) for name in _UNLOCATED if name in lexicon.concepts
    )


def regions(
    encoder: ImageEncoder,
    expectation: Expectation,
    picture: PixelArray,
    fold: int,
    asked: Sequence[tuple[str, Side | None]],
    *,
    seed: int = 0,
) -> list[Region]:
    """A map for each (finding, side) that the archive knows; with a side, of what tells left from right.

    ``picture``: [rows, columns] or [rows, columns, 3] uint8. 50 forward passes, and 7 for each one asked.
    """
    known = {name: place for place, name in enumerate(expectation.targets.findings)}
    wanted = [
        (name, side) for name, side in asked if name in known and (side is None or expectation.side_ridge is not None)
    ]
    if not wanted:
        return []
    cells = np.eye(CELLS * CELLS, dtype=bool).reshape(-1, CELLS, CELLS)
    masks = [np.zeros((CELLS, CELLS), bool), *_widened(cells)]
    vectors = _embedded(encoder, picture, masks)
    rng = np.random.default_rng(seed)
    out = []
    for name, side in wanted:
        scores = _scores(expectation, vectors, fold, known[name], side)
        lost = (scores[0] - scores[1:]).reshape(CELLS, CELLS).astype(np.float32)
        count = round(_DELETED * CELLS * CELLS)
        order = np.argsort(-lost, axis=None)
        deleted = [_mask(order[:count]), _mask(order[-count:]), *(_drawn(rng, count) for _ in range(_DRAWS))]
        after = _embedded(encoder, picture, deleted)
        costs = scores[0] - _scores(expectation, after, fold, known[name], side)
        out.append(Region(name, side, lost, float(costs[0]), float(costs[1]), tuple(costs[2:].tolist())))
    return out


def _widened(cells: Mask) -> list[Mask]:
    """Each cell with its upper, lower, left and right neighbours: a single one is smaller than most findings."""
    out = []
    for cell in cells:
        wide = cell.copy()
        wide[1:] |= cell[:-1]
        wide[:-1] |= cell[1:]
        wide[:, 1:] |= cell[:, :-1]
        wide[:, :-1] |= cell[:, 1:]
        out.append(wide)
    return out


def _drawn(rng: np.random.Generator, count: int) -> Mask:
    return _mask(rng.permutation(CELLS * CELLS)[:count])


def _mask(cells: Int64Array) -> Mask:
    mask = np.zeros(CELLS * CELLS, bool)
    mask[cells] = True
    return mask.reshape(CELLS, CELLS)


def _embedded(encoder: ImageEncoder, picture: PixelArray, masks: Sequence[Mask]) -> Float32Array:
    """[n, dim] of the picture with what each mask covers blurred away."""
    import cv2

    rows, columns = picture.shape[:2]
    blurred = cv2.GaussianBlur(picture, (0, 0), max(rows, columns) / 12)
    parts = []
    for start in range(0, len(masks), _BATCH):
        batch = []
        for mask in masks[start : start + _BATCH]:
            cover = cv2.resize(mask.astype(np.float32), (columns, rows), interpolation=cv2.INTER_LINEAR)
            cover = cover if picture.ndim == 2 else cover[..., None]
            mixed = picture * (1 - cover) + blurred * cover
            batch.append(encoder.preprocess(np.ascontiguousarray(mixed.round().astype(np.uint8))))
        parts.append(encoder.encode(np.stack(batch)))
    return np.stack([unit(row) for row in np.concatenate(parts)])


def _scores(expectation: Expectation, vectors: Float32Array, fold: int, column: int, side: Side | None) -> Floats:
    folds: Int64Array = np.full(len(vectors), fold, np.int64)
    seen = expectation.seen(vectors, folds)
    if side is None:
        return log_odds(seen.probability[:, column])
    return log_odds(seen.left if side is Side.LEFT else 1 - seen.left)
