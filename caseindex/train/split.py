"""Train, validation and test by patient: nobody is on two sides."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from caseindex.errors import TrainingError
from caseindex.records import Int64Array


@dataclass(frozen=True, slots=True)
class Split:
    """UIDs of what was split (studies, images, reports), each list sorted. ``held_out``: of patients that the caller
    keeps for himself."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    held_out: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """How many are on each side."""
        return {side: len(getattr(self, side)) for side in ("train", "validation", "test", "held_out")}

    def rows(self, uids: Sequence[str]) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Places in ``uids`` of the training, the validation and the test side, [n] each, in the order of the side."""
        place = {uid: number for number, uid in enumerate(uids)}
        train, validation, test = (
            np.array([place[uid] for uid in side], np.int64) for side in (self.train, self.validation, self.test)
        )
        return train, validation, test


def split_by_patient(
    patient_of: Mapping[str, str | None],
    *,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    hold_out: Collection[str] = (),
) -> Split:
    """``patient_of``: study UID -> patient id; a study of an unknown patient counts as a patient of its own.

    Patients are ordered by sha256(seed, id): the order does not depend on who else is in the archive, so a patient
    added later moves nobody by more than the shares' rounding. ``hold_out``: patient ids that are on no side.
    Raises :class:`~caseindex.errors.TrainingError` with fewer than three patients.
    """
    groups: dict[str, list[str]] = {}
    held = []
    for study, patient in patient_of.items():
        if patient is not None and patient in hold_out:
            held.append(study)
        else:
            groups.setdefault(f"patient {patient}" if patient is not None else f"study {study}", []).append(study)
    if len(groups) < 3:
        raise TrainingError(
            "split", f"{len(groups)} patients with image and report, at least 3 are needed", "Ingest more studies"
        )
    ordered = sorted(groups, key=lambda name: hashlib.sha256(f"{seed}\0{name}".encode()).digest())
    first = max(1, round(len(ordered) * test))
    second = first + max(1, round(len(ordered) * validation))
    return Split(
        train=_studies(groups, ordered[second:]),
        validation=_studies(groups, ordered[first:second]),
        test=_studies(groups, ordered[:first]),
        held_out=tuple(sorted(held)),
    )


class Shares(Protocol):
    """Of the settings of a recipe: the shares of the patients, and the seed of their order."""

    @property
    def validation(self) -> float: ...
    @property
    def test(self) -> float: ...
    @property
    def seed(self) -> int: ...


def split_studies(
    recipe: str,
    studies: Sequence[str],
    patients: Sequence[str | None],
    shares: Shares,
    hold_out: Collection[str],
    *,
    ingest: str,
) -> Split:
    """:func:`split_by_patient` of ``studies``, whose patients are ``patients``.

    Raises :class:`~caseindex.errors.TrainingError` in the name of ``recipe`` where fewer than two are left to train on;
    ``ingest``: what there should be more of.
    """
    split = split_by_patient(
        dict(zip(studies, patients, strict=True)),
        validation=shares.validation,
        test=shares.test,
        seed=shares.seed,
        hold_out=hold_out,
    )
    if len(split.train) < 2:
        raise TrainingError(recipe, f"{len(split.train)} studies to train on", f"Ingest more {ingest}")
    return split


def _studies(groups: Mapping[str, Sequence[str]], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(study for name in names for study in groups[name]))
