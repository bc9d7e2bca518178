"""A query sentence and its denial: zero-shot classification with prompt pairs (CheXzero, Tiu et al. 2022, Nature BME).

A similarity to "hydrocephalus" alone is high for whatever looks like a report's usual picture; what counts is how much
nearer an image is to the sentence than to its denial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from caseindex.protocols import TextEncoder
from caseindex.records import Float32Array, Language, Polarity

#: Softmax temperature of a prompt pair, as of the cosines of contrastive models.
TEMPERATURE = 0.07

_DENIAL = {
    Language.RUSSIAN: "{} не выявлено",
    Language.ENGLISH: "no {}",
    Language.CHINESE: "未见{}",
}
#: What speaks against "no pathology", whose denial in words says nothing clear.
_ABNORMAL = {
    Language.RUSSIAN: "выявлены патологические изменения",
    Language.ENGLISH: "abnormal, with pathological findings",
    Language.CHINESE: "异常，可见病变",
}
_NORMAL = {
    Language.RUSSIAN: "патологии не выявлено",
    Language.ENGLISH: "no abnormality, normal",
    Language.CHINESE: "未见异常",
}


@dataclass(frozen=True, slots=True)
class Prompts:
    """``positive`` is what is asked; the vectors of ``negatives`` are averaged."""

    positive: str
    negatives: tuple[str, ...]


def prompts_of(text: str, negative: str | None = None) -> Prompts:
    """The pair of a sentence; ``negative``: the user's own denial.

    >>> prompts_of("hydrocephalus").negatives
    ('no hydrocephalus', 'no abnormality, normal')
    """
    from caseindex.reports.statements import statements
    from caseindex.reports.text.languages import detect

    if negative is not None:
        return Prompts(text, (negative,))
    language = detect(text) or Language.ENGLISH
    found = statements(text, language)
    if found and all(item.finding == "normal" or item.polarity is Polarity.ABSENT for item in found):
        return Prompts(text, (_ABNORMAL[language],))
    return Prompts(text, (_DENIAL[language].format(text.strip().rstrip(".。")), _NORMAL[language]))


def prompt_vectors(encoder: TextEncoder, prompts: Prompts) -> tuple[Float32Array, Float32Array] | None:
    """(positive [dim], negative [dim]), L2-normalised; ``None`` where the encoder knows none of the words of the query.
    Of the negatives those that it knows count; where it knows none, the negative is zero and the query stands alone."""
    vectors = encoder.encode([prompts.positive, *prompts.negatives])
    known = np.isfinite(vectors).all(1) & (np.linalg.norm(vectors, axis=1) > 0.5)
    if not known[0]:
        return None
    others = vectors[1:][known[1:]]
    mean = others.mean(0) if len(others) else np.zeros_like(vectors[0])
    length = float(np.linalg.norm(mean))
    return vectors[0], (mean / length if length > 1e-6 else mean).astype(np.float32)


def margins(images: Float32Array, positive: Float32Array, negative: Float32Array) -> Float32Array:
    """[n, dim] -> [n]: cosine with the sentence minus cosine with its denial."""
    return np.asarray(images @ (positive - negative), np.float32)


def pair_softmax(margin: Float32Array | Sequence[float]) -> Float32Array:
    """[n] 0..1: the softmax over the pair. It orders as the margin does and is no probability of the finding."""
    return np.asarray(1 / (1 + np.exp(-np.asarray(margin, np.float64) / TEMPERATURE)), np.float32)
