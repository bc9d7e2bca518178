"""The audit: everything in an archive that is probably filed wrongly, as one ranked list. It proposes, it moves nothing.

Three kinds of finding: images under the wrong patient, one person under two ids, copies of one image. The same similarity
can have several of these causes; it is listed once, under the most probable one, and the other is named among the reasons.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from caseindex.encoders.calibration import Calibration
from caseindex.encoders.model import Model
from caseindex.errors import CaseindexError
from caseindex.evaluation.cohort import with_cohort
from caseindex.evaluation.identity_set import Exclusions, IdentitySet
from caseindex.index.archive import Archive
from caseindex.index.decisions import read_decisions
from caseindex.records import Image, PixelArray
from caseindex.retrieval.encoding import OnProgress
from caseindex.retrieval.identity.copies import copy_findings
from caseindex.retrieval.identity.evidence import Evidence, evidence_for
from caseindex.retrieval.identity.finding import Finding, FindingKind, Listed, Reason, listed
from caseindex.retrieval.identity.gallery import IdentityGallery
from caseindex.retrieval.identity.geometry_evidence import agreed, fit_geometry
from caseindex.retrieval.identity.key_points import KeyPoints, key_points
from caseindex.retrieval.identity.misfiled import MisfiledScores, misfiled_scores
from caseindex.retrieval.identity.recorded import contradictions
from caseindex.retrieval.identity.two_ids import PersonPair, person_pairs
from caseindex.retrieval.picture import read_archived

SHOWN = 6  # images of each patient beside a finding
_KEPT = 4000  # key points of that many images are kept while the audit runs
#: Log-likelihood ratio of a contradiction in what is recorded: sex and age are typed in wrongly now and then.
_CONTRADICTS = -3.0

Points = Callable[[int], KeyPoints | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """``prior``: share of images under the wrong patient; ``two_ids_prior``: share of patients with a second id here;
    ``limit``: findings listed; ``verified``: candidates of each kind whose key points are looked at, 0 for none."""

    prior: float = 4e-5
    two_ids_prior: float = 1e-3
    kinds: tuple[FindingKind, ...] = tuple(FindingKind)
    limit: int | None = 100
    least_probability: float = 0.0
    verified: int = 60
    decided: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Audit:
    """``findings``: most probable first; ``why``: where the probabilities come from, in words; ``images``, ``patients``:
    looked at."""

    findings: tuple[Listed, ...]
    why: str
    images: int
    patients: int
    calibration: Calibration | None
    notes: tuple[str, ...] = field(default=())


def audit(
    archive: Archive,
    model: Model,
    gallery: IdentityGallery,
    settings: AuditSettings = AuditSettings(),
    *,
    possibly_same: Sequence[tuple[str, str]] = (),
    known: Evidence | None = None,
    points: Points | None = None,
    on_progress: OnProgress | None = None,
) -> Audit:
    """``possibly_same``: pairs of patient ids that are known to be one person perhaps; they are not listed. ``known``:
    what a similarity proves here, ``points``: key points by row, where several audits of these images share them."""
    progress = on_progress or (lambda stage, done, total: None)
    exclusions = Exclusions(same_study=True)
    data = with_cohort(gallery.as_set(possibly_same), exclusions)
    known = known or evidence_for(archive, model, data, exclusions, seed=settings.seed)
    look = looker(archive, gallery)
    found: list[Finding] = []
    identity = [kind for kind in settings.kinds if kind is not FindingKind.DUPLICATE_IMAGE]
    if identity and len(np.unique(data.persons[data.persons >= 0])) > 1:
        points = points or kept_key_points(look)
        geometry = fit_geometry(data, points, seed=settings.seed) if settings.verified else None
        found += _identity_findings(gallery, data, known, settings, points, geometry, exclusions, progress)
    if FindingKind.DUPLICATE_IMAGE in settings.kinds:
        copies = copy_findings(archive, gallery, look, progress)
        explained = {frozenset(one.patient_ids) for one in copies if len(one.patient_ids) > 1}
        found = [one for one in found if frozenset(one.patient_ids) not in explained] + copies
    decisions = read_decisions(archive)
    found = [replace(one, decided=decisions.get(one.key)) for one in found if one.kind in settings.kinds]
    if not settings.decided:
        found = [one for one in found if one.decided is None]
    found = [one for one in found if (one.probability or 0.0) >= settings.least_probability]
    patients = len(np.unique(data.persons[data.persons >= 0]))
    return Audit(tuple(listed(found, settings.limit)), known.why, len(gallery), patients, known.image)


def _identity_findings(
    gallery: IdentityGallery,
    data: IdentitySet,
    known: Evidence,
    settings: AuditSettings,
    points: Points,
    geometry: Calibration | None,
    exclusions: Exclusions,
    progress: OnProgress,
) -> list[Finding]:
    scores = misfiled_scores(data, known.image, prior=settings.prior, exclusions=exclusions)
    pairs = person_pairs(data, known.image, known.person, prior=settings.two_ids_prior)
    most = settings.limit or len(data)
    candidates = np.argsort(-np.nan_to_num(scores.evidence, nan=-np.inf), kind="stable")
    candidates = candidates[np.isfinite(scores.evidence[candidates])][: 3 * max(most, settings.verified)]
    misfiled = _misfiled_findings(gallery, data, scores, known, candidates, points, geometry, settings, progress)
    doubled = [
        _two_ids_finding(gallery, data, pair, points if place < settings.verified else None, geometry)
        for place, pair in enumerate(pairs[: 3 * max(most, settings.verified)])
    ]
    # A cause that was not asked for does not hide one that was.
    return _one_cause_each([one for one in (*misfiled, *doubled) if one.kind in settings.kinds])


def _misfiled_findings(
    gallery: IdentityGallery,
    data: IdentitySet,
    scores: MisfiledScores,
    known: Evidence,
    candidates: np.ndarray,
    points: Points,
    geometry: Calibration | None,
    settings: AuditSettings,
    progress: OnProgress,
) -> list[Finding]:
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
        mates = _similar(data, head, np.flatnonzero(data.persons == other))
        own = _similar(data, head, np.flatnonzero((data.persons == filed) & ~np.isin(np.arange(len(data)), rows)))
        own = own[data.studies[own] != data.studies[head]]
        probability, score = _weights(scores, head, known)
        reasons = [
            Reason("like_other", {"patient": gallery.patient_ids[other], "similarity": _cosine(data, head, mates)})
        ]
        if np.isnan(scores.own[head]) or not len(own):
            reasons += [Reason("no_own", {"patient": gallery.patient_ids[filed]}), Reason("or_two_ids")]
        else:
            reasons.append(
                Reason("unlike_own", {"patient": gallery.patient_ids[filed], "similarity": _cosine(data, head, own)})
            )
        if (other, filed) in groups:
            reasons.append(Reason("swap", {"patient": gallery.patient_ids[other]}))
            score += 1.0
        matched = None
        if geometry is not None and place < settings.verified and len(mates):
            matched = agreed(points, head, int(mates[0]))
            mine = agreed(points, head, int(own[0])) if len(own) else None
            progress("key points", 1, min(settings.verified, len(groups)))
            if matched is not None:
                toward = float(geometry.log_ratio(matched.log_inliers))
                back = float(geometry.log_ratio(mine.log_inliers)) if mine is not None else 0.0
                probability = _updated(scores, head, probability, toward, back)
                score += toward - back
                reasons.append(_key_point_reason(matched.inliers, toward))
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


def _two_ids_finding(
    gallery: IdentityGallery,
    data: IdentitySet,
    pair: PersonPair,
    points: Points | None,
    geometry: Calibration | None,
) -> Finding:
    sizes = [int((data.persons == person).sum()) for person in (pair.one, pair.two)]
    # The id with more images is proposed to be kept; the others' images are what it is about.
    kept, moved = (pair.one, pair.two) if sizes[0] >= sizes[1] else (pair.two, pair.one)
    head, mate = (pair.one_row, pair.two_row) if moved == pair.one else (pair.two_row, pair.one_row)
    probability = pair.probability
    odds = math.log(probability / (1 - probability)) if probability is not None and 0 < probability < 1 else None
    score = pair.similarity * 10
    reasons = [Reason("alike", {"similarity": _cosine(data, head, np.array([mate])), "share": pair.agreeing})]
    matched = None
    if points is not None and geometry is not None:
        matched = agreed(points, head, mate)
        if matched is not None:
            ratio = float(geometry.log_ratio(matched.log_inliers))
            odds = odds + ratio if odds is not None else None
            score += ratio
            reasons.append(_key_point_reason(matched.inliers, ratio))
    for reason in contradictions(gallery.images[head], gallery.images[mate]):
        reasons.append(reason)
        odds = odds + _CONTRADICTS if odds is not None else None
        score += _CONTRADICTS
    if min(sizes) == 1:
        reasons.append(Reason("or_misfiled"))
    if pair.agreeing < 0.5:  # one image of several: that is an image in the wrong place, not a second id
        score -= 5
        odds = odds - 5 if odds is not None else None
    rows = _similar(data, mate, np.flatnonzero(data.persons == moved))
    mates = _similar(data, head, np.flatnonzero(data.persons == kept))
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


def _key_point_reason(count: int, ratio: float) -> Reason:
    return Reason("key_points" if ratio > 0 else "no_key_points", {"count": count})


def _one_cause_each(findings: list[Finding]) -> list[Finding]:
    """Two findings about the same two patients are one similarity with two explanations: the more probable one stays."""
    best: dict[frozenset[str], Finding] = {}
    kept = []
    for one in sorted(findings, key=lambda item: (-(item.probability or 0.0), -item.score)):
        about = frozenset(one.patient_ids)
        first = best.get(about)
        if first is None:
            best[about] = one
            kept.append(one)
        elif first.kind is one.kind and one.kind is FindingKind.MISFILED:
            kept.append(one)  # the other half of a swap
    return kept


def _similar(data: IdentitySet, row: int, rows: np.ndarray) -> np.ndarray:
    """``rows`` that can be compared with ``row``, most similar first."""
    rows = rows[data.kinds[rows] == data.kinds[row]]
    rows = rows[rows != row] if len(rows) > 1 else rows
    return rows[np.argsort(-data.similarities(np.array([row]), rows)[0], kind="stable")]


def _cosine(data: IdentitySet, row: int, rows: np.ndarray) -> float:
    """To the first of ``rows``: what a reader can compare between findings and archives."""
    return float(data.vectors[row] @ data.vectors[rows[0]]) if len(rows) else float("nan")


def looker(archive: Archive, gallery: IdentityGallery) -> Callable[[int], PixelArray | None]:
    """Pixels by row; ``None`` where the source is gone."""

    def look(row: int) -> PixelArray | None:
        return _read(archive, gallery.images[row])

    return look


def _read(archive: Archive, image: Image) -> PixelArray | None:
    try:
        return read_archived(archive, image)
    except (CaseindexError, OSError):  # its source is gone; the embedding still speaks
        return None


def kept_key_points(look: Callable[[int], PixelArray | None]) -> Points:
    """Key points by row, of the last images that were asked for."""

    @lru_cache(maxsize=_KEPT)
    def points_of(row: int) -> KeyPoints | None:
        picture = look(row)
        return key_points(picture) if picture is not None else None

    return points_of
