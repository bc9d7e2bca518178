"""Re-ranking and Bayes over patients, held against slow direct answers and values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from caseindex.retrieval.identity.posterior import misfiled, over_patients
from caseindex.retrieval.identity.rerank import ReRanking, k_reciprocal, query_expansion, re_ranked


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def test_query_expansion_by_hand() -> None:
    query = unit(np.array([1.0, 0.0]))
    gallery = unit(np.array([[0.8, 0.6], [0.6, -0.8], [0.0, 1.0]]))
    similarity = gallery @ query
    joined = query + 0.8**3 * gallery[0] + 0.6**3 * gallery[1]
    expected = gallery @ (joined / np.linalg.norm(joined))
    assert query_expansion(query, gallery, similarity, k=2) == pytest.approx(expected, abs=1e-6)


def slow_k_reciprocal(query: np.ndarray, gallery: np.ndarray, k: int, weight: float) -> np.ndarray:
    """The paper's definition, sets as sets."""
    vectors = np.concatenate([query[None], gallery])
    inner = vectors @ vectors.T
    order = np.argsort(-inner, axis=1, kind="stable")

    def neighbours(one: int, count: int) -> set[int]:
        return {int(other) for other in order[one, : count + 1] if one in order[other, : count + 1]}

    features = []
    for one in range(len(vectors)):
        mutual = neighbours(one, k)
        members = set(mutual)
        for other in mutual:
            wider = neighbours(other, k // 2)
            if len(wider & mutual) > 2 / 3 * len(wider):
                members |= wider
        values = {other: float(np.exp(-(2 - 2 * inner[one, other]))) for other in members}
        total = sum(values.values())
        features.append({other: value / total for other, value in values.items()})
    scores = []
    for place in range(len(gallery)):
        a, b = features[0], features[place + 1]
        keys = a.keys() | b.keys()
        least = sum(min(a.get(key, 0), b.get(key, 0)) for key in keys)
        most = sum(max(a.get(key, 0), b.get(key, 0)) for key in keys)
        scores.append((1 - weight) * least / most + weight * float(inner[0, place + 1]))
    return np.array(scores)


@pytest.mark.parametrize("seed", range(4))
def test_k_reciprocal_against_sets(seed: int) -> None:
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(5, 6))
    gallery = unit(centres[generator.integers(0, 5, 30)] + 0.5 * generator.normal(size=(30, 6)))
    query = unit(centres[0] + 0.5 * generator.normal(size=6))
    similarity = gallery @ query
    found = k_reciprocal(query, gallery, similarity, k=6)
    assert found == pytest.approx(slow_k_reciprocal(query, gallery, 6, 0.3), abs=1e-5)


def test_what_is_not_re_ranked_stays_below_in_its_order() -> None:
    generator = np.random.default_rng(9)
    gallery, query = unit(generator.normal(size=(40, 8))), unit(generator.normal(size=8))
    similarity = gallery @ query
    found = k_reciprocal(query, gallery, similarity, most=10)
    first = np.argsort(-similarity)[:10]
    rest = np.argsort(-similarity)[10:]
    assert found[first].min() > found[rest].max()
    assert np.argsort(-found)[10:].tolist() == rest.tolist()
    assert re_ranked(ReRanking.NONE, query, gallery, similarity) is similarity


def test_over_patients_is_bayes() -> None:
    ratios = np.array([3.0, -1.0, 0.5])
    chances, nobody = over_patients(ratios, 0.7)
    weights = [*(0.7 / 3 * np.exp(ratios)), 0.3]
    assert [*chances, nobody] == pytest.approx(np.array(weights) / sum(weights))
    assert over_patients(np.array([900.0, -900.0]), 0.5)[0] == pytest.approx([1.0, 0.0])
    assert over_patients(np.empty(0), 0.5)[1] == 1.0
    for prior in (0.0, 1.0):
        with pytest.raises(ValueError, match="between 0 and 1"):
            over_patients(ratios, prior)


def test_misfiled_weighs_three_explanations() -> None:
    own, others = -2.0, np.array([4.0, 0.0, -1.0])
    prior, patients = 0.01, 4
    found, towards = misfiled(
        np.array([own]), np.array([others.max()]), np.array([np.logaddexp.reduce(others)]), patients, prior
    )
    right = (1 - prior) * np.exp(own)
    absent = prior / 2
    elsewhere = prior / 2 / (patients - 1) * np.exp(others)
    total = right + absent + elsewhere.sum()
    assert found[0] == pytest.approx(1 - right / total)
    assert towards[0] == pytest.approx(elsewhere[0] / total)
