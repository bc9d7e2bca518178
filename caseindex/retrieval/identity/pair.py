"""Are two images of one person?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from caseindex.index.comparable import Kind
from caseindex.retrieval.identity.evidence import Evidence
from caseindex.retrieval.identity.key_points import GeometricMatch, geometric_match
from caseindex.retrieval.identity.match import Question

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
    evidence: Evidence,
    *,
    prior: float = 0.5,
    geometry: bool = True,
) -> Pair:
    """``prior``: how probable it is, before looking, that the two are of one person."""
    declined = unlike(*kinds)
    copies = bool(one.copies & two.copies)
    if declined is not None:
        return Pair(None, None, None, None, copies, declined, evidence.why)
    similarity = float(one.vector @ two.vector)
    probability = float(evidence.pair.probability(similarity, prior)) if evidence.pair is not None else None
    found = None
    if geometry and one.picture is not None and two.picture is not None:
        found = geometric_match(one.picture, two.picture)
    return Pair(similarity, probability, _verdict(probability), found, copies, None, evidence.why)


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
