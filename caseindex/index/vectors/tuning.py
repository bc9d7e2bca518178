"""How much effort an approximate index needs for the recall that is wanted: measured on its own vectors.

A sample of the stored vectors asks for its neighbours, exactly and through the index with more and more effort (lists
visited, nodes kept); the least effort whose candidates hold the wanted share of the true neighbours is kept, and then
the smallest number of candidates. Fixed numbers would be too few for one archive and a waste for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, cast

import msgspec
import numpy as np

from caseindex.protocols import EmbeddingBlock
from caseindex.records import Float32Array, Int64Array

QUERIES: Final = 1000
#: So that 0.95 holds for queries that are not among the stored vectors, too: these find about 0.005 less, and the
#: measurement is known to about 0.006. Each hundredth more costs several times the effort: what is missed then are whole
#: neighbourhoods that lie far down the order of the lists.
WANTED: Final = 0.97
NEIGHBOURS: Final = {10: 1000, 100: 200}  # the k that are measured, with so many queries
_STEP: Final = 1.2  # how finely the effort is found
_MANY: Final = 16  # times the least number of candidates
_LOST: Final = 0.005  # recall that fewer candidates may cost


class Measured(msgspec.Struct, frozen=True):
    """For ``k`` neighbours: the effort, how many candidates for each neighbour, and the recall that this had."""

    k: int
    effort: int
    expand: int
    recall: float


class Tuning(msgspec.Struct, frozen=True):
    """What was measured, k ascending, and how many vectors there were."""

    measured: tuple[Measured, ...]
    vectors: int

    def of(self, k: int) -> Measured:
        """The measurement for the next larger k, or for the largest."""
        return next((one for one in self.measured if one.k >= k), self.measured[-1])


#: (queries, pool, effort) -> the ids that would be re-scored, [queries, pool], -1 for none.
Candidates = Callable[[Float32Array, int, int], Int64Array]


def pool_of(k: int, expand: int) -> int:
    """How many candidates there are for k neighbours."""
    return max(expand * k, k + 5 * expand)


def tuned(
    queries: Float32Array,
    blocks: Iterable[EmbeddingBlock],
    candidates: Candidates,
    expand: int,
    least: int,
    most: int,
    vectors: int,
) -> Tuning:
    """First the effort, with many candidates, so that only what was never visited is missed; then the fewest
    candidates, from ``expand`` for each neighbour, among which the codes' rounding errors lose next to nothing more."""
    truth = _exact(queries, blocks, max(NEIGHBOURS) + 1)
    measured: list[Measured] = []
    for k, count in NEIGHBOURS.items():
        some = slice(None, None, max(1, len(queries) // count))
        asked, wanted = queries[some], truth[some, 1 : k + 1]  # the nearest of a stored vector is itself (or its equal)
        if not (wanted >= 0).any():
            break

        def recall(
            effort: int, factor: int, wanted: Int64Array = wanted, asked: Float32Array = asked, k: int = k
        ) -> float:
            found = candidates(asked, pool_of(k + 1, factor), effort)
            hits = sum(int(np.isin(want[want >= 0], got).sum()) for want, got in zip(wanted, found, strict=True))
            return hits / int((wanted >= 0).sum())

        many = expand * _MANY
        effort = short = min(least, most)
        reached = recall(effort, many)
        while reached < WANTED and effort < most:
            short, effort = effort, min(most, 2 * effort)
            reached = recall(effort, many)
        while effort > _STEP * short + 1:
            between = round((short * effort) ** 0.5)
            found = recall(between, many)
            if found >= WANTED:
                effort, reached = between, found
            else:
                short = between
        factor = expand
        while (found := recall(effort, factor)) < reached - _LOST and factor < many:
            factor *= 2
        measured.append(Measured(k, effort, factor, round(found, 4)))
        least = effort
    return Tuning(tuple(measured), vectors)


def _exact(queries: Float32Array, blocks: Iterable[EmbeddingBlock], k: int) -> Int64Array:
    """[queries, k] ids of the nearest by float32 products, one pass over the vectors."""
    import faiss

    ids = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    for block in blocks:
        take = min(k, len(block.ids))
        knn: Any = cast(Any, faiss).knn
        found, rows = knn(queries, block.vectors, take, metric=faiss.METRIC_INNER_PRODUCT)
        scores = np.hstack([scores, found])
        ids = np.hstack([ids, block.ids[rows]])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        ids, scores = np.take_along_axis(ids, order, axis=1), np.take_along_axis(scores, order, axis=1)
    return ids
