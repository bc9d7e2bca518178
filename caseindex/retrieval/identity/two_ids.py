"""One person under two ids: patients whose images are more alike than strangers' are, and not because one image of the one
was filed under the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from caseindex.encoders.calibration import Calibration
from caseindex.evaluation.closeness import closeness
from caseindex.evaluation.identity_set import Exclusions, IdentitySet
from caseindex.evaluation.score_counts import against_persons

_NEAR = 3  # other patients that are looked at for each image


@dataclass(frozen=True, slots=True)
class PersonPair:
    """``one`` < ``two``: numbers of patients. ``similarity``: their closeness, as the set counts similarities;
    ``one_row``, ``two_row``: their most similar images; ``probability``: ``None`` without calibration; ``agreeing``: share of a patient's images (that can be compared) which
    resemble the other patient rather than a stranger, of the patient where it is smaller: one misfiled image resembles
    all of its own, but its neighbours do not."""

    one: int
    two: int
    similarity: float
    one_row: int
    two_row: int
    probability: float | None
    agreeing: float


def person_pairs(
    data: IdentitySet,
    image: Calibration | None,
    person: Calibration | None,
    *,
    prior: float = 1e-3,
    exclusions: Exclusions = Exclusions(),  # noqa: B008
    most: int = 500,
) -> list[PersonPair]:
    """The ``most`` pairs of patients with the most similar images, closest first. ``prior``: share of patients who have a second id here."""
    best: dict[tuple[int, int], tuple[float, int]] = {}
    for block in against_persons(data, exclusions):
        own = data.persons[block.rows]
        known = np.flatnonzero(own >= 0)
        scores = block.best[known].copy()
        if not scores.size:
            continue
        scores[np.arange(len(known)), own[known]] = -np.inf
        near = np.argpartition(-scores, min(_NEAR, scores.shape[1] - 1), axis=1)[:, :_NEAR]
        for place, others in enumerate(near):
            mine = int(own[known[place]])
            for other in others.tolist():
                value = float(scores[place, other])
                pair = (min(mine, other), max(mine, other))
                if math.isfinite(value) and (pair not in best or value > best[pair][0]):
                    best[pair] = (value, int(block.rows[known[place]]))
    chosen = sorted(best, key=lambda pair: (-best[pair][0], pair))[:most]
    patients = len(np.unique(data.persons[data.persons >= 0]))
    odds = math.log(prior / max(1, patients - 1))
    found = []
    for one, two in chosen:
        first, second = np.flatnonzero(data.persons == one), np.flatnonzero(data.persons == two)
        inner = np.where(
            data.kinds[first][:, None] == data.kinds[second][None, :],
            data.similarities(first, second),
            -np.inf,
        )
        if exclusions.copies:
            inner = np.where(data.copies[first][:, None] == data.copies[second][None, :], -np.inf, inner)
        similarity = closeness(inner)
        row, column = np.unravel_index(int(inner.argmax()), inner.shape)
        probability = None
        if person is not None:
            probability = float(1 / (1 + np.exp(-(odds + float(person.log_ratio(similarity))))))
        found.append(
            PersonPair(one, two, similarity, int(first[row]), int(second[column]), probability, _agreeing(inner, image))
        )
    return sorted(found, key=lambda pair: (-pair.similarity, pair.one, pair.two))


def _agreeing(inner: np.ndarray, image: Calibration | None) -> float:
    sides = [side[np.isfinite(side)] for side in (inner.max(1), inner.max(0))]
    if image is None or not all(map(len, sides)):
        return 1.0
    return float(min((image.log_ratio(side) > 0).mean() for side in sides))
