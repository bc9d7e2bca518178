"""What texts state, as sets that can be compared: which reports say the same, and which text is true of which report.

A key is (finding, polarity, side). Rare findings weigh more (inverse document frequency), denials less than assertions:
nearly every report denies the same few things.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from caseindex.records import Float32Array, Polarity, Side, Statement

#: Weight of a denial and of a doubt beside an assertion.
ABSENT, UNCERTAIN = 0.3, 0.7
#: Weight of the side beside the finding.
SIDE = 0.5

Key = tuple[str, Polarity, Side | None]
Said = frozenset[Key]


def said(statements: Iterable[Statement]) -> Said:
    """What is stated of this examination."""
    return frozenset((one.finding, one.polarity, one.side) for one in statements if not one.historical)


@lru_cache(maxsize=65536)
def said_in(text: str) -> Said:
    from caseindex.reports.statements import statements

    return said(statements(text))


@dataclass(frozen=True, slots=True)
class Weights:
    """``rarity``: finding -> log inverse document frequency; ``unseen`` for the others."""

    rarity: dict[str, float]
    unseen: float

    def of(self, key: Key) -> float:
        finding, polarity, _ = key
        scale = {Polarity.ABSENT: ABSENT, Polarity.UNCERTAIN: UNCERTAIN}.get(polarity, 1.0)
        return scale * self.rarity.get(finding, self.unseen)


def weights_of(texts: Sequence[Said]) -> Weights:
    """From the reports of the training side."""
    counts: dict[str, int] = {}
    for keys in texts:
        for finding in {finding for finding, _, _ in keys}:
            counts[finding] = counts.get(finding, 0) + 1
    total = len(texts) + 1
    return Weights(
        {finding: float(np.log(1 + total / (1 + n))) for finding, n in counts.items()}, float(np.log(1 + total))
    )


def truth(of: Sequence[Said], by: Sequence[Said], weights: Weights) -> Float32Array:
    """[len(of), len(by)] 0..1: the weighted share of what text ``of`` states that report ``by`` states too.

    A finding stated present is true of a report that has it or a narrower one; a side that differs takes
    :data:`SIDE` off. A text that the report contradicts (denies what it asserts, or the other way) gets 0; one that
    states nothing gets 0.
    """
    table = [_believed(keys) for keys in by]
    out = np.zeros((len(of), len(by)), np.float32)
    for row, keys in enumerate(of):
        total = sum(weights.of(key) for key in keys)
        if total <= 0:
            continue
        parts = [(key, weights.of(key)) for key in keys]
        for column, believed in enumerate(table):
            agreed = 0.0
            for key, weight in parts:
                share = believed.agrees(key)
                if share < 0:
                    agreed = 0.0
                    break
                agreed += weight * share
            out[row, column] = agreed / total
    return out


def same_meaning(first: Sequence[Said], second: Sequence[Said], weights: Weights) -> Float32Array:
    """[first, second] 0..1, symmetric in its arguments: the harmonic mean of :func:`truth` in both directions."""
    there, back = truth(first, second, weights), truth(second, first, weights).T
    total = there + back
    return np.asarray(np.where(total > 0, 2 * there * back / np.maximum(total, 1e-9), 0), np.float32)


class _Believed:
    """A report's statements, ready to be asked."""

    def __init__(self, keys: Said) -> None:
        from caseindex.reports.lexicon import load_lexicon

        ancestors = load_lexicon().ancestors
        self.sides: dict[tuple[str, Polarity], set[Side | None]] = {}
        for finding, polarity, side in keys:
            implied = (finding, *ancestors(finding)) if polarity is Polarity.PRESENT else (finding,)
            for concept in implied:
                self.sides.setdefault((concept, polarity), set()).add(side)

    def agrees(self, key: Key) -> float:
        """1 for the same, less for another side or certainty, 0 for silence, -1 for a contradiction."""
        finding, polarity, side = key
        sides = self.sides.get((finding, polarity))
        if sides is not None:
            known = {other for other in sides if other is not None}
            return 1.0 if side is None or not known or side in known or Side.BOTH in known else 1.0 - SIDE
        opposite = {Polarity.PRESENT: Polarity.ABSENT, Polarity.ABSENT: Polarity.PRESENT}.get(polarity)
        if opposite is not None and (finding, opposite) in self.sides:
            return -1.0
        doubted = (finding, Polarity.UNCERTAIN) in self.sides or polarity is Polarity.UNCERTAIN
        return 0.5 if doubted and any((finding, other) in self.sides for other in Polarity) else 0.0


@lru_cache(maxsize=65536)
def _believed(keys: Said) -> _Believed:
    return _Believed(keys)
