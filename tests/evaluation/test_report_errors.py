"""Figures of planted errors against counting and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from caseindex.evaluation.report_errors import Trials, auroc, false_alarms, gained, of_kind, pool_recall, sensitivity


def test_auroc_with_ties_and_weights_against_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    right, wrong = np.round(rng.random(80), 1), np.round(rng.random(60) * 0.8, 1)
    a, b = rng.integers(1, 4, 80).astype(float), rng.integers(1, 4, 60).astype(float)
    truth = np.r_[np.ones(80), np.zeros(60)]
    expected = roc_auc_score(truth, np.r_[right, wrong], sample_weight=np.r_[a, b])
    assert auroc(right, wrong, a, b) == pytest.approx(expected)


def test_sensitivity_at_a_rate_by_counting() -> None:
    right, wrong = np.arange(1, 21) / 20, np.array([0.01, 0.07, 0.12, 0.5])
    ones = np.ones(20), np.ones(4)
    assert sensitivity(right, wrong, 0.05, *ones) == 0.5  # below 0.10 stands one right report of twenty
    assert sensitivity(right, wrong, 0.1, *ones) == 0.75


def make_trials() -> Trials:
    """Forty patients with two cases each; the side error is planted into the first case only, and always found."""
    scores, kinds, cases = [], [], []
    for case in range(80):
        scores.append(0.6 + 0.004 * case)
        kinds.append("fits")
        cases.append(case)
        if case % 2 == 0:
            scores.append(0.55)
            kinds.append("side")
            cases.append(case)
    return Trials(np.array(scores), kinds, np.array(cases), [f"p{case // 2}" for case in range(80)])


def test_a_kind_is_compared_with_the_right_reports_of_its_own_cases() -> None:
    figures = of_kind(make_trials(), "side", (0.05,), draws=50)
    assert figures["auroc"].value == 1.0 == figures["sensitivity@0.05"].value
    worse = make_trials()
    worse.scores[1] = 2.0  # one of forty wrong reports above all
    got = of_kind(worse, "side", (), draws=200)["auroc"]
    assert got.value == pytest.approx(39 / 40)
    assert got.low < 39 / 40 <= got.high


def test_false_alarms_by_counting_with_an_interval_over_patients() -> None:
    got = false_alarms(make_trials(), 0.6 + 0.004 * 8 - 1e-9)
    assert got.value == pytest.approx(8 / 80)
    assert got.low < 0.1 < got.high


def test_recall_in_pools_of_one_case_per_patient() -> None:
    rng = np.random.default_rng(1)
    n = 60
    similarity = rng.random((n, n)).astype(np.float32)
    patients, texts = [f"p{i // 2}" for i in range(n)], [f"t{i}" for i in range(n)]
    drawn = [pool_recall(rng.random((n, n)), texts, patients, 20, draws=10, seed=seed) for seed in range(60)]
    assert {one["pool"] for one in drawn} == {20}
    at_1 = [one["image_to_text@1"]["value"] for one in drawn]  # type: ignore[index]
    at_10 = [one["text_to_image@10"]["value"] for one in drawn]  # type: ignore[index]
    assert np.mean(at_1) == pytest.approx(1 / 20, abs=0.01)  # chance
    assert np.mean(at_10) == pytest.approx(0.5, abs=0.02)
    perfect = pool_recall(similarity + 5 * np.eye(n, dtype=np.float32), texts, patients, 1000)
    assert perfect["pool"] == 30
    assert perfect["image_to_text@1"]["value"] == 1.0  # type: ignore[index]
    alike = pool_recall(similarity, ["same"] * n, patients, 20)
    assert alike["image_to_text@1"]["value"] == 1.0  # type: ignore[index]


def test_what_is_gained_is_the_difference_on_the_same_patients() -> None:
    before, after = make_trials(), make_trials()
    before.scores[1] = 2.0  # one of forty wrong reports above all
    got = gained(before, after, "side", draws=200)
    assert got.value == pytest.approx(1 / 40)
    assert got.low < 1 / 40 <= got.high
    assert gained(after, after, "side", draws=20).high == 0.0
