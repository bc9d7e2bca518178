"""The answer for one case: whether the report fits, what each witness says, which sentence is doubtful, what is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from caseindex.records import Statement
from caseindex.retrieval.verify.claims import Claims, is_of_now
from caseindex.retrieval.verify.consistency import Check, Outcome
from caseindex.retrieval.verify.evidence import WITNESSES, Evidence, Told, Unsaid
from caseindex.retrieval.verify.familiar import UNLIKE, familiarity
from caseindex.retrieval.verify.filed import Filed
from caseindex.retrieval.verify.fusion import KINDS
from caseindex.retrieval.verify.logistic import Floats
from caseindex.retrieval.verify.neighbours import Near
from caseindex.retrieval.verify.thresholds import Threshold
from caseindex.retrieval.verify.verifier import Verifier

_HARD = frozenset({Check.SEX, Check.AGE, Check.ORGANS, Check.FINDINGS, Check.SIDES, Check.NORMAL})
_STRICT = 0.2  # of the rate of false alarms: below this line a report contradicts, rather than being doubtful
_EVEN = 0.5
_MISSED = 0.5  # probability by image or share of neighbours from which an unsaid finding is listed
_SHOWN_NEAREST = 5
_SHOWN_MISSING = 5


class Ruling(StrEnum):
    FITS = "fits"
    DOUBTFUL = "doubtful"
    CONTRADICTS = "contradicts"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class StatementRuling:
    """``agreement``: probability that this statement is right; NaN where nobody can know. ``why``: what speaks against it:
    "image", "neighbours", "side", "rest" (of the report), "contradicted"."""

    statement: Statement
    agreement: float
    ruling: Ruling
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Neighbour:
    report_uid: str
    study_uid: str
    patient_id: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """``agreement``: calibrated probability that the report fits, NaN where nobody can know. ``witnesses``: by name the
    probability by this one alone, NaN where it cannot know. ``errors``: kind of error -> probability, given that there is
    one. ``missing``: findings that the image or the neighbours have and the report does not mention. ``familiarity``: share
    of the archive's images that are as far from those of other patients as this one, 0 for one unlike all."""

    filed: Filed
    agreement: float
    ruling: Ruling
    threshold: Threshold
    witnesses: dict[str, float]
    errors: dict[str, float]
    statements: tuple[StatementRuling, ...]
    missing: tuple[Unsaid, ...]
    nearest: tuple[Neighbour, ...]
    evidence: Evidence
    familiarity: float = 1.0

    @property
    def unlike(self) -> bool:
        """Whether the image is unlike what the line was drawn on, so that the rate of false alarms says nothing of it."""
        return self.familiarity < UNLIKE


def verdicts(
    verifier: Verifier,
    filed: Sequence[Filed],
    claims: Sequence[Claims],
    found: tuple[Sequence[Evidence], Near],
    threshold: Threshold,
    strict: Threshold,
) -> list[Verdict]:
    """``found``: as :meth:`Witnesses.evidences` gives it; ``strict``: the line of the lower rate."""
    evidences, near = found
    if not filed:
        return []
    agreement, kinds = verifier.agreements(evidences, filed)
    rows = np.array([one.row() for one in evidences])
    alone = {name: verifier.fusion.of_witness(name, rows) for name in WITNESSES}
    line = verifier.statements.line(threshold.rate)
    familiar = familiarity(near.similarity[:, 0], verifier.familiar)
    out = []
    for row, one in enumerate(filed):
        evidence = evidences[row]
        knows = any(evidence.known(name) for name in ("similarity", "classifiers", "consistency")) or bool(
            evidence.told
        )
        value = float(agreement[row]) if knows else math.nan
        out.append(
            Verdict(
                one,
                value,
                _ruling(value, evidence, threshold, strict, familiar[row] < UNLIKE),
                threshold,
                {name: float(alone[name][row]) if evidence.known(name) else math.nan for name in WITNESSES},
                _errors(kinds[row]),
                _statements(verifier, claims[row], evidence, line),
                _missing(evidence.unsaid),
                _nearest(verifier, near, row),
                evidence,
                float(familiar[row]),
            )
        )
    return out


def _missing(unsaid: Sequence[Unsaid]) -> tuple[Unsaid, ...]:
    """What is clearly missed, each finding by its most specific name."""
    from caseindex.reports.lexicon import load_lexicon

    lexicon = load_lexicon()
    clear = [one for one in unsaid if max(one.probability, one.share) >= _MISSED and one.share > one.base]
    names = {one.concept for one in clear}
    return tuple(one for one in clear if not names & set(lexicon.expand(one.concept)[1:]))[:_SHOWN_MISSING]


def strict_rate(rate: float) -> float:
    return rate * _STRICT


def _ruling(value: float, evidence: Evidence, threshold: Threshold, strict: Threshold, unlike: bool) -> Ruling:
    """Of an image that is unlike all others only what contradicts itself, or sex and age of the record, is doubted."""
    if math.isnan(value) or not threshold.enough:
        return Ruling.UNDECIDED
    hard = any(one.check in _HARD and one.outcome is Outcome.CONTRADICTS for one in evidence.checks)
    if unlike and not hard:
        return Ruling.UNDECIDED
    if value >= threshold.value:
        return Ruling.FITS
    return Ruling.CONTRADICTS if hard or (strict.enough and value < strict.value) else Ruling.DOUBTFUL


def _errors(kinds: Floats) -> dict[str, float]:
    wrong = max(float(kinds[1:].sum()), 1e-12)
    return {name: float(kinds[place]) / wrong for place, name in enumerate(KINDS) if place}


def _statements(verifier: Verifier, claims: Claims, evidence: Evidence, line: float) -> tuple[StatementRuling, ...]:
    told = {one.place: one for one in evidence.told}
    values = dict(zip(told, verifier.statements([one.numbers() for one in told.values()]).tolist(), strict=True))
    out = []
    for place, statement in enumerate(claims.statements):
        value = values.get(place, math.nan)
        ruling = statement_ruling(value, line) if is_of_now(statement) else Ruling.UNDECIDED
        why = _why(told[place]) if ruling is Ruling.DOUBTFUL else ()
        out.append(StatementRuling(statement, value, ruling, why))
    return tuple(out)


def statement_ruling(value: float, line: float) -> Ruling:
    """What is likelier wrong than right, but not rare among right statements, is neither borne out nor doubtful."""
    if value < line:
        return Ruling.DOUBTFUL
    return Ruling.FITS if value >= _EVEN else Ruling.UNDECIDED


def _why(one: Told) -> tuple[str, ...]:
    reasons = {
        "contradicted": 5.0 if one.contradicted else 0.0,
        "image": -one.expected,
        "neighbours": -one.near,
        "side": -one.side,
        "rest": -one.rest,
    }
    return tuple(sorted((name for name, weight in reasons.items() if weight > 0.3), key=lambda name: -reasons[name]))


def _nearest(verifier: Verifier, near: Near, row: int) -> tuple[Neighbour, ...]:
    gallery = verifier.witnesses.gallery
    chosen: dict[str, Neighbour] = {}
    for place, similarity in zip(near.places[row], near.similarity[row], strict=True):
        if place >= 0 and len(chosen) < _SHOWN_NEAREST:
            uid = str(gallery.reports[place])
            one = Neighbour(uid, str(gallery.studies[place]), str(gallery.patients[place]), float(similarity))
            chosen.setdefault(one.study_uid, one)
    return tuple(chosen.values())


def as_document(verdict: Verdict) -> dict[str, Any]:
    """As JSON: NaN is null; a witness that cannot know says "undecided"."""
    own, threshold = verdict.filed, verdict.threshold
    return {
        "study_uid": own.report.study_uid,
        "report_uid": own.report.report_uid,
        "patient_id": own.images[0].patient_id,
        "file": own.images[0].file,
        "agreement": _number(verdict.agreement),
        "verdict": verdict.ruling.value,
        "familiarity": _number(verdict.familiarity),
        "unlike_archive": verdict.unlike,
        "threshold": _number(threshold.value) if threshold.enough else None,
        "false_alarms": {
            "asked": threshold.rate,
            "interval": [round(threshold.low, 4), round(threshold.high, 4)] if threshold.enough else None,
            "patients": threshold.patients,
        },
        "methods": {
            name: {
                "agreement": _number(value),
                "verdict": Ruling.UNDECIDED.value if math.isnan(value) else None,
                "numbers": {n: _number(verdict.evidence.numbers.get(n, math.nan)) for n in WITNESSES[name]},
                **({"checks": _checks(verdict.evidence)} if name == "consistency" else {}),
            }
            for name, value in verdict.witnesses.items()
        },
        "probable_error": {name: round(share, 3) for name, share in verdict.errors.items()},
        "statements": [
            {
                "text": one.statement.text,
                "finding": one.statement.finding,
                "polarity": one.statement.polarity,
                "side": one.statement.side,
                "agreement": _number(one.agreement),
                "verdict": one.ruling.value,
                "why": list(one.why),
            }
            for one in verdict.statements
        ],
        "missing": [
            {
                "finding": one.concept,
                "probability": _number(one.probability),
                "neighbours": _number(one.share),
                "archive": _number(one.base),
            }
            for one in verdict.missing
        ],
        "nearest": [
            {
                "study_uid": one.study_uid,
                "report_uid": one.report_uid,
                "patient_id": one.patient_id,
                "similarity": _number(one.similarity),
            }
            for one in verdict.nearest
        ],
    }


def _checks(evidence: Evidence) -> list[dict[str, Any]]:
    return [
        {
            "check": one.check.value,
            "outcome": one.outcome.value,
            "report": one.told or None,
            "record": one.recorded or None,
        }
        for one in evidence.checks
    ]


def _number(value: float) -> float | None:
    return None if not math.isfinite(value) else round(float(value), 4)
