"""Whose image is this? The patients whose images resemble it, with probabilities, and "nobody here" among the answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from caseindex.encoders.model import Model
from caseindex.errors import UsageError
from caseindex.evaluation.identity_set import DEFAULT_EXCLUSIONS, Exclusions, Mask
from caseindex.evaluation.score_counts import best_of_persons
from caseindex.index.archive import Archive
from caseindex.index.comparable import Kind
from caseindex.records import Float32Array, Image, PixelArray
from caseindex.retrieval.identity.basis import Basis, basis
from caseindex.retrieval.identity.gallery import IdentityGallery
from caseindex.retrieval.identity.key_points import geometric_match, key_points
from caseindex.retrieval.identity.posterior import over_patients
from caseindex.retrieval.identity.rerank import ReRanking, re_ranked

IMAGES_SHOWN = 3  # of a candidate patient
VERIFIED = 10  # patients that geometric re-ranking looks at
#: What a factor of e in agreeing key points is worth in similarity: the best of those tried on two archives of chest
#: radiographs (benchmarks/identity/second_stage.py).
KEY_POINTS_WEIGHT = 0.05

#: An archived image's pixels; ``None`` where its source is gone.
Look = Callable[[Image], PixelArray | None]


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """An image that asks. ``vector``: [dim]; ``kind``: what it is compared with, ``None`` for everything, -1 for nothing
    here; ``row``: where it lies in the gallery, if it does; ``copies``: digests of its pixels; ``picture``: its pixels,
    for geometric verification."""

    name: str
    vector: Float32Array
    kind: int | None
    row: int | None
    copies: frozenset[str] = frozenset()
    picture: PixelArray | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """``similarity``: cosine to the patient's most similar image; ``probability``: ``None`` without calibration; ``images``: the
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
    """``nobody``: probability that the patient is not here, ``None`` where it is not known; ``compared``: images;
    ``copies``: archived images with the same pixels, which are left out; ``declined``: why nothing was compared."""

    candidates: tuple[Candidate, ...]
    nobody: float | None
    compared: int
    why: str
    copies: tuple[Image, ...] = ()
    declined: str | None = None


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
    known: Basis | None = None,
    look: Look | None = None,
) -> Match:
    """The ``k`` most probable patients. ``prior_here``: how probable it is, before looking, that the patient is here.
    ``known``: what several questions share. ``look``: gives the candidates' pixels, for their agreeing key points;
    geometric re-ranking needs it.

    Similarities are counted against the strangers that both images resemble most, and shown as cosines. Re-ranking changes
    the order; the probabilities stay those of the similarities.
    """
    same_pixels, itself, allowed = comparable(gallery, asked, exclusions)
    copies = tuple(gallery.images[row] for row in np.flatnonzero(same_pixels & ~itself))
    rows = np.flatnonzero(allowed)
    known = known or basis(archive, model, gallery, exclusions)
    evidence = known.evidence
    if not len(rows):
        return Match((), None, 0, evidence.why, copies, "the archive holds nothing else that it can be compared with")
    every = gallery.vectors @ asked.vector
    own = known.strangers.of_question(every, allowed)
    cosines = every[rows]
    similarity = cosines if own is None else known.strangers.against(own, cosines, rows)
    shown = similarity
    if reranking in (ReRanking.QUERY_EXPANSION, ReRanking.K_RECIPROCAL):
        shown = re_ranked(reranking, asked.vector, gallery.vectors[rows], cosines)
    persons = gallery.persons[rows]
    names, best = best_of_persons(similarity, persons)
    order = np.argsort(-best_of_persons(shown, persons)[1], kind="stable")
    order = order[: max(k, VERIFIED) if reranking is ReRanking.GEOMETRY else k]
    chances, nobody = None, None
    if evidence.image is not None:
        chances, nobody = over_patients(evidence.image.log_ratio(best), prior_here)
    found: list[Candidate] = []
    for place in order.tolist():
        mine = np.flatnonzero(persons == names[place])
        mine = mine[np.argsort(-similarity[mine], kind="stable")][:IMAGES_SHOWN]
        found.append(
            Candidate(
                len(found) + 1,
                gallery.patient_ids[int(names[place])],
                float(cosines[mine[0]]),
                float(chances[place]) if chances is not None else None,
                tuple(gallery.images[int(rows[one])] for one in mine),
                tuple(float(cosines[one]) for one in mine),
            )
        )
    if look is not None and asked.picture is not None:
        found = _verified(asked.picture, found, look)
    if reranking is ReRanking.GEOMETRY:
        found = _by_key_points(found, best[order])
    return Match(tuple(found[:k]), nobody, len(rows), evidence.why, copies)


def comparable(gallery: IdentityGallery, asked: Question, exclusions: Exclusions) -> tuple[Mask, Mask, Mask]:
    """[n] each: which images have the question's pixels, which is the question itself, which it is compared with."""
    same_pixels = np.array([image.pixel_sha256 in asked.copies for image in gallery.images], bool)
    itself = np.arange(len(gallery)) == (-1 if asked.row is None else asked.row)
    allowed = (gallery.persons >= 0) & ~itself
    if asked.kind is not None:
        allowed &= gallery.kinds == asked.kind
    if exclusions.copies:
        allowed &= ~same_pixels
    if exclusions.same_study:
        allowed &= ~np.isin(gallery.studies, gallery.studies[same_pixels | itself])
    return same_pixels, itself, allowed


def _verified(picture: PixelArray, candidates: list[Candidate], look: Look) -> list[Candidate]:
    asking = key_points(picture)
    shown = [look(candidate.images[0]) for candidate in candidates]
    return [
        replace(one, inliers=geometric_match(asking, pixels).inliers) if pixels is not None else one
        for one, pixels in zip(candidates, shown, strict=True)
    ]


def _by_key_points(candidates: list[Candidate], similarity: Float32Array) -> list[Candidate]:
    """The first VERIFIED anew, by similarity and agreeing key points; the others behind them as they were."""
    first = candidates[:VERIFIED]
    scores = [
        float(one) + KEY_POINTS_WEIGHT * math.log1p(each.inliers or 0)
        for one, each in zip(similarity, first, strict=False)
    ]
    ordered = [first[place] for place in np.argsort(-np.array(scores), kind="stable").tolist()] + candidates[VERIFIED:]
    return [replace(one, rank=rank) for rank, one in enumerate(ordered, start=1)]
