"""What a similarity proves on this archive: calibrations fitted on its own filed patients, or the model's own where the
archive is too small and its strangers look alike, or none."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from caseindex.encoders.calibration import (
    DRIFT,
    LEAST_PERSONS,
    Calibration,
    Method,
    drift,
    fit_calibration,
    load_calibration,
    reliability,
)
from caseindex.encoders.model import Model, model_folder
from caseindex.evaluation.identity_set import Exclusions, IdentitySet
from caseindex.evaluation.score_counts import ScoreCounts, centres, image_against_person, person_against_person
from caseindex.index.archive import Archive
from caseindex.retrieval.identity.gallery import IdentityGallery

#: Images whose similarities are counted at most: all pairs of 20,000 images are 200 million.
MOST_IMAGES = 20_000


@dataclass(frozen=True, slots=True)
class Evidence:
    """``image``: an image against a patient; ``person``: a patient against a patient; ``None`` where nothing is known, and
    ``why`` in words."""

    image: Calibration | None
    person: Calibration | None
    why: str


def evidence_for(
    archive: Archive,
    model: Model,
    gallery: IdentityGallery,
    exclusions: Exclusions,
    *,
    method: Method = "isotonic",
    patients: bool = True,
    seed: int = 0,
) -> Evidence:
    """``patients``: also the calibration of patient against patient (the audit's), which costs as much again."""
    data = _sample(gallery.as_set(), seed)
    made_on = {"model": model.fingerprint, "archive": archive.identifier}
    counts = image_against_person(data, exclusions)
    image = _fitted(data, counts, exclusions, made_on, method)
    if image is not None:
        person = None
        if patients:
            found = person_against_person(data, exclusions, seed=seed)
            person = fit_calibration(
                centres(), found.genuine, found.impostor, found.persons, method=method, made_on=made_on
            )
        return Evidence(image, person, f"calibrated on {image.persons} patients of this archive")
    folder = model_folder(archive.models_dir, model.name)
    stored = load_calibration(folder) if folder is not None else None
    few = (
        f"only {counts.persons} patients of this archive have two images that can be compared ({LEAST_PERSONS} needed)"
    )
    if stored is None:
        return Evidence(None, None, f"no probability: {few}, and the model brings no calibration")
    moved = drift(stored, centres(), counts.impostor)
    if moved > DRIFT:
        return Evidence(
            None,
            None,
            f"no probability: {few}, and strangers here are not as similar as where the model was calibrated (distance "
            f"{moved:.2f}, at most {DRIFT} is taken)",
        )
    return Evidence(stored, None, f"calibrated where the model was trained, on {stored.persons} patients")


def _sample(data: IdentitySet, seed: int) -> IdentitySet:
    """Whole patients, drawn until MOST_IMAGES."""
    if len(data) <= MOST_IMAGES:
        return data
    persons = np.random.default_rng(seed).permutation(np.unique(data.persons[data.persons >= 0]))
    sizes = np.bincount(data.persons[data.persons >= 0])[persons]
    chosen = persons[np.cumsum(sizes) <= MOST_IMAGES]
    return data.subset(np.flatnonzero(np.isin(data.persons, chosen)))


def _fitted(
    data: IdentitySet, counts: ScoreCounts, exclusions: Exclusions, made_on: dict[str, str], method: Method
) -> Calibration | None:
    whole = fit_calibration(centres(), counts.genuine, counts.impostor, counts.persons, method=method, made_on=made_on)
    if whole is None:
        return None
    # How reliable it is, is said of patients that it was not fitted on: two halves, each judged by the other's fit.
    half = data.persons % 2 == 0
    parts = [data.subset(np.flatnonzero(half)), data.subset(np.flatnonzero(~half))]
    found = [image_against_person(part, exclusions) for part in parts]
    fits = [
        fit_calibration(centres(), part.genuine, part.impostor, max(part.persons, LEAST_PERSONS), method=method)
        for part in found
    ]
    judged = [
        reliability(fit, centres(), other.genuine, other.impostor)
        for fit, other in zip(fits, reversed(found), strict=True)
        if fit is not None and other.genuine.sum() and other.impostor.sum()
    ]
    return replace(whole, reliability=min(judged, key=lambda item: -item.cllr)) if judged else whole
