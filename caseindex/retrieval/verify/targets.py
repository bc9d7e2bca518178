"""Claims as numbers: one row per report, one column per concept that enough patients' reports speak of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from caseindex.records import Float32Array, Side
from caseindex.retrieval.verify.claims import UNTOLD, Claims

LEAST_PATIENTS = 5
_MOST_NAMED = 0.95  # share of reports; what nearly all name tells nothing
_DOUBTED = 0.5
NOTHING = "nothing_asserted"  # a column of its own: that the report asserts no finding at all


@dataclass(frozen=True, slots=True)
class Targets:
    """``findings``: what can be asserted, and :data:`NOTHING`; ``named``: anatomy, modality and the like. Columns in this
    order."""

    findings: tuple[str, ...]
    named: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.findings) + len(self.named)

    def rows(self, claims: Sequence[Claims]) -> Float32Array:
        """[n, columns] in 0..1."""
        place = {name: number for number, name in enumerate(self.findings)}
        shown = {name: number + len(self.findings) for number, name in enumerate(self.named)}
        out = np.zeros((len(claims), len(self)), np.float32)
        for row, one in enumerate(claims):
            if NOTHING in place and not one.present - UNTOLD:
                out[row, place[NOTHING]] = 1.0
            out[row, [place[name] for name in one.doubted if name in place]] = _DOUBTED
            out[row, [place[name] for name in one.present if name in place]] = 1.0
            out[row, [shown[name] for name in one.named if name in shown]] = 1.0
        return out


def chosen_targets(claims: Sequence[Claims], patients: Sequence[str]) -> Targets:
    """Concepts of at least :data:`LEAST_PATIENTS` patients, in alphabetical order."""
    present: Counter[str] = Counter()
    named: Counter[str] = Counter()
    of: dict[str, list[Claims]] = {}
    for one, patient in zip(claims, patients, strict=True):
        of.setdefault(patient, []).append(one)
    for own in of.values():
        present.update(frozenset().union(*(one.present for one in own)))
        named.update(frozenset().union(*(one.named for one in own)))
    most = _MOST_NAMED * len(of)
    findings = sorted(name for name, count in present.items() if count >= LEAST_PATIENTS)
    return Targets(
        (*findings, NOTHING) if findings else (),
        tuple(sorted(name for name, count in named.items() if LEAST_PATIENTS <= count <= most)),
    )


def net_side(claims: Claims) -> float:
    """1 where what is asserted lies on the left, -1 on the right, 0 on none or both."""
    sides = {side for _, side in claims.sided}
    return {frozenset({Side.LEFT}): 1.0, frozenset({Side.RIGHT}): -1.0}.get(frozenset(sides), 0.0)
