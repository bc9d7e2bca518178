"""Whose image is this? The patients whose images resemble it, with probabilities, and "nobody here" among the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from caseindex.encoders.model import Model
from caseindex.errors import UsageError
from caseindex.evaluation.identity_set import DEFAULT_EXCLUSIONS, Exclusions
from caseindex.index.archive import Archive
from caseindex.index.comparable import Kind
from caseindex.records import Float32Array, Image, Int64Array, PixelArray
from caseindex.retrieval.identity.evidence import Evidence, evidence_for
from caseindex.retrieval.identity.gallery import IdentityGallery
from caseindex.retrieval.identity.key_points import GeometricMatch, geometric_match
from caseindex.retrieval.identity.posterior import over_patients
from caseindex.retrieval.identity.rerank import ReRanking, re_ranked

IMAGES_SHOWN = 3  # of a candidate patient


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """An image that asks. ``vector``: [dim]; ``kind``: what it is compared with, ``None`` for everything; ``row``: where it
    lies in the gallery, if it does; ``picture``: its pixels, for geometric verification."""

    name: str
    vector: Float32Array
    kind: int | None
    row: int | None
    copies: frozenset[str] = frozenset()
    picture: PixelArray | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """``similarity``: of the patient's most similar image; ``probability``: ``None`` without calibration; ``images``: the
    ones that say so, most similar first; ``inliers``: key points that agree with the first of them, ``None`` where not
    looked for."""

    rank: int
    patient_id: str
    similarity: float
    probability: float | None
    images: tuple[Image, ...]
    similarities: tuple[float, ...]
    inliers: int | None = None


@dataclass(frozen=True, slots=True)
class Match:
    candidates: tuple[Candidate, ...]
    nobody: float | None
    compared: int
    why: str


def question(
    gallery: IdentityGallery,
    model: Model,
    name: str,
    picture: PixelArray,
    kind: Kind,
    uids: tuple[str, ...],
    copies: tuple[str, ...],
) -> Question:
    """``uids``: under which the archive may hold it; ``copies``: digests of its pixels."""
    if model.image is None:
        raise UsageError(model.name, "this model has no image encoder", "Name another one with --model")
    vector = model.image.encode(model.image.preprocess(picture)[None])[0]
    row = next((found for uid in uids if (found := gallery.row_of(uid)) is not None), None)
    return Question(name, vector, kind_number(gallery, kind), row, frozenset(copies), picture)


def kind_number(gallery: IdentityGallery, kind: Kind) -> int | None:
    """The gallery's kind that ``kind`` belongs to; ``None`` where it names nothing that tells; -1 for one that is not here.

    An unknown part of it agrees with everything; among several that agree the most frequent one is taken.
    """
    if kind == Kind(None, None, None):
        return None
    counts = np.bincount(gallery.kinds, minlength=len(gallery.kind_names))
    fitting = [
        number
        for number, known in enumerate(gallery.kind_names)
        if all(
            one is None or two is None or one == two
            for one, two in zip(
                (kind.modality, kind.view, kind.body_part), (known.modality, known.view, known.body_part), strict=True
            )
        )
    ]
    return max(fitting, key=lambda number: int(counts[number])) if fitting else -1


def match(
    archive: Archive,
    model: Model,
    gallery: IdentityGallery,
    asked: Question,
    *,
    k: int = 5,
    prior_here: float = 0.5,
    exclusions: Exclusions = DEFAULT_EXCLUSIONS,
    reranking: ReRanking = ReRanking.NONE,
    evidence: Evidence | None = None,
) -> Match:
    """The ``k`` most probable patients. ``prior_here``: how probable it is, before looking, that the patient is here."""
    data = gallery.as_set()
    allowed = data.persons >= 0
    if asked.kind is not None:
        allowed &= data.kinds == asked.kind
    if asked.row is not None:
        allowed[asked.row] = False
        if exclusions.same_study:
            allowed &= data.studies != data.studies[asked.row]
    if exclusions.copies and asked.copies:
        allowed &= np.array([image.pixel_sha256 not in asked.copies for image in gallery.images], bool)
    rows = np.flatnonzero(allowed)
    known = evidence or evidence_for(archive, model, gallery, exclusions, patients=False)
    if not len(rows):
        return Match((), 1.0 if known.image is not None else None, 0, "nothing in the archive can be compared with it")
    similarity = data.vectors[rows] @ asked.vector
    shown = re_ranked(reranking, asked.vector, data.vectors[rows], similarity)
    persons = data.persons[rows]
    names, best = _best(persons, similarity)
    order = np.argsort(-_best(persons, shown)[1], kind="stable")
    chances: Any = None
    nobody = None
    if known.image is not None:
        chances, nobody = over_patients(known.image.log_ratio(best), prior_here)
    candidates = []
    for rank, place in enumerate(order[:k].tolist(), start=1):
        mine = np.flatnonzero(persons == names[place])
        mine = mine[np.argsort(-similarity[mine], kind="stable")][:IMAGES_SHOWN]
        candidates.append(
            Candidate(
                rank,
                gallery.patient_ids[int(names[place])],
                float(best[place]),
                float(chances[place]) if chances is not None else None,
                tuple(gallery.images[int(rows[one])] for one in mine),
                tuple(float(similarity[one]) for one in mine),
            )
        )
    return Match(tuple(candidates), nobody, len(rows), known.why)


def _best(persons: Int64Array, similarity: Float32Array) -> tuple[Int64Array, Float32Array]:
    order = np.argsort(persons, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(persons[order]) != 0])
    return persons[order][starts], np.maximum.reduceat(similarity[order], starts)


@dataclass(frozen=True, slots=True)
class Pair:
    """Are two images of one person? ``declined``: why they are not compared, else ``None``."""

    similarity: float | None
    probability: float | None
    geometry: GeometricMatch | None
    declined: str | None
    why: str


def match_pair(
    one: Question,
    two: Question,
    kinds: tuple[Kind, Kind],
    evidence: Evidence,
    *,
    prior: float = 0.5,
    geometry: bool = True,
) -> Pair:
    """``prior``: how probable it is, before looking, that the two are of one person."""
    declined = unlike(*kinds)
    if declined is not None:
        return Pair(None, None, None, declined, evidence.why)
    similarity = float(one.vector @ two.vector)
    probability = float(evidence.image.probability(similarity, prior)) if evidence.image is not None else None
    found = None
    if geometry and one.picture is not None and two.picture is not None:
        found = geometric_match(one.picture, two.picture)
    return Pair(similarity, probability, found, None, evidence.why)


def unlike(one: Kind, two: Kind) -> str | None:
    """Why two kinds of picture are not compared; what is unknown does not stand in the way."""
    for name in ("modality", "view", "body_part"):
        first, second = getattr(one, name), getattr(two, name)
        if first is not None and second is not None and first != second:
            return f"a {one.words()} and a {two.words()} are not compared: their {name.replace('_', ' ')} differs"
    return None
