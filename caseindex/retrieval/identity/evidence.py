"""What a similarity proves on this archive: calibrations fitted on its own filed patients, or the model's own where it
was made on patients that it was not trained on, or where the archive is too small and its strangers look alike; or none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from caseindex.encoders.calibration import (
    ASKED_FILE,
    COHORT_FILE,
    DRIFT,
    FILE,
    LEAST_PERSONS,
    PERSONS_FILE,
    Calibration,
    Method,
    drift,
    fit_calibration,
    load_calibration,
)
from caseindex.encoders.model import Model, model_folder
from caseindex.evaluation.calibrated import calibrated
from caseindex.evaluation.closeness import person_against_person
from caseindex.evaluation.identity_set import Exclusions, IdentitySet
from caseindex.evaluation.score_counts import centres, image_against_image, image_against_person
from caseindex.index.archive import Archive
from caseindex.records import Int64Array

#: Images whose similarities are counted at most: all pairs of 20,000 images are 200 million, of 6,000 18 million.
MOST_IMAGES = 20_000
FOR_ONE_ANSWER = 6_000  # a few seconds


@dataclass(frozen=True, slots=True)
class Evidence:
    """``image``: an image against a patient; ``person``: a patient against a patient; ``pair``: an image against an image,
    where asked for; ``None`` where nothing is known, and ``why`` in words."""

    image: Calibration | None
    person: Calibration | None
    why: str
    pair: Calibration | None = None


def evidence_for(
    archive: Archive,
    model: Model,
    data: IdentitySet,
    exclusions: Exclusions,
    *,
    method: Method = "isotonic",
    patients: bool = True,
    pairs: bool = False,
    most: int = MOST_IMAGES,
    seed: int = 0,
) -> Evidence:
    """Of similarities as ``data`` counts them, normalised by cohorts or not. Counted on ``most`` images at most.
    ``patients``: also the calibration of patient against patient (the audit's); ``pairs``: also that of image against
    image; each costs as much again."""
    if len(data) > most:
        data = data.subset(sampled_rows(data, most, seed)).without_gaps()
    made_on = {"model": model.fingerprint, "archive": archive.identifier}
    file = FILE if data.cohort is None else COHORT_FILE if data.cohort.filed else ASKED_FILE
    counts = image_against_person(data, exclusions)
    folder = model_folder(archive.models_dir, model.name)
    stored = load_calibration(folder, file) if folder is not None else None
    moved = drift(stored, centres(), counts.impostor) if stored is not None else 1.0
    person = pair = None
    if patients:
        found = person_against_person(data, exclusions, seed=seed)
        person = fit_calibration(
            centres(), found.genuine, found.impostor, found.persons, method=method, made_on=made_on
        )
    if pairs:
        pair = calibrated(image_against_image, data, exclusions, made_on, method)
    if stored is not None and moved <= DRIFT and stored.made_on.items() >= made_on.items():
        # Patients that the model was trained on look more alike to it than others will.
        why = f"calibrated on {stored.persons} patients of this archive that the model was not trained on"
        unseen = load_calibration(folder, PERSONS_FILE) if folder is not None and data.cohort is not None else None
        return Evidence(stored, unseen or person, why, stored if pairs else None)
    image = calibrated(image_against_person, data, exclusions, made_on, method, counts)
    if image is not None:
        return Evidence(image, person, f"calibrated on {image.persons} patients of this archive", pair)
    few = (
        f"only {counts.persons} patients of this archive have two images that can be compared ({LEAST_PERSONS} needed)"
    )
    if stored is None:
        return Evidence(None, None, f"no probability: {few}, and the model brings no calibration")
    if moved > DRIFT:
        return Evidence(
            None,
            None,
            f"no probability: {few}, and strangers here are not as similar as where the model was calibrated (distance "
            f"{moved:.2f}, at most {DRIFT} is taken)",
        )
    why = f"calibrated where the model was trained, on {stored.persons} patients"
    return Evidence(stored, None, why, stored if pairs else None)


def sampled_rows(data: IdentitySet, most: int, seed: int = 0) -> Int64Array:
    """Whole patients, drawn until ``most`` images: those with several first, up to half, because they are what tells how
    one person's images differ; shares of genuine pairs and of strangers are counted apart, so that this does no harm."""
    persons, sizes = np.unique(data.persons[data.persons >= 0], return_counts=True)
    order = np.random.default_rng(seed).permutation(len(persons))
    several = order[sizes[order] > 1]
    several = several[np.cumsum(sizes[several]) <= most // 2]
    others = order[~np.isin(order, several)]
    others = others[np.cumsum(sizes[others]) <= most - sizes[several].sum()]
    return np.flatnonzero(np.isin(data.persons, persons[np.r_[several, others]]))
