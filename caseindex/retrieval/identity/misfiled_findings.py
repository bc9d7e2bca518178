"""Images under the wrong patient, as findings: those that point to one other patient together, with what says so."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np

from caseindex.encoders.calibration import Calibration
from caseindex.evaluation.identity_set import IdentitySet
from caseindex.retrieval.encoding import OnProgress
from caseindex.retrieval.identity.compared import SHOWN, cosine, key_point_reason, similar
from caseindex.retrieval.identity.evidence import Evidence
from caseindex.retrieval.identity.finding import Finding, FindingKind, Reason
from caseindex.retrieval.identity.gallery import IdentityGallery
from caseindex.retrieval.identity.geometry_evidence import agreed
from caseindex.retrieval.identity.looks import Points
from caseindex.retrieval.identity.misfiled import MisfiledScores


def misfiled_findings(
    gallery: IdentityGallery,
    data: IdentitySet,
    scores: MisfiledScores,
    known: Evidence,
    candidates: np.ndarray,
    points: Points,
    geometry: Calibration | None,
    verified: int,
    progress: OnProgress,
) -> list[Finding]:
    """``candidates``: rows, the most suspicious first; the key points of the first ``verified`` findings are compared."""
    # Images of one patient that point to one other patient are one finding: they were misfiled together.
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row in candidates.tolist():
        if scores.other_person[row] >= 0:
            groups[int(data.persons[row]), int(scores.other_person[row])].append(row)
    found = []
    for place, ((filed, other), rows) in enumerate(groups.items()):
        if known.image is not None:
            # Only images that speak against their own patient; the first one opened the group.
            rows = [row for row in rows if row == rows[0] or scores.evidence[row] > 0]
        head = rows[0]
        mates = similar(data, head, np.flatnonzero(data.persons == other))
        own = similar(data, head, np.flatnonzero((data.persons == filed) & ~np.isin(np.arange(len(data)), rows)))
        own = own[data.studies[own] != data.studies[head]]
        probability, score = _weights(scores, head, known)
        reasons = [
            Reason("like_other", {"patient": gallery.patient_ids[other], "similarity": cosine(data, head, mates)})
        ]
        if np.isnan(scores.own[head]) or not len(own):
            reasons += [Reason("no_own", {"patient": gallery.patient_ids[filed]}), Reason("or_two_ids")]
        else:
            reasons.append(
                Reason("unlike_own", {"patient": gallery.patient_ids[filed], "similarity": cosine(data, head, own)})
            )
        if (other, filed) in groups:
            reasons.append(Reason("swap", {"patient": gallery.patient_ids[other]}))
            score += 1.0
        matched = None
        if geometry is not None and place < verified and len(mates):
            matched = agreed(points, head, int(mates[0]))
            mine = agreed(points, head, int(own[0])) if len(own) else None
            progress("key points", 1, min(verified, len(groups)))
            if matched is not None:
                toward = float(geometry.log_ratio(matched.log_inliers))
                back = float(geometry.log_ratio(mine.log_inliers)) if mine is not None else 0.0
                probability = _updated(scores, head, probability, toward, back)
                score += toward - back
                reasons.append(key_point_reason(matched.inliers, toward))
        found.append(
            Finding(
                kind=FindingKind.MISFILED,
                probability=probability,
                score=score,
                patient_ids=(gallery.patient_ids[filed], gallery.patient_ids[other]),
                images=tuple(gallery.images[row] for row in rows[:SHOWN]),
                others=tuple(gallery.images[row] for row in mates[:SHOWN].tolist()),
                own=tuple(gallery.images[row] for row in own[:SHOWN].tolist()),
                suggested_patient_id=gallery.patient_ids[other],
                reasons=tuple(reasons),
                geometry=matched,
            )
        )
    return found


def _weights(scores: MisfiledScores, row: int, known: Evidence) -> tuple[float | None, float]:
    if known.image is None:
        return None, float(scores.evidence[row])
    return float(scores.probability[row]), float(scores.evidence[row])


def _updated(scores: MisfiledScores, row: int, probability: float | None, toward: float, back: float) -> float | None:
    """Key points weigh two of the three explanations: filed right (``back``), and of the similar patient (``toward``)."""
    if probability is None:
        return None
    right = (1 - probability) * math.exp(back)
    other = float(scores.towards[row]) * math.exp(toward)
    absent = max(0.0, probability - float(scores.towards[row]))
    return (other + absent) / max(right + other + absent, 1e-300)
