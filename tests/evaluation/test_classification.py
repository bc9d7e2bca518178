"""Metrics of classifiers, by hand and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from caseindex.evaluation.classification import Auc, calibration_error, lrap, matthews
from caseindex.evaluation.classification_report import classification_report

CLASSES = ("a", "b", "c", "d")


def drawn(n: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    true = generator.integers(0, 4, n)
    scores = generator.normal(0, 1, (n, 4))
    scores[np.arange(n), true] += 1.2
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    return np.round(probabilities, 2), np.eye(4)[true], true  # rounded: ties


def test_one_label_agrees_with_scikit_learn() -> None:
    probabilities, truth, true = drawn()
    report = classification_report(probabilities, truth, range(len(true)), CLASSES, draws=20)
    predicted = probabilities.argmax(1)
    value = {name: interval.value for name, interval in report.metrics.items()}
    assert value["accuracy"] == pytest.approx(sk.accuracy_score(true, predicted))
    assert value["lrap"] == pytest.approx(sk.label_ranking_average_precision_score(truth, probabilities))
    assert value["macro_f1"] == pytest.approx(sk.f1_score(true, predicted, average="macro"))
    assert value["mcc"] == pytest.approx(sk.matthews_corrcoef(true, predicted))
    assert value["macro_auc"] == pytest.approx(sk.roc_auc_score(truth, probabilities, average="macro"))
    assert report.confusion is not None
    np.testing.assert_array_equal(report.confusion, sk.confusion_matrix(true, predicted))


def test_several_labels_agree_with_scikit_learn_and_leave_the_unknown_out() -> None:
    generator = np.random.default_rng(1)
    truth = (generator.random((150, 4)) < 0.3).astype(float)
    probabilities = np.clip(0.3 * truth + 0.7 * generator.random((150, 4)), 0, 1)
    value = classification_report(probabilities, truth, range(150), CLASSES, many=True, draws=0).metrics
    assert value["macro_auc"].value == pytest.approx(sk.roc_auc_score(truth, probabilities, average="macro"))
    assert value["macro_f1"].value == pytest.approx(sk.f1_score(truth, probabilities >= 0.5, average="macro"))
    labelled = (truth.sum(1) > 0) & (truth.sum(1) < 4)
    expected = sk.label_ranking_average_precision_score(truth[labelled], probabilities[labelled])
    assert value["lrap"].value == pytest.approx(expected)
    # A label that nobody knows of an item changes nothing there, whatever its score.
    more = np.concatenate([truth, np.full((1, 4), np.nan)])
    with_unknown = classification_report(
        np.concatenate([probabilities, np.ones((1, 4))]), more, range(151), CLASSES, many=True, draws=0
    )
    assert {k: v.value for k, v in with_unknown.metrics.items()} == {k: v.value for k, v in value.items()}


def test_patients_are_drawn_whole() -> None:
    """Ten copies of each item under one patient carry no more than one: the interval is as wide."""
    probabilities, truth, _ = drawn(80)
    once = classification_report(probabilities, truth, range(80), CLASSES, draws=300)
    copies = classification_report(
        np.repeat(probabilities, 10, 0), np.repeat(truth, 10, 0), np.repeat(range(80), 10).tolist(), CLASSES, draws=300
    )
    assert copies.patients == 80
    for name in ("accuracy", "mcc", "macro_auc"):
        assert copies.metrics[name] == once.metrics[name]
    assert once.metrics["accuracy"].high - once.metrics["accuracy"].low > 0.1


def test_by_hand() -> None:
    assert lrap(np.array([[0.1, 0.9, 0.5]]), np.array([[1.0, 0.0, 1.0]]))[0] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert matthews(np.array([[3.0, 0.0], [0.0, 2.0]])) == pytest.approx(1)
    assert matthews(np.array([[3.0, 0.0], [2.0, 0.0]])) == 0
    auc = Auc(np.array([0.1, 0.5, 0.5, 0.9]), np.array([0.0, 0.0, 1.0, 1.0]))
    assert auc(np.ones(4)) == pytest.approx(0.875)
    assert auc(np.array([0.0, 1, 1, 0])) == pytest.approx(0.5)
    assert math.isnan(auc(np.array([1.0, 1, 0, 0])))
    assert calibration_error(np.array([0.85, 0.85]), np.array([1.0, 0.0])) == pytest.approx(0.35)


def test_a_class_that_does_not_occur_is_not_measured_and_not_averaged() -> None:
    truth = np.eye(4)[[0, 1, 2, 0]]
    probabilities = np.eye(4)[[0, 1, 2, 1]] * 0.9 + 0.02
    report = classification_report(probabilities, truth, "wxyz", CLASSES, draws=0)
    assert math.isnan(report.classes[3].metrics["f1"].value)
    assert report.metrics["macro_f1"].value == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
