"""The audit: everything in an archive that is probably filed wrongly, as one ranked list. It proposes, it moves nothing.

Three kinds of finding: images under the wrong patient, one person under two ids, copies of one image. The same similarity
can have several of these causes; it is listed once, under the most probable one, and the other is named among the reasons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from caseindex.encoders.calibration import Calibration
from caseindex.encoders.model import Model
from caseindex.evaluation.cohort import with_cohort
from caseindex.evaluation.identity_set import Exclusions, IdentitySet
from caseindex.evaluation.misfiled_rate import MisfiledRate, misfiled_rate
from caseindex.index.archive import Archive
from caseindex.index.decisions import read_decisions
from caseindex.retrieval.encoding import OnProgress
from caseindex.retrieval.identity.copies import copy_findings
from caseindex.retrieval.identity.evidence import Evidence, evidence_for
from caseindex.retrieval.identity.finding import Finding, FindingKind, Listed, listed
from caseindex.retrieval.identity.gallery import IdentityGallery
from caseindex.retrieval.identity.geometry_evidence import fit_geometry
from caseindex.retrieval.identity.looks import Points, kept_key_points, looker
from caseindex.retrieval.identity.misfiled import MisfiledScores, misfiled_scores
from caseindex.retrieval.identity.misfiled_findings import misfiled_findings
from caseindex.retrieval.identity.two_ids import person_pairs
from caseindex.retrieval.identity.two_ids_finding import two_ids_finding


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
    looked at; ``misfiled``: how many images all similarities together speak for, whatever the prior."""

    findings: tuple[Listed, ...]
    why: str
    images: int
    patients: int
    calibration: Calibration | None
    misfiled: MisfiledRate | None
    prior: float

    @property
    def beyond_prior(self) -> bool:
        """Whether the archive itself speaks for more misfiled images than the prior allows."""
        return self.misfiled is not None and self.misfiled.low > self.prior

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader of the list has to know besides."""
        if self.misfiled is None or not self.beyond_prior:
            return ()
        images, low, high = self.misfiled.images
        return (
            f"the similarities speak for about {images:.0f} misfiled images here ({low:.0f} to {high:.0f}), where the prior "
            f"expects {self.prior * self.misfiled.of:.2g}; --prior {self.misfiled.as_prior} takes that into account",
        )


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
    rate: MisfiledRate | None = None
    identity = [kind for kind in settings.kinds if kind is not FindingKind.DUPLICATE_IMAGE]
    if identity and len(np.unique(data.persons[data.persons >= 0])) > 1:
        points = points or kept_key_points(look)
        geometry = fit_geometry(data, points, seed=settings.seed) if settings.verified else None
        scores = misfiled_scores(data, known.image, prior=settings.prior, exclusions=exclusions)
        rate = misfiled_rate(scores.probability, settings.prior)
        found += _identity_findings(gallery, data, known, scores, settings, points, geometry, progress)
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
    shown = tuple(listed(found, settings.limit))
    return Audit(shown, known.why, len(gallery), patients, known.image, rate, settings.prior)


def _identity_findings(
    gallery: IdentityGallery,
    data: IdentitySet,
    known: Evidence,
    scores: MisfiledScores,
    settings: AuditSettings,
    points: Points,
    geometry: Calibration | None,
    progress: OnProgress,
) -> list[Finding]:
    pairs = person_pairs(data, known.image, known.person, prior=settings.two_ids_prior)
    most = settings.limit or len(data)
    candidates = np.argsort(-np.nan_to_num(scores.evidence, nan=-np.inf), kind="stable")
    candidates = candidates[np.isfinite(scores.evidence[candidates])][: 3 * max(most, settings.verified)]
    misfiled = misfiled_findings(
        gallery, data, scores, known, candidates, points, geometry, settings.verified, progress
    )
    doubled = [
        two_ids_finding(gallery, data, pair, points if place < settings.verified else None, geometry)
        for place, pair in enumerate(pairs[: 3 * max(most, settings.verified)])
    ]
    # A cause that was not asked for does not hide one that was.
    return _one_cause_each([one for one in (*misfiled, *doubled) if one.kind in settings.kinds])


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
