"""One line of the audit's worklist: what is probably wrong, how probable it is, and what says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from caseindex.index.decisions import Decided, finding_key
from caseindex.records import Image
from caseindex.retrieval.identity.key_points import GeometricMatch


class FindingKind(StrEnum):
    MISFILED = "misfiled"
    TWO_IDS = "two_ids"
    DUPLICATE_IMAGE = "duplicate_image"


@dataclass(frozen=True, slots=True)
class Reason:
    """``code``: a key of :data:`~caseindex.retrieval.identity.reasons.WORDS`; ``values`` fill its words."""

    code: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``images``: what it is about, the most telling first; ``others``: of the patient that they resemble; ``own``: other
    images of the patient that they are filed under; ``probability``: ``None`` without calibration; ``score`` ranks where
    probabilities are equal or missing; ``geometry``: between the first image and the first of ``others``."""

    kind: FindingKind
    probability: float | None
    score: float
    patient_ids: tuple[str, ...]
    images: tuple[Image, ...]
    others: tuple[Image, ...]
    own: tuple[Image, ...]
    suggested_patient_id: str | None
    reasons: tuple[Reason, ...]
    geometry: GeometricMatch | None = None
    decided: Decided | None = None

    @property
    def key(self) -> str:
        return finding_key(self.kind.value, [image.image_uid for image in self.images], self.patient_ids)


@dataclass(frozen=True, slots=True)
class Listed:
    """``expected_false``: how many of the findings up to this one are expected to be false alarms; ``None`` as soon as one
    has no probability."""

    rank: int
    finding: Finding
    expected_false: float | None


def listed(findings: list[Finding], limit: int | None) -> list[Listed]:
    """Most probable first; copies within one patient after all else, because nothing is filed wrongly. The same findings
    always in the same order."""

    def place(one: Finding) -> tuple[bool, float, float, str]:
        tidy = one.kind is FindingKind.DUPLICATE_IMAGE and len(one.patient_ids) < 2
        return tidy, -(one.probability if one.probability is not None else -1.0), -one.score, one.key

    ordered = sorted(findings, key=place)[:limit]
    rows: list[Listed] = []
    false: float | None = 0.0
    for rank, one in enumerate(ordered, start=1):
        false = None if false is None or one.probability is None else false + 1 - one.probability
        rows.append(Listed(rank, one, false))
    return rows
