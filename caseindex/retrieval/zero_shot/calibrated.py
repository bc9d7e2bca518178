"""From a margin to a probability that the sentence is so, where unseen cases with a report (or labels) allow it.

A logistic map (Platt 1999) of the margin, fitted on patients that the model was not trained on, each image weighing the
same. Without enough of them there is no probability: a softmax over two prompts is none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from caseindex.encoders.model import Model
from caseindex.evaluation.label_table import LabelTable
from caseindex.index.archive import Archive
from caseindex.records import Float32Array, Image, Polarity

#: Patients with the finding, and as many without, that a calibration needs.
LEAST_PATIENTS = 10
_ROUNDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceCalibration:
    """probability = 1 / (1 + exp(-(slope * margin + offset))). ``positives``, ``negatives``: images fitted on, of
    ``patients``; ``by``: ``"reports"`` or ``"labels"``; ``made_on``: model and archive."""

    slope: float
    offset: float
    positives: int
    negatives: int
    patients: int
    by: str
    made_on: Mapping[str, str]

    def probability(self, margin: Float32Array) -> Float32Array:
        """[n] -> [n]."""
        logit = self.slope * np.asarray(margin, np.float64) + self.offset
        return np.asarray(1 / (1 + np.exp(-np.clip(logit, -30, 30))), np.float32)

    def described(self) -> dict[str, object]:
        """As JSON."""
        return {
            "by": self.by,
            "positives": self.positives,
            "negatives": self.negatives,
            "patients": self.patients,
            "made_on": dict(self.made_on),
        }


def calibrate(
    archive: Archive,
    model: Model,
    text: str,
    images: Sequence[Image],
    margin: Float32Array,
    unseen: frozenset[str] | None,
    labels: LabelTable | None,
) -> tuple[SentenceCalibration | None, str]:
    """(the calibration, why there is none). ``margin``: [images]; ``unseen``: studies that the model was not fitted on,
    ``None`` where that is not known."""
    by = "reports" if labels is None else "labels"
    if unseen is None and _trained(model):
        return None, "uncalibrated: which cases the model was trained on is not known here"
    rows = [row for row, image in enumerate(images) if unseen is None or image.study_uid in unseen]
    truth = _by_reports(archive, text, [images[row] for row in rows]) if labels is None else None
    if labels is not None:
        truth = _by_labels(labels, text, [images[row] for row in rows])
    if truth is None:
        return None, f"uncalibrated: the {by} have nothing that the sentence asks for"
    known = ~np.isnan(truth)
    places, has = np.array(rows, np.int64)[known], truth[known] > 0.5
    owners = [images[row].patient_id or images[row].study_uid for row in places.tolist()]
    with_it = {owner for owner, one in zip(owners, has, strict=True) if one}
    without = {owner for owner, one in zip(owners, has, strict=True) if not one}
    if min(len(with_it), len(without)) < LEAST_PATIENTS:
        return None, (
            f"uncalibrated: {len(with_it)} unseen patients with it and {len(without)} without by the {by}, "
            f"at least {LEAST_PATIENTS} of each are needed"
        )
    slope, offset = platt(margin[places], has)
    if not slope > 0:
        return None, f"uncalibrated: on unseen patients the score does not agree with the {by}"
    made_on = {"model": model.fingerprint, "archive": archive.identifier}
    return (
        SentenceCalibration(
            slope=slope,
            offset=offset,
            positives=int(has.sum()),
            negatives=int((~has).sum()),
            patients=len(set(owners)),
            by=by,
            made_on=made_on,
        ),
        "",
    )


def platt(margin: Float32Array, has: np.ndarray) -> tuple[float, float]:
    """(slope, offset) of the logistic map with Platt's targets (1999): what was seen n times is not certain. By Newton's
    method on the standardised margin, with a little ridge so that it ends where the two are apart."""
    mean, spread = float(margin.mean()), max(float(margin.std()), 1e-9)
    x = np.stack([(margin.astype(np.float64) - mean) / spread, np.ones(len(margin))], 1)
    positives, negatives = int(has.sum()), int((~has).sum())
    target = np.where(has, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    weights = np.array([0.0, math.log((positives + 1) / (negatives + 1))])
    ridge = np.diag([1e-3, 1e-9])
    for _ in range(_ROUNDS):
        found = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (found - target) + ridge @ weights
        step = np.linalg.solve((x.T * (found * (1 - found) + 1e-9)) @ x + ridge, slope)
        weights -= step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return float(weights[0] / spread), float(weights[1] - weights[0] * mean / spread)


def _trained(model: Model) -> bool:
    """Whether the model was trained on some archive's reports, rather than taken from a catalogue."""
    return bool(model.config.get("training"))


def _by_reports(archive: Archive, text: str, images: Sequence[Image]) -> np.ndarray | None:
    """[images] 1: the reports assert every finding of the sentence (or a narrower one); 0: not; NaN: in doubt, or no
    report. ``None`` for a sentence without a finding of the lexicon."""
    from caseindex.reports.lexicon import load_lexicon
    from caseindex.reports.statements import statements

    lexicon = load_lexicon()
    asked = [
        (frozenset(lexicon.expand(item.finding)), item.polarity is not Polarity.ABSENT) for item in statements(text)
    ]
    if not asked:
        return None
    truth = np.full(len(images), np.nan)
    with archive.store.read() as reader:
        for row, image in enumerate(images):
            spoken = [
                report
                for report in reader.reports(study_uid=image.study_uid)
                if report.text.strip() and (not report.image_uids or image.image_uid in report.image_uids)
            ]
            if not spoken:
                continue
            found = [item for report in spoken for item in statements(report.text, report.language)]
            answers = [_answer(found, accepted) for accepted, _ in asked]
            fits = [
                math.nan if math.isnan(answer) else float((answer == 1.0) == wanted)
                for answer, (_, wanted) in zip(answers, asked, strict=True)
            ]
            truth[row] = 0.0 if 0.0 in fits else (math.nan if any(map(math.isnan, fits)) else 1.0)
    return truth


def _answer(found: Sequence[object], accepted: frozenset[str]) -> float:
    """1 asserted, 0 denied or not mentioned, NaN only in doubt."""
    said = {item.polarity for item in found if item.finding in accepted and not item.historical}  # type: ignore[attr-defined]
    if Polarity.PRESENT in said:
        return 1.0
    return math.nan if Polarity.UNCERTAIN in said else 0.0


def _by_labels(labels: LabelTable, text: str, images: Sequence[Image]) -> np.ndarray | None:
    """By the label that is the sentence, or means the same finding. ``None`` where the table has no such label."""
    wanted = _meaning(text)
    names = [name for name in labels.order if name.casefold() == text.strip().casefold()]
    names = names or [name for name in labels.order if wanted and _meaning(name) == wanted]
    if not names:
        return None
    truth = np.full(len(images), np.nan)
    for row, image in enumerate(images):
        found = labels.of(
            image_uid=image.image_uid,
            image=image.file,
            file=image.file,
            study_uid=image.study_uid,
            study_id=image.study_uid,
        )
        if found is not None:
            truth[row] = max(found.get(name, 0.0) for name in names)
    return truth


def _meaning(text: str) -> frozenset[tuple[str, bool]]:
    from caseindex.reports.statements import statements

    return frozenset((item.finding, item.polarity is Polarity.ABSENT) for item in statements(text))
