"""What a trained model's similarities prove, counted on patients that it was not trained on, and stored beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from caseindex.encoders.calibration import ASKED_FILE, COHORT_FILE, FILE, PERSONS_FILE, fit_calibration
from caseindex.evaluation.calibrated import calibrated
from caseindex.evaluation.closeness import person_against_person
from caseindex.evaluation.cohort import with_cohort
from caseindex.evaluation.identity_set import Exclusions, IdentitySet
from caseindex.evaluation.score_counts import centres, image_against_person
from caseindex.index.archive import Archive
from caseindex.records import Int64Array
from caseindex.train.identity_measured import stored_set
from caseindex.train.identity_task import IdentityImages

#: As `match` and `audit` compare.
EXCLUSIONS = Exclusions(same_study=True)


def save_calibrations(
    archive: Archive, folder: Path, fingerprint: str, images: IdentityImages, uids: Sequence[str], unseen: Int64Array
) -> list[str]:
    """``images``: all of the archive's, row-aligned with ``uids``; ``unseen``: rows of the validation and the test side.
    Returns the names of the files that were written: none where the patients are too few, then each archive that uses the
    model counts on its own."""
    found = stored_set(archive, images, uids, fingerprint)
    if found is None:
        return []
    whole, chosen = found
    kept = np.flatnonzero(np.isin(chosen, unseen))
    made_on = {"model": fingerprint, "archive": archive.identifier}
    # Cohorts are drawn from the whole archive, as `match` and `audit` draw them.
    asked, filed = with_cohort(whole, EXCLUSIONS, filed=False), with_cohort(whole, EXCLUSIONS)
    written = []
    for data, file in ((whole, FILE), (asked, ASKED_FILE), (filed, COHORT_FILE)):
        if file != FILE and data.cohort is None:
            continue
        fitted = calibrated(image_against_person, data.subset(kept), EXCLUSIONS, made_on)
        if fitted is not None:
            fitted.save(folder, file)
            written.append(file)
    if COHORT_FILE in written:
        written += _save_persons(filed.subset(kept), made_on, folder)
    return written


def _save_persons(data: IdentitySet, made_on: dict[str, str], folder: Path) -> list[str]:
    counts = person_against_person(data, EXCLUSIONS)
    found = fit_calibration(centres(), counts.genuine, counts.impostor, counts.persons, made_on=made_on)
    if found is None:
        return []
    found.save(folder, PERSONS_FILE)
    return [PERSONS_FILE]
