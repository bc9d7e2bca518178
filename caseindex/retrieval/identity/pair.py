"""Are two images of one person?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from caseindex.evaluation.identity_set import DEFAULT_EXCLUSIONS, normalised
from caseindex.index.comparable import Kind
from caseindex.retrieval.identity.basis import Basis
from caseindex.retrieval.identity.gallery import IdentityGallery
from caseindex.retrieval.identity.key_points import GeometricMatch, geometric_match
from caseindex.retrieval.identity.match import Question, comparable
from caseindex.retrieval.identity.strangers import Strangers

CERTAIN = 0.9  # from this probability on one answer is given, below it none


class Verdict(StrEnum):
    SAME = "same"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Pair:
    """``declined``: why the two are not compared, else ``None``; ``copies``: their pixels are the same; ``probability``,
    ``verdict``: ``None`` where declined or without calibration."""

    similarity: float | None
    probability: float | None
    verdict: Verdict | None
    geometry: GeometricMatch | None
    copies: bool
    declined: str | None
    why: str


def match_pair(
    one: Question,
    two: Question,
    kinds: tuple[Kind, Kind],
    gallery: IdentityGallery,
    known: Basis,
    *,
    prior: float = 0.5,
    geometry: bool = True,
) -> Pair:
    """``gallery``: whose strangers the two are held against; ``known``: with what is known of pairs. ``prior``: how
    probable it is, before looking, that the two are of one person."""
    evidence = known.evidence
    declined = unlike(*kinds)
    copies = bool(one.copies & two.copies)
    if declined is not None:
        return Pair(None, None, None, None, copies, declined, evidence.why)
    similarity = float(one.vector @ two.vector)
    probability = None
    if evidence.pair is not None:
        seen = _against_strangers(one, two, gallery, known.strangers, similarity)
        probability = float(evidence.pair.probability(seen, prior))
    found = None
    if geometry and one.picture is not None and two.picture is not None:
        found = geometric_match(one.picture, two.picture)
    return Pair(similarity, probability, _verdict(probability), found, copies, None, evidence.why)


def _against_strangers(
    one: Question, two: Question, gallery: IdentityGallery, strangers: Strangers, cosine: float
) -> float:
    """The similarity counted in the spreads of both, or the cosine where the archive is too small for that."""
    seen = []
    for asked in (one, two):
        _, _, allowed = comparable(gallery, asked, DEFAULT_EXCLUSIONS)
        own = strangers.of_question(gallery.vectors @ asked.vector, allowed)
        if own is None:
            return cosine
        seen.append(own)
    return float(normalised(np.full((1, 1), cosine, np.float32), *seen)[0, 0])


def _verdict(probability: float | None) -> Verdict | None:
    if probability is None:
        return None
    if probability >= CERTAIN:
        return Verdict.SAME
    return Verdict.DIFFERENT if probability <= 1 - CERTAIN else Verdict.UNDECIDED


def unlike(one: Kind, two: Kind) -> str | None:
    """Why two kinds of picture are not compared; what is unknown does not stand in the way.

    >>> unlike(Kind("radiograph", "frontal", None), Kind("radiograph", "lateral", "chest"))
    'a frontal radiograph and a lateral radiograph, chest are not compared: their view differs'
    """
    for name in ("modality", "view", "body_part"):
        first, second = getattr(one, name), getattr(two, name)
        if first is not None and second is not None and first != second:
            return f"a {one.words()} and a {two.words()} are not compared: their {name.replace('_', ' ')} differs"
    return None
