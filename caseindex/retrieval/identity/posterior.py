"""Bayes over all the patients that an image may be of, in logarithms, so that nothing is lost among thousands."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def over_patients(ratios: Floats, prior_here: float) -> tuple[Floats, float]:
    """Whose image is it? ``ratios``: [patients] log-likelihood ratios that the image is of each; ``prior_here``: that it is
    of anybody among them, each as probable as the others. Gives ([patients] probabilities, probability of nobody here).

    >>> chances, nobody = over_patients(np.array([0.0, 0.0]), 0.5)
    >>> [round(float(chance), 3) for chance in chances], round(nobody, 3)
    ([0.25, 0.25], 0.5)
    """
    if not 0 < prior_here < 1:
        raise ValueError(f"a prior is between 0 and 1, not {prior_here}")
    if not len(ratios):
        return np.empty(0), 1.0
    weights = np.r_[ratios + math.log(prior_here / len(ratios)), math.log(1 - prior_here)]
    chances = np.exp(weights - np.logaddexp.reduce(weights))
    return chances[:-1], float(chances[-1])


@dataclass(frozen=True, slots=True)
class Mates:
    """Of each image's most similar image under the same patient: one of the two may be misfiled, and it is not said which.
    All [n] log-likelihood ratios, 0 where there is nothing to compare: ``rest``: of the image to the patient's images
    without that mate; ``mate_rest``: of the mate to them without the image; ``mate_elsewhere``: that the mate is misfiled,
    against a stranger's, with its prior (:func:`elsewhere`), -inf without a mate."""

    rest: Floats
    mate_rest: Floats
    mate_elsewhere: Floats


def elsewhere(others: Floats, patients: int, prior: float) -> Floats:
    """[n] log weight of being misfiled: half of the misfiled belong to somebody else here, the rest to nobody here.
    ``others``: [n] log of the summed ratios of all other patients."""
    half = math.log(prior / 2)
    return np.logaddexp(half, others + half - math.log(max(1, patients - 1)))


def misfiled(
    own: Floats, best_other: Floats, others: Floats, patients: int, prior: float, mates: Mates | None = None
) -> tuple[Floats, Floats]:
    """Is the image filed under the right patient? All [n]: ``own``: log ratio of the patient that it is filed under (0
    where that patient has nothing to compare it with); ``best_other``: of the most similar other patient; ``others``:
    log of the summed ratios of all other patients. ``prior``: share of images that are misfiled, half of them
    belonging to somebody else here. With ``mates``, an image that is unlike its only mate is not accused where the mate
    explains it better.

    Gives ([n] probability that it is misfiled, [n] that it belongs to the most similar other patient).
    """
    right = own + math.log1p(-prior)
    wrong = elsewhere(others, patients, prior)
    towards = best_other + math.log(prior / 2) - math.log(max(1, patients - 1))
    if mates is not None:
        right, wrong, towards = right + mates.mate_rest, wrong + mates.mate_rest, towards + mates.mate_rest
        right = np.logaddexp(right, mates.mate_elsewhere + mates.rest)
    total = np.logaddexp(right, wrong)
    return np.exp(wrong - total), np.exp(towards - total)
