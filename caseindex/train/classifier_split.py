"""Train, validation and test by patient, each with its share of every label: a label of a dozen patients would else miss
a side now and then."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping

from caseindex.errors import TrainingError
from caseindex.train.split import Split


def stratified_split(
    patient_of: Mapping[str, str],
    labels_of: Mapping[str, Collection[str]],
    *,
    validation: float,
    test: float,
    seed: int = 0,
    hold_out: Collection[str] = (),
) -> Split:
    """``patient_of``: item -> patient; ``labels_of``: item -> its labels. Items of one patient stay together.

    Patients are ordered by their rarest label and, within it, by sha256(seed, id); of this list every 1/test-th goes to
    the test side and, of what is left, every 1/validation-th to validation (systematic sampling). ``hold_out``: patients
    that are on no side. Raises :class:`~caseindex.errors.TrainingError` with fewer than three patients.
    """
    groups: dict[str, list[str]] = {}
    for item, patient in patient_of.items():
        groups.setdefault(patient, []).append(item)
    held = sorted(item for patient in groups if patient in hold_out for item in groups[patient])
    own = {
        patient: {label for item in items for label in labels_of[item]}
        for patient, items in groups.items()
        if patient not in hold_out
    }
    if len(own) < 3:
        raise TrainingError("split", f"{len(own)} patients with a label, at least 3 are needed", "Label more studies")
    count = Counter(label for labels in own.values() for label in labels)
    rarest = {patient: min((count[label], label) for label in labels) for patient, labels in own.items() if labels}

    def order(patient: str) -> tuple[int, str, bytes]:
        number, label = rarest.get(patient, (len(own) + 1, ""))
        return number, label, hashlib.sha256(f"{seed}\0{patient}".encode()).digest()

    ordered = sorted(own, key=order)
    tested, rest = _every(ordered, test)
    validated, trained = _every(rest, validation)
    sides = [
        tuple(sorted(item for patient in side for item in groups[patient])) for side in (trained, validated, tested)
    ]
    return Split(sides[0], sides[1], sides[2], tuple(held))


def _every(ordered: list[str], share: float) -> tuple[list[str], list[str]]:
    """(taken, left): evenly spread over the list, at least one of each."""
    taken = {place for place in range(len(ordered)) if int((place + 1.5) * share) != int((place + 0.5) * share)}
    taken = taken or {len(ordered) // 2}
    return (
        [patient for place, patient in enumerate(ordered) if place in taken],
        [patient for place, patient in enumerate(ordered) if place not in taken],
    )
