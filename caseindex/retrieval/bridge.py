"""From words to images without training: the reported cases that the words find show what to look for.

Relevance feedback (Rocchio 1971, "Relevance Feedback in Information Retrieval") across modalities, as in cross-media
pseudo-relevance feedback (Clinchant, Renders and Csurka 2007, "Trans-Media Pseudo-Relevance Feedback Methods"): the word
channel scores the reports, the mean of their images, weighted by those scores, stands against the mean of all reported cases, and
their difference is turned into a linear discriminant (Fisher 1936), ``(S + r I)^-1 (mean of the found - mean of all)``, with
``S`` the covariance of the reported cases' images. Images are ordered by their cosine with it, so that a vector index answers.

Nobody's own report helps to find his own images: his part is taken out of the mean that they are compared with. The same
leave-one-patient-out scores tell how far the direction can be trusted: unasked, only a convincing one is used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from caseindex.protocols import RecordReader
from caseindex.records import Float32Array, Image, ItemKind, Polarity, Report
from caseindex.retrieval.question import ConceptUnit, Question
from caseindex.retrieval.word_index import WordIndex
from caseindex.retrieval.words import score_reports

LEAST_PATIENTS = 3  # with a matching report and an embedded image
_MOST_REPORTS = 400
_IMAGES_OF_A_REPORT = 8
_FEW = 8  # matching reports below which the kind of what is asked, and what else is of it, serve as examples too
_SIBLING = 0.3  # their weight
_SAMPLE = 1536  # images that stand for the reported cases
_RIDGE = 3.0  # of the mean variance; from 0.1 to 10 the tuning questions hardly differ
_CONVINCING = 2.0  # standard errors that the left-out patients' scores have to be above the archive's


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Images of the cases that the words found. ``vectors``: [n, dim]; ``weights``: [n] > 0; ``patients``: [n] names."""

    vectors: Float32Array
    weights: Float32Array
    patients: npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class Bridge:
    """``direction``: [dim], a unit vector; ``typical`` and ``deviation``: of the archive's cosines with it. ``left_out``:
    patient -> the [dim] direction without his own images. ``patients``: how many cases it was made of. ``evidence``: how
    many standard errors their left-out scores are above the archive's."""

    direction: Float32Array
    typical: float
    deviation: float
    left_out: dict[str, Float32Array]
    patients: int
    evidence: float

    @property
    def convincing(self) -> bool:
        return self.evidence >= _CONVINCING

    def deviations(self, cosine: float) -> float:
        """Standard deviations above the archive's images."""
        return (cosine - self.typical) / self.deviation

    def deviations_of(self, patient: str, vector: Float32Array, cosine: float) -> float:
        """The same for an image of ``patient``, whose own reports have no say."""
        own = self.left_out.get(patient)
        return self.deviations(cosine if own is None else float(vector @ own))


def fit(examples: Examples, archive_sample: Float32Array) -> Bridge | None:
    """The bridge of these examples against ``archive_sample`` [m, dim]; ``None`` for fewer than
    :data:`LEAST_PATIENTS` patients, or where all images of the archive are alike."""
    names, owner = np.unique(examples.patients, return_inverse=True)
    if len(names) < LEAST_PATIENTS or len(archive_sample) < 2:
        return None
    centre = archive_sample.mean(axis=0)
    background = archive_sample - centre
    spread = float((background**2).mean())
    if spread <= 0:
        return None
    owners = np.zeros((len(names), len(owner)), dtype=np.float32)
    owners[owner, np.arange(len(owner))] = examples.weights
    sums, weights = owners @ (examples.vectors - centre), owners.sum(axis=1, keepdims=True)
    without = (sums.sum(axis=0) - sums) / (weights.sum() - weights)
    means = np.concatenate([sums.sum(axis=0, keepdims=True) / weights.sum(), without])
    directions = _inverse_covariance_times(background, _RIDGE * spread, means)
    directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
    cosines = archive_sample @ directions[0]
    typical, deviation = float(cosines.mean()), float(cosines.std())
    if deviation <= 1e-9:
        return None
    left_out = (examples.vectors * directions[1:][owner]).sum(axis=1)
    of_patients = (owners @ left_out[:, None] / weights)[:, 0]
    evidence = (float(of_patients.mean()) - typical) / deviation * math.sqrt(len(names))
    return Bridge(
        direction=directions[0].astype(np.float32),
        typical=typical,
        deviation=deviation,
        left_out=dict(zip(names.tolist(), directions[1:].astype(np.float32), strict=True)),
        patients=len(names),
        evidence=evidence,
    )


def _inverse_covariance_times(background: Float32Array, ridge: float, vectors: Float32Array) -> npt.NDArray[np.float32]:
    """``vectors @ (B'B / m + ridge I)^-1`` by the matrix inversion lemma: [m, m] is solved, not [dim, dim]."""
    count = len(background)
    gram = background @ background.T + ridge * count * np.eye(count, dtype=np.float32)
    inner = np.linalg.solve(gram, background @ vectors.T)
    return np.asarray((vectors - inner.T @ background) / ridge, dtype=np.float32)


def matching_reports(index: WordIndex, question: Question) -> list[tuple[int, float]]:
    """(id, score) of the reports that the question's words find, best first. Where they are few, reports of the broader
    concept and of all that is under it follow with less weight."""
    scores = score_reports(index, question).scores
    if len(index) > 0 and int((scores > 0).sum()) < _FEW and question.has_core:
        wider = replace(question, units=tuple(_widened(unit) for unit in question.units))
        scores = np.maximum(scores, np.float32(_SIBLING) * score_reports(index, wider).scores)
    order = np.argsort(-scores, kind="stable")
    return [(int(index.document_ids[place]), float(scores[place])) for place in order if scores[place] > 0]


def _widened(unit: ConceptUnit) -> ConceptUnit:
    from caseindex.reports.lexicon import load_lexicon

    if not unit.core or unit.polarity is Polarity.ABSENT:
        return unit
    lexicon = load_lexicon()
    return replace(unit, accepted=unit.accepted.union(*(lexicon.expand(concept) for concept in unit.broader)))


def examples(
    reader: RecordReader, fingerprint: str, scored: list[tuple[int, float]], left_out: frozenset[str] | set[str]
) -> Examples | None:
    """The embedded images of the reports ``scored`` (id, score; best first), without the studies ``left_out``. A report
    stands for the images that it was filed with, else for those that represent its study."""
    weights: dict[str, float] = {}
    owners: dict[str, str] = {}
    for item, score in islice(scored, _MOST_REPORTS):
        uid = reader.item_uid(ItemKind.REPORT, item)
        report = reader.report(uid) if uid else None
        if report is None or report.study_uid in left_out:
            continue
        for image in _images(reader, report):
            if score > weights.get(image.image_uid, 0.0):
                weights[image.image_uid] = score
                owners[image.image_uid] = owner(image)
    found = [(uid, reader.embedding(fingerprint, ItemKind.IMAGE, uid)) for uid in weights]
    known = [(uid, vector) for uid, vector in found if vector is not None]
    if not known:
        return None
    return Examples(
        np.stack([vector for _, vector in known]),
        np.array([weights[uid] for uid, _ in known], dtype=np.float32),
        np.array([owners[uid] for uid, _ in known]),
    )


def owner(image: Image) -> str:
    """Who an image is of: the patient, or the study where he is not known."""
    return image.patient_id or image.study_uid


def _images(reader: RecordReader, report: Report) -> list[Image]:
    if report.image_uids:
        named = (reader.image(uid) for uid in islice(report.image_uids, _IMAGES_OF_A_REPORT))
        return [image for image in named if image is not None]
    images = list(reader.images(study_uid=report.study_uid))
    return ([image for image in images if image.represents_series] or images)[:_IMAGES_OF_A_REPORT]


def archive_sample(reader: RecordReader, fingerprint: str, index: WordIndex) -> Float32Array:
    """[m, dim]: up to 1536 embeddings of images with reports, evenly spread over them. Images without reports stay out:
    where they are of another kind, their mean would turn the direction."""
    reports = index.document_ids
    uids: dict[str, None] = {}
    for item in reports[np.unique(np.linspace(0, reports.size - 1, min(_SAMPLE, reports.size)).astype(np.int64))]:
        uid = reader.item_uid(ItemKind.REPORT, int(item))
        report = reader.report(uid) if uid else None
        if report is not None:
            uids |= dict.fromkeys(image.image_uid for image in _images(reader, report))
    found = [reader.embedding(fingerprint, ItemKind.IMAGE, uid) for uid in uids]
    known = [vector for vector in found if vector is not None]
    if not known:
        return np.zeros((0, 0), dtype=np.float32)
    return np.stack(known)[np.unique(np.linspace(0, len(known) - 1, min(_SAMPLE, len(known))).astype(np.int64))]
