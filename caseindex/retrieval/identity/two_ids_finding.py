"""One person under two ids, as a finding: which id to keep, and what speaks for and against it."""

from __future__ import annotations

import math

import numpy as np

from caseindex.encoders.calibration import Calibration
from caseindex.evaluation.identity_set import IdentitySet
from caseindex.retrieval.identity.compared import SHOWN, cosine, key_point_reason, similar
from caseindex.retrieval.identity.finding import Finding, FindingKind, Reason
from caseindex.retrieval.identity.gallery import IdentityGallery
from caseindex.retrieval.identity.geometry_evidence import agreed
from caseindex.retrieval.identity.looks import Points
from caseindex.retrieval.identity.recorded import contradictions
from caseindex.retrieval.identity.two_ids import PersonPair

#: Log-likelihood ratio of a contradiction in what is recorded: sex and age are typed in wrongly now and then.
_CONTRADICTS = -3.0


def two_ids_finding(
    gallery: IdentityGallery,
    data: IdentitySet,
    pair: PersonPair,
    points: Points | None,
    geometry: Calibration | None,
) -> Finding:
    """``points``: ``None`` where key points are not to be compared."""
    sizes = [int((data.persons == person).sum()) for person in (pair.one, pair.two)]
    # The id with more images is proposed to be kept; the others' images are what it is about.
    kept, moved = (pair.one, pair.two) if sizes[0] >= sizes[1] else (pair.two, pair.one)
    head, mate = (pair.one_row, pair.two_row) if moved == pair.one else (pair.two_row, pair.one_row)
    probability = pair.probability
    odds = math.log(probability / (1 - probability)) if probability is not None and 0 < probability < 1 else None
    score = pair.similarity * 10
    reasons = [Reason("alike", {"similarity": cosine(data, head, np.array([mate])), "share": pair.agreeing})]
    matched = None
    if points is not None and geometry is not None:
        matched = agreed(points, head, mate)
        if matched is not None:
            ratio = float(geometry.log_ratio(matched.log_inliers))
            odds = odds + ratio if odds is not None else None
            score += ratio
            reasons.append(key_point_reason(matched.inliers, ratio))
    for reason in contradictions(gallery.images[head], gallery.images[mate]):
        reasons.append(reason)
        odds = odds + _CONTRADICTS if odds is not None else None
        score += _CONTRADICTS
    if min(sizes) == 1:
        reasons.append(Reason("or_misfiled"))
    if pair.agreeing < 0.5:  # one image of several: that is an image in the wrong place, not a second id
        score -= 5
        odds = odds - 5 if odds is not None else None
    rows = similar(data, mate, np.flatnonzero(data.persons == moved))
    mates = similar(data, head, np.flatnonzero(data.persons == kept))
    return Finding(
        kind=FindingKind.TWO_IDS,
        probability=1 / (1 + math.exp(-max(-700.0, min(700.0, odds)))) if odds is not None else probability,
        score=score,
        patient_ids=(gallery.patient_ids[kept], gallery.patient_ids[moved]),
        images=tuple(gallery.images[row] for row in rows[:SHOWN].tolist()),
        others=tuple(gallery.images[row] for row in mates[:SHOWN].tolist()),
        own=(),
        suggested_patient_id=gallery.patient_ids[kept],
        reasons=tuple(reasons),
        geometry=matched,
    )
