"""Images misfiled on purpose: who is moved where, and the figures against scikit-learn and counting."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from caseindex.evaluation.identity_set import IdentitySet
from caseindex.evaluation.misfiled_plot import plot_misfiled
from caseindex.evaluation.misfiled_protocol import calibration_rows, misfiled_document, precision_of_first
from caseindex.evaluation.planted_scores import Flag, Points, Repetition, pooled
from caseindex.evaluation.planting import Planting, able, plant
from tests.evaluation.drawn_identity import drawn, sets

DATA = drawn(0, n=300, persons=70, kinds=2)


def can_be_planted(data: IdentitySet, row: int) -> bool:
    if data.persons[row] < 0 or (data.copies == data.copies[row]).sum() > 1:
        return False
    return any(
        data.persons[other] == data.persons[row]
        and data.kinds[other] == data.kinds[row]
        and data.studies[other] != data.studies[row]
        for other in range(len(data))
    )


@settings(max_examples=40, deadline=None)
@given(sets, st.floats(0.01, 0.5), st.integers(0, 100))
def test_who_is_moved_and_where(data: IdentitySet, rate: float, seed: int) -> None:
    can = {row for row in range(len(data)) if can_be_planted(data, row)}
    assert set(able(data).tolist()) == can
    found = plant(data, rate, np.random.default_rng(seed))
    moved = np.flatnonzero(found.moved).tolist()
    assert np.flatnonzero(found.persons != data.persons).tolist() == moved
    assert set(np.flatnonzero(found.planted).tolist()) == set(moved) & can
    givers = {int(data.persons[row]) for row in moved}
    takers = {int(found.persons[row]) for row in moved}
    assert not givers & takers
    examinations = {(int(data.persons[row]), int(data.studies[row]), int(found.persons[row])) for row in moved}
    assert len(examinations) == len(givers) == len(takers)  # one each
    for owner, study, taker in examinations:
        whole = (data.studies == study) & (data.persons == owner)
        assert found.moved[whole].all()
        able_rows = np.flatnonzero(whole & found.planted)
        assert len(able_rows)
        kinds = set(data.kinds[data.persons == taker].tolist())
        assert kinds & set(data.kinds[able_rows].tolist())


def test_as_many_as_the_rate_says() -> None:
    found = plant(DATA, 0.05, np.random.default_rng(0))
    wanted = round(0.05 * int((DATA.persons >= 0).sum()))
    assert wanted <= found.moved.sum() <= wanted + 3  # the last examination may have several images
    assert np.array_equal(plant(DATA, 0.05, np.random.default_rng(0)).persons, found.persons)
    assert not np.array_equal(plant(DATA, 0.05, np.random.default_rng(1)).persons, found.persons)


def test_nobody_is_given_an_image_of_whom_they_may_be() -> None:
    """Only person 1 could be given one of person 0's, and may be person 0."""
    vectors = np.eye(4, dtype=np.float32)
    data = IdentitySet(vectors, np.array([0, 0, 1, -1]), np.zeros(4, int), np.arange(4), np.arange(4))
    assert plant(data, 0.3, np.random.default_rng(0)).planted.sum() == 1
    careful = replace(data, possibly_same=frozenset({(1, 0)}))
    assert not plant(careful, 0.3, np.random.default_rng(0)).moved.any()


def test_only_some_are_measured_on() -> None:
    among = DATA.persons % 2 == 0
    found = plant(DATA, 0.05, np.random.default_rng(0), among)
    assert found.planted.any()
    assert not (DATA.persons[found.moved] % 2).any()
    assert found.moved.sum() >= round(0.05 * int((among & (DATA.persons >= 0)).sum()))
    assert np.array_equal(found.measured, among & (found.planted | ~found.moved))
    everybody = plant(DATA, 0.05, np.random.default_rng(0))
    assert np.array_equal(everybody.measured, everybody.planted | ~everybody.moved)


def test_a_rate_is_a_share() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        plant(DATA, 0.0, np.random.default_rng(0))


def repetition(seed: int, *, calibrated: bool = True, blind: bool = False, data: IdentitySet = DATA) -> Repetition:
    """Scores that are higher for planted images, coarse, so that ties are many; the first images have none."""
    generator = np.random.default_rng([9, seed])
    planting = plant(data, 0.1, generator)
    evidence = np.round(generator.normal(size=len(data)) + 2.5 * planting.planted * (not blind), 1)
    probability = np.round(1 / (1 + np.exp(3 - 2 * evidence)), 2) if calibrated else np.full(len(data), np.nan)
    evidence[:5] = np.nan
    evidence[data.persons < 0] = np.nan
    suggested = np.where(generator.random(len(data)) < 0.8, data.persons, 0)
    order = np.argsort(-np.nan_to_num(evidence, nan=-9), kind="stable")[:50]
    flags = tuple(Flag(int(row), int(suggested[row]), float(probability[row]) if calibrated else None) for row in order)
    return Repetition(planting, evidence, probability, suggested, flags, as_two_ids=1)


@pytest.mark.parametrize("calibrated", [True, False])
def test_pooled_scores_against_scikit_learn(calibrated: bool) -> None:
    runs = [repetition(seed, calibrated=calibrated) for seed in range(6)]
    scores = pooled(DATA, runs)
    assert scores.planted.sum() == sum(int((one.planting.planted & np.isfinite(one.evidence)).sum()) for one in runs)
    # Sorted by probability, then evidence, both rounded: one number that says the same.
    values = np.concatenate(
        [
            (np.nan_to_num(one.probability) * 1000 + one.evidence)[np.isfinite(one.evidence) & one.planting.measured]
            for one in runs
        ]
    )
    assert np.array_equal(np.argsort(values, kind="stable"), np.argsort(scores.level, kind="stable"))
    points = Points(scores)
    everybody = np.ones(70)
    assert points.auc(everybody) == pytest.approx(roc_auc_score(scores.planted, values))
    fpr, tpr, _ = roc_curve(scores.planted, values, drop_intermediate=False)
    for rate in (0.2, 0.05, 1e-2, 1e-3):
        point = points.at(rate, everybody)
        assert point.fpr <= rate
        assert point.tpr == pytest.approx(tpr[fpr <= rate].max())
        flagged = scores.level > point.threshold
        assert point.named == pytest.approx((flagged & scores.right & scores.planted).sum() / scores.planted.sum())


def test_weights_of_patients_are_copies_of_their_images() -> None:
    runs = [repetition(seed) for seed in range(4)]
    scores = pooled(DATA, runs)
    weight = np.random.default_rng(0).integers(0, 3, 70).astype(float)
    times = weight[scores.owner].astype(int)
    truth, values = np.repeat(scores.planted, times), np.repeat(scores.level, times)
    points = Points(scores)
    assert points.auc(weight) == pytest.approx(roc_auc_score(truth, values))
    fpr, tpr, _ = roc_curve(truth, values, drop_intermediate=False)
    point = points.at(0.05, weight)
    assert point.tpr == pytest.approx(tpr[fpr <= 0.05 + 1e-12].max())


def test_examinations_are_counted_by_their_highest_image() -> None:
    runs = [repetition(seed) for seed in range(3)]
    scores = pooled(DATA, runs)
    point = Points(scores).at(0.05, np.ones(70))
    highest: dict[int, int] = {}
    planted: dict[int, bool] = {}
    for study, level, one in zip(scores.study.tolist(), scores.level.tolist(), scores.planted.tolist(), strict=True):
        highest[study] = max(highest.get(study, -1), level)
        planted[study] = planted.get(study, False) or one
    filed = [level > point.threshold for study, level in highest.items() if not planted[study]]
    wrong = [level > point.threshold for study, level in highest.items() if planted[study]]
    assert point.false_per_1000 == pytest.approx(1000 * np.mean(filed))
    assert point.study_tpr == pytest.approx(np.mean(wrong))
    assert len(highest) < len(scores.study)  # some have several images
    # 1,000,000 examinations at a prevalence of 1 in 1,000: 1,000 misfiled, 999,000 not.
    right, false = 1000 * point.study_tpr, 999_000 * np.mean(filed)
    assert point.flags_per_1000(1e-3) == pytest.approx((right + false) / 1000)
    assert point.ppv(1e-3) == pytest.approx(right / (right + false))


def test_precision_of_the_first_flags() -> None:
    data = IdentitySet(np.eye(6, dtype=np.float32), np.arange(6), *(np.arange(6) for _ in range(3)))
    planted = np.array([1, 1, 0, 0, 0, 0], bool)
    moved = planted | (np.arange(6) == 5)
    planting = Planting(np.arange(6), planted, moved, planted | ~moved)
    nan = np.full(6, np.nan)
    one = Repetition(planting, nan, nan, np.arange(6), tuple(Flag(row, 0, None) for row in (0, 5, 3, 1, 2)))
    two = Repetition(planting, nan, nan, np.arange(6), (Flag(2, 0, None),))
    ones = np.ones(6)
    assert precision_of_first(data, [one], 1, ones) == 1.0
    assert precision_of_first(data, [one], 2, ones) == 0.5  # 5 was moved with another, and is neither
    assert precision_of_first(data, [one], 3, ones) == pytest.approx(2 / 3)
    assert precision_of_first(data, [one], 50, ones) == 0.5  # of the four that there are
    assert precision_of_first(data, [one, two], 1, ones) == 0.5
    assert precision_of_first(data, [one], 3, np.array([2.0, 0, 1, 1, 1, 1])) == pytest.approx(2 / 3)
    empty = replace(one, worklist=())
    assert np.isnan(precision_of_first(data, [empty], 10, ones))


def test_the_document() -> None:
    runs = [repetition(seed) for seed in range(5)]
    document, scores = misfiled_document(DATA, runs, prevalence=1e-3, draws=60)
    json.dumps(document)
    assert document["planted"] == scores.planted.sum()
    assert document["negatives"] == (~scores.planted).sum()
    assert document["rate"] == pytest.approx(scores.planted.mean())
    assert document["as_two_ids"] == 5
    point = Points(scores).at(1e-2, np.ones(70))
    assert document["tpr_at_fpr"]["0.01"] == point.tpr
    assert document["at_fpr"]["0.01"]["false_flags"] == ((scores.level > point.threshold) & ~scores.planted).sum()
    assert document["at_fpr"]["0.01"]["at_prevalence"] == {
        "flags_per_1000_studies": point.flags_per_1000(1e-3),
        "ppv": point.ppv(1e-3),
    }
    assert document["precision_of_first"]["10"] == precision_of_first(DATA, runs, 10, np.ones(70))
    assert document["highest_precision_of_first"]["50"] == pytest.approx(document["planted"] / 5 / 50)
    said = [flag.probability for one in runs for flag in one.worklist[:20]]
    assert document["expected_precision_of_first"]["20"] == pytest.approx(np.mean(said))
    for name, value in (("auc", document["auc"]), ("tpr@0.01", document["tpr_at_fpr"]["0.01"])):
        low, high = document["intervals"][name]
        assert low <= value <= high
        assert low < high
    assert "pixel-identical copy" in document["excluded"]
    assert document == misfiled_document(DATA, runs, prevalence=1e-3, draws=60)[0]


def test_images_beside_a_planted_one_are_told_apart() -> None:
    runs = [repetition(seed) for seed in range(5)]
    document, scores = misfiled_document(DATA, runs, draws=2)
    values, truth, beside = [], [], []
    for one in runs:
        given = set(one.planting.persons[one.planting.moved].tolist())
        for row in np.flatnonzero(np.isfinite(one.evidence)).tolist():
            moved, planted = one.planting.moved[row], one.planting.planted[row]
            if planted or not moved:
                values.append(one.probability[row] * 1000 + one.evidence[row])
                truth.append(planted)
                beside.append(not moved and int(one.planting.persons[row]) in given)
    found = document["beside_planted"]
    assert found["images"] == sum(beside) > 0
    apart = ~np.array(beside)
    fpr, tpr, _ = roc_curve(np.array(truth)[apart], np.array(values)[apart], drop_intermediate=False)
    assert found["tpr_at_fpr_without"]["0.01"] == pytest.approx(tpr[fpr <= 0.01].max())
    threshold = Points(scores).at(0.01, np.ones(70)).threshold
    assert found["false_flags"]["0.01"] == (scores.level[np.array(beside)] > threshold).sum()
    assert found["false_flags"]["0.01"] <= document["at_fpr"]["0.01"]["false_flags"]


def test_scores_that_know_nothing_find_nothing() -> None:
    document, _ = misfiled_document(DATA, [repetition(seed, blind=True) for seed in range(8)], draws=100)
    low, high = document["intervals"]["auc"]
    assert low < 0.5 < high
    assert document["tpr_at_fpr"]["0.01"] < 0.1


def test_without_calibration_there_are_no_probabilities() -> None:
    document, _ = misfiled_document(DATA, [repetition(seed, calibrated=False) for seed in range(3)], draws=10)
    assert document["calibration"] == []
    assert document["expected_precision_of_first"] == {"10": None, "20": None, "50": None}
    assert document["auc"] > 0.9


def test_the_calibration_table() -> None:
    probability = np.array([0.0, 0.0005, 0.05, 0.2, 0.4, 0.95, 1.0])
    planted = np.array([0, 0, 0, 1, 0, 1, 1], bool)
    rows = calibration_rows(probability, planted)
    assert [row["images"] for row in rows] == [2, 1, 2, 2]
    assert [row["observed"] for row in rows] == [0, 0, 0.5, 1]
    assert rows[2]["predicted"] == pytest.approx(0.3)
    assert (rows[3]["from"], rows[3]["to"]) == (0.9, 1.0)


def test_the_picture(tmp_path: Path) -> None:
    document, scores = misfiled_document(DATA, [repetition(seed) for seed in range(3)], draws=20)
    file = tmp_path / "misfiled.svg"
    plot_misfiled({**document, "model": {"name": "mine"}}, scores, file)
    text = file.read_text("utf-8")
    assert f"{document['planted']} images planted in 3 repetitions" in text
    assert f"AUC {document['auc']:.3f}" in text
