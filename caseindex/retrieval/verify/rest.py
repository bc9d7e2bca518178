"""Statement against statement, as this archive's reports go together: of a finding that is spoken of, whether the rest of the
report makes one expect that it is there.

Nobody denies the dense artery and concludes with its stroke. Learned from right reports that assert or deny the finding: ridge
regression on what else they assert, without findings that are a kind of it or that it is a kind of (Hoerl and Kennard 1970),
and without the person that it is asked about. Reports that do not speak of it teach nothing here: whether something is
mentioned depends on the author's habit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from caseindex.records import Float32Array, Int64Array
from caseindex.retrieval.verify.claims import Claims
from caseindex.retrieval.verify.filed import FOLDS
from caseindex.retrieval.verify.logistic import Floats
from caseindex.retrieval.verify.targets import NOTHING, Targets

_STRENGTH = 10.0  # of the penalty: reports' worth of doubt

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rest:
    """``weights``: [folds, findings, findings], from each to each, 0 from kin; ``offsets``: [folds, findings]; ``base``:
    [findings] share of assertions among the reports that speak of it."""

    weights: Float32Array
    offsets: Float32Array
    base: Float32Array

    def __call__(self, rows: Float32Array, folds: Int64Array) -> Floats:
        """[n, findings] asserted in reports of patients in ``folds`` [n] -> [n, findings] probability that each is there."""
        out = np.empty((len(rows), self.offsets.shape[1]))
        for fold in range(FOLDS):
            here = folds == fold
            out[here] = rows[here] @ self.weights[fold] + self.offsets[fold]
        return np.clip(out, 0.0, 1.0)


def spoken_of(claims: Sequence[Claims], targets: Targets) -> Mask:
    """[n, findings] asserted or denied."""
    place = {name: column for column, name in enumerate(targets.findings) if name != NOTHING}
    out = np.zeros((len(claims), len(targets.findings)), bool)
    for row, one in enumerate(claims):
        out[row, [place[name] for name in (one.present | one.absent) & place.keys()]] = True
    return out


def fit_rest(rows: Float32Array, spoken: Mask, folds: Int64Array, targets: Targets) -> Rest:
    """``rows``: [n, findings] asserted in right reports, their patients in ``folds`` [n]; ``spoken``: of
    :func:`spoken_of`."""
    count = rows.shape[1]
    usable = ~_kin(targets)
    weights = np.zeros((FOLDS, count, count), np.float32)
    base = np.array([(rows[spoken[:, c], c].sum() + 0.5) / (spoken[:, c].sum() + 1.0) for c in range(count)])
    offsets = np.tile(base, (FOLDS, 1)).astype(np.float32)
    for column in range(count):
        told, inputs = np.flatnonzero(spoken[:, column]), np.flatnonzero(usable[:, column])
        table = np.column_stack([rows[told][:, inputs], rows[told, column]]).astype(np.float64)
        all_of_them = _Sums.of(table)
        for fold in range(FOLDS):
            without = all_of_them.minus(_Sums.of(table[folds[told] == fold]))
            if without.count >= 2:
                own, offset = without.solved()
                weights[fold, inputs, column], offsets[fold, column] = own, offset
    return Rest(weights, offsets, base.astype(np.float32))


@dataclass(frozen=True, slots=True)
class _Sums:
    """Of a table whose last column is to be told from the others: a fold is left out by subtraction."""

    count: int
    total: Floats
    products: Floats

    @classmethod
    def of(cls, table: Floats) -> _Sums:
        return cls(len(table), table.sum(0), table.T @ table)

    def minus(self, other: _Sums) -> _Sums:
        return _Sums(self.count - other.count, self.total - other.total, self.products - other.products)

    def solved(self) -> tuple[Floats, float]:
        """(weights, offset)."""
        mean = self.total / self.count
        scatter = self.products - self.count * np.outer(mean, mean)
        inputs = scatter[:-1, :-1] + _STRENGTH * np.eye(len(mean) - 1)
        weights = np.asarray(np.linalg.solve(inputs, scatter[:-1, -1]), np.float64)
        return weights, float(mean[-1] - mean[:-1] @ weights)


def _kin(targets: Targets) -> Mask:
    """[findings, findings] whether two are one, or one is a kind of the other; that nothing is asserted is kin of all."""
    from caseindex.reports.lexicon import load_lexicon

    lexicon = load_lexicon()
    place = {name: number for number, name in enumerate(targets.findings)}
    kin = np.eye(len(place), dtype=bool)
    for name, number in place.items():
        related = place if name == NOTHING else lexicon.ancestors(name)
        for other in related:
            if other in place:
                kin[number, place[other]] = kin[place[other], number] = True
    return kin
