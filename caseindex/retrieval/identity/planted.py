"""The audit run over an archive with some images filed wrongly on purpose: what `bench misfiled` measures.

Only the numbers of the patients are changed, in memory: calibration, scores, key points and list are the audit's own, and
see the archive with its errors, as they would in earnest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from caseindex.encoders.model import Model
from caseindex.evaluation.cohort import with_cohort
from caseindex.evaluation.identity_set import Exclusions, IdentitySet
from caseindex.evaluation.misfiled_protocol import FIRST
from caseindex.evaluation.misfiled_rate import misfiled_rate
from caseindex.evaluation.planted_scores import Flag, Repetition
from caseindex.evaluation.planting import Mask, Planting, plant
from caseindex.index.archive import Archive
from caseindex.retrieval.encoding import OnProgress
from caseindex.retrieval.identity.audit import AuditSettings, audit
from caseindex.retrieval.identity.evidence import evidence_for
from caseindex.retrieval.identity.finding import Finding, FindingKind
from caseindex.retrieval.identity.gallery import IdentityGallery
from caseindex.retrieval.identity.looks import Points, kept_key_points, looker
from caseindex.retrieval.identity.misfiled import misfiled_scores

EXCLUSIONS = Exclusions(same_study=True)  # the audit's


def planted_repetitions(
    archive: Archive,
    model: Model,
    gallery: IdentityGallery,
    *,
    rate: float,
    repetitions: int,
    geometry: int = 0,
    seed: int = 0,
    possibly_same: Sequence[tuple[str, str]] = (),
    among: Mask | None = None,
    on_progress: OnProgress | None = None,
) -> list[Repetition]:
    """``rate``: share of the images to plant, which is also the audit's prior; ``geometry``: candidates whose key points
    are compared; ``among``: [n] images that are measured on (default: all). Nothing is planted where no patient has two comparable examinations."""
    data = gallery.as_set(possibly_same)
    points = kept_key_points(looker(archive, gallery))
    found = []
    for number in range(repetitions):
        planting = plant(data, rate, np.random.default_rng([seed, number]), among)
        if not planting.planted.any():
            return []
        changed = replace(gallery, persons=planting.persons)
        found.append(_audited(archive, model, changed, data, planting, rate, geometry, points, seed, possibly_same))
        if on_progress is not None:
            on_progress("planting and looking", 1, repetitions)
    return found


def _audited(
    archive: Archive,
    model: Model,
    changed: IdentityGallery,
    truth: IdentitySet,
    planting: Planting,
    rate: float,
    geometry: int,
    points: Points,
    seed: int,
    possibly_same: Sequence[tuple[str, str]],
) -> Repetition:
    filed = with_cohort(changed.as_set(possibly_same), EXCLUSIONS)
    known = evidence_for(archive, model, filed, EXCLUSIONS, seed=seed)
    scores = misfiled_scores(filed, known.image, prior=rate, exclusions=EXCLUSIONS)
    settings = AuditSettings(
        prior=rate,
        kinds=(FindingKind.MISFILED, FindingKind.TWO_IDS),
        limit=4 * max(FIRST),
        verified=geometry,
        decided=True,  # what was decided of the real filing says nothing of this one
        seed=seed,
    )
    listed = audit(archive, model, changed, settings, possibly_same=possibly_same, known=known, points=points).findings
    number = {patient: place for place, patient in enumerate(changed.patient_ids)}
    row = {image.image_uid: place for place, image in enumerate(changed.images)}
    findings = [item.finding for item in listed]
    flags = tuple(
        Flag(row[one.images[0].image_uid], number.get(one.suggested_patient_id or "", -1), one.probability)
        for one in findings
        if one.kind is FindingKind.MISFILED
    )
    doubled = _as_two_ids(findings, changed, truth, planting)
    estimated = misfiled_rate(scores.probability, rate)
    return Repetition(
        planting, scores.evidence, scores.probability, scores.other_person, flags[: max(FIRST)], doubled, estimated
    )


def _as_two_ids(findings: list[Finding], changed: IdentityGallery, truth: IdentitySet, planting: Planting) -> int:
    """Planted examinations whose true patient and new patient are listed as one person."""
    rows = np.flatnonzero(planting.planted)
    moves = {
        frozenset((changed.patient_ids[int(truth.persons[row])], changed.patient_ids[int(planting.persons[row])]))
        for row in rows
    }
    listed = {frozenset(one.patient_ids) for one in findings if one.kind is FindingKind.TWO_IDS}
    return len(moves & listed)
