"""Scores of images some of which were misfiled on purpose: pooled over repetitions, with operating points at low
false-alarm rates, of images and of whole examinations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from caseindex.evaluation.identity_set import IdentitySet
from caseindex.evaluation.misfiled_rate import MisfiledRate
from caseindex.evaluation.planting import Planting
from caseindex.records import Int64Array

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Flag:
    """A line of the worklist. ``row``: of the image that it is about; ``suggested``: number of the patient that it
    probably belongs to; ``probability``: ``None`` without calibration."""

    row: int
    suggested: int
    probability: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Repetition:
    """One planting and what was said of it. ``evidence``, ``probability``: [n], NaN where there is none;
    ``suggested``: [n] the patient that each image probably belongs to; ``worklist``: the first flags;
    ``as_two_ids``: planted examinations whose two patients were listed as one person instead; ``estimated``: how many
    images all together speak for."""

    planting: Planting
    evidence: Floats
    probability: Floats
    suggested: Int64Array
    worklist: tuple[Flag, ...]
    as_two_ids: int = 0
    estimated: MisfiledRate | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """All scored images of all repetitions. ``level``: [m] rank of the score among all, equal for equal ones;
    ``planted``: [m]; ``right``: [m] the suggested patient is the true one; ``beside``: [m] filed right, of a patient who
    was given a planted examination; ``owner``: [m] the true patient; ``study``: [m] number of the examination in its
    repetition."""

    level: Int64Array
    planted: npt.NDArray[np.bool_]
    right: npt.NDArray[np.bool_]
    beside: npt.NDArray[np.bool_]
    owner: Int64Array
    study: Int64Array
    probability: Floats

    def without(self, left_out: npt.NDArray[np.bool_]) -> Pooled:
        """The other images; levels keep their numbers."""
        kept = ~left_out
        return Pooled(*(getattr(self, one.name)[kept] for one in fields(self)))


def pooled(data: IdentitySet, repetitions: Sequence[Repetition]) -> Pooled:
    """In the order of the audit's list: by probability, where there is one, then by evidence. Images that were moved
    with a planted one, but could not be recognised themselves, are left out, as all that is not measured on."""
    parts: list[tuple[np.ndarray, ...]] = []
    for number, one in enumerate(repetitions):
        planting = one.planting
        rows = np.flatnonzero(np.isfinite(one.evidence) & planting.measured)
        beside = ~planting.moved & np.isin(planting.persons, planting.persons[planting.moved])
        parts.append(
            (
                one.evidence[rows],
                one.probability[rows],
                planting.planted[rows],
                one.suggested[rows] == data.persons[rows],
                beside[rows],
                data.persons[rows],
                data.studies[rows] + number * (int(data.studies.max(initial=0)) + 1),
            )
        )
    evidence, probability, planted, right, beside, owner, study = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    order = np.lexsort((evidence, np.nan_to_num(probability, nan=-1.0)))
    key = np.stack([np.nan_to_num(probability, nan=-1.0), evidence], 1)[order]
    level = np.empty(len(order), np.int64)
    level[order] = np.cumsum(np.r_[0, (np.diff(key, axis=0) != 0).any(1)]) if len(order) else 0
    return Pooled(level, planted, right, beside, owner, study, probability)


@dataclass(frozen=True, slots=True)
class Point:
    """Flagged is what lies above ``threshold`` (a level). Shares of the planted and of the other images that are
    flagged, ``named``: of the planted, with the true patient named; of 1,000 examinations, how many of the rightly
    filed are flagged, and how many of the planted ones."""

    threshold: int
    tpr: float
    fpr: float
    named: float
    false_per_1000: float
    study_tpr: float

    def flags_per_1000(self, prevalence: float) -> float:
        """Of 1,000 examinations, ``prevalence`` of which are misfiled."""
        return 1000 * prevalence * self.study_tpr + (1 - prevalence) * self.false_per_1000

    def ppv(self, prevalence: float) -> float:
        """Share of the flagged examinations that are misfiled; NaN where nothing is flagged."""
        flags = self.flags_per_1000(prevalence)
        return 1000 * prevalence * self.study_tpr / flags if flags else float("nan")


class Points:
    """Operating points of pooled scores, for weights of the patients (all 1, or a bootstrap draw)."""

    def __init__(self, scores: Pooled) -> None:
        self.scores = scores
        self.levels = int(scores.level.max(initial=-1)) + 1
        order = np.lexsort((scores.level, scores.study))
        last = np.r_[np.diff(scores.study[order]) != 0, True] if len(order) else np.empty(0, bool)
        # The highest image of an examination speaks for it; it is misfiled where any of its images is.
        self._highest = order[last]
        _, number = np.unique(scores.study, return_inverse=True)
        self._study_planted = np.bincount(number, scores.planted) > 0 if len(number) else np.empty(0, bool)

    def weighted(self, patients: Floats) -> tuple[Floats, Floats]:
        """([levels] weight of the planted images, of the others), lowest first. ``patients``: [persons] weights."""
        scores = self.scores
        weight = patients[scores.owner]
        counts = [
            np.bincount(scores.level[side], weight[side], minlength=self.levels).astype(np.float64)
            for side in (scores.planted, ~scores.planted)
        ]
        return counts[0], counts[1]

    def at(self, rate: float, patients: Floats) -> Point:
        """At the lowest threshold with a false-alarm rate of ``rate`` at most."""
        scores, weight = self.scores, patients[self.scores.owner]
        _, impostor = self.weighted(patients)
        above = impostor.sum() - np.cumsum(impostor)  # false flags where level t itself is not flagged
        threshold = int(np.argmax(above <= rate * impostor.sum()))
        flagged = scores.level > threshold
        planted = scores.planted
        study_weight, study_flagged = weight[self._highest], flagged[self._highest]
        filed = ~self._study_planted
        return Point(
            threshold,
            tpr=_share(flagged, planted, weight),
            fpr=_share(flagged, ~planted, weight),
            named=_share(flagged & scores.right, planted, weight),
            false_per_1000=1000 * _share(study_flagged, filed, study_weight),
            study_tpr=_share(study_flagged, ~filed, study_weight),
        )

    def auc(self, patients: Floats) -> float:
        genuine, impostor = self.weighted(patients)
        if not genuine.sum() or not impostor.sum():
            return float("nan")
        below = np.cumsum(impostor) - impostor / 2
        return float((genuine * below).sum() / genuine.sum() / impostor.sum())


def _share(chosen: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_], weight: Floats) -> float:
    whole = float(weight[among].sum())
    return float(weight[among & chosen].sum()) / whole if whole else float("nan")
