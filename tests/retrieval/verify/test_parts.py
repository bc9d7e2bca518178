"""The parts of verification by value: ridge, fusion, lines, statements, regions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from caseindex.records import Float32Array, PixelArray
from caseindex.retrieval.verify.classifiers import agreement
from caseindex.retrieval.verify.evidence import NUMBERS
from caseindex.retrieval.verify.filed import FOLDS
from caseindex.retrieval.verify.fusion import KINDS, fit_fusion, fit_statement_curve
from caseindex.retrieval.verify.halves import has_halves, lateral
from caseindex.retrieval.verify.logistic import fit_logistic, fit_multinomial, softmax
from caseindex.retrieval.verify.opened import Opened
from caseindex.retrieval.verify.regions import Region, locatable, regions
from caseindex.retrieval.verify.ridge import fit_ridge
from caseindex.retrieval.verify.thresholds import beta_interval, by_false_alarms, usual_points
from caseindex.retrieval.verify.verdict import Ruling, statement_ruling
from tests.retrieval.verify.cases import vector


@pytest.mark.parametrize("rows", [40, 300])  # fewer and more than inputs
def test_each_fold_of_the_ridge_solves_the_normal_equations_of_the_others(rows: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(rows, 60)).astype(np.float32), rng.normal(size=(rows, 3)).astype(np.float32)
    folds = np.arange(rows) % FOLDS
    found = fit_ridge(x, y, folds, strengths=(2.0,))
    others = folds != 3
    a, b = x[others] - x[others].mean(0), y[others] - y[others].mean(0)
    direct = np.linalg.solve(a.T @ a + 2.0 * np.eye(60), a.T @ b)
    assert np.allclose(found.weights[3], direct, atol=1e-4)
    expected = (x[3:4] - x[others].mean(0)) @ direct + y[others].mean(0)
    assert np.allclose(found(x[3:4], np.array([3])), expected, atol=1e-4)


def test_logistic_regressions_against_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 3))
    classes = (x @ rng.normal(size=(3, 3)) + rng.gumbel(size=(400, 3))).argmax(1)
    design = np.concatenate([np.ones((400, 1)), x], axis=1)
    weights = np.ones(400)
    ours = softmax(design, fit_multinomial(design, classes, 3, weights=weights, penalty=1e-6))
    theirs = LogisticRegression(C=1e8, tol=1e-10, max_iter=2000).fit(x, classes).predict_proba(x)
    assert np.allclose(ours, theirs, atol=2e-3)
    two = fit_logistic(design, (classes == 0).astype(float), penalty=2.0)
    one = LogisticRegression(C=0.5, tol=1e-10, max_iter=2000).fit(x, classes == 0)
    assert np.allclose(two, np.r_[one.intercept_, one.coef_[0]], atol=1e-3)


def test_the_left_column_of_the_grid_minus_the_right() -> None:
    rng = np.random.default_rng(0)
    left, right = vector("pneumothorax", "left", rng), vector("pneumothorax", "right", rng)
    assert has_halves(None, 2048)
    assert not has_halves(None, 512)
    both = lateral(np.stack([left, right]), True)
    assert both.shape == (2, 224)
    assert both[0].mean() > 0.01 > -0.01 > both[1].mean()
    mirrored = left[-448:].reshape(112, 2, 2)[:, :, ::-1].reshape(-1)
    assert np.allclose(lateral(np.r_[left[:-448], mirrored][None], True), -both[:1])


def fused_rows(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two witnesses: one sees swapped reports, one sides; the classifiers are silent half of the time."""
    kinds = rng.integers(0, len(KINDS), count)
    rows = np.full((count, len(NUMBERS)), 0.0)
    rows[:, NUMBERS.index("crowd")] = rng.normal(size=count) - 3 * (kinds == 1)
    rows[:, NUMBERS.index("side")] = rng.normal(size=count) - 3 * (kinds == 2)
    rows[:, NUMBERS.index("classes")] = np.where(rng.random(count) < 0.5, np.nan, rng.normal(size=count))
    rows[:, NUMBERS.index("pair")] = np.nan
    return rows, kinds, rng.integers(0, FOLDS, count)


def test_one_strong_witness_suffices_and_the_kind_of_error_is_named() -> None:
    rng = np.random.default_rng(2)
    fusion = fit_fusion(*fused_rows(rng, 3000))
    asked = np.zeros((3, len(NUMBERS)))
    asked[:, NUMBERS.index("classes")] = asked[:, NUMBERS.index("pair")] = np.nan
    asked[1, NUMBERS.index("crowd")] = asked[2, NUMBERS.index("side")] = -4.0
    fold = np.zeros(3, np.int64)
    fits, swapped, side = fusion.agreement(asked, fold)
    assert max(swapped, side) < 0.1 < 0.4 < fits
    assert fusion.kinds(asked, fold)[1:, 1:].argmax(1).tolist() == [0, 1]


@pytest.mark.parametrize(("shift", "counts"), [(3.0, True), (0.0, False)])
def test_classifiers_count_where_they_find_errors_and_not_where_they_are_noise(shift: float, counts: bool) -> None:
    rng = np.random.default_rng(6)
    rows, kinds, folds = fused_rows(rng, 1500)
    place = NUMBERS.index("classes")
    rows[:, place] += np.where(np.isin(kinds, (3, 4, 5)), -shift, 0.0)  # which nobody else sees
    weights = fit_fusion(rows, kinds, folds).coefficients[:, 1 + place, 3:]
    assert bool(np.abs(weights).max() > 0.3) is counts
    assert counts or np.abs(weights).max() < 0.05


def test_the_probability_is_calibrated_on_new_cases() -> None:
    rng = np.random.default_rng(3)
    fusion = fit_fusion(*fused_rows(rng, 4000))
    rows, kinds, folds = fused_rows(rng, 6000)
    weights = np.where(kinds == 0, 0.5 / (kinds == 0).mean(), 0.5 / (kinds != 0).mean())
    got = fusion.agreement(rows, folds)
    for low in (0.0, 0.25, 0.5):
        here = (got >= low) & (got < low + 0.25)
        if weights[here].sum() > 200:
            seen = (weights * (kinds == 0))[here].sum() / weights[here].sum()
            assert abs(seen - (weights * got)[here].sum() / weights[here].sum()) < 0.06


def test_the_line_keeps_to_the_rate_on_new_reports_over_many_archives() -> None:
    rng = np.random.default_rng(4)
    rates = []
    for _ in range(400):
        right = rng.random(150)
        line = by_false_alarms(right, [str(n) for n in range(150)], 0.05)
        rates.append(line.value)  # of a uniform distribution: the share below
    assert abs(float(np.mean(rates)) - 7 / 151) < 0.003
    inside = np.mean([(line.low <= rate <= line.high) for rate in rates])
    assert 0.9 < inside < 0.99


def test_too_few_patients_draw_no_line() -> None:
    line = by_false_alarms(np.linspace(0, 1, 60), [str(n // 4) for n in range(60)], 0.05)
    assert not line.enough
    assert line.patients == 15
    assert line.value == -math.inf
    assert by_false_alarms(np.linspace(0, 1, 60), [str(n) for n in range(60)], 0.05).enough


def test_beta_interval_against_known_quantiles() -> None:
    from scipy.stats import beta

    for a, b in ((5, 95), (30, 600), (1.2, 20)):
        assert beta_interval(a, b) == pytest.approx(beta(a, b).interval(0.95), abs=1e-4)


def test_usual_points_by_counting() -> None:
    right, wrong = np.array([0.2, 0.6, 0.8, 0.9]), np.array([0.1, 0.15, 0.3, 0.7])
    points = usual_points(right, wrong, np.ones(4))
    assert points.youden == (0.2, 0.5, 0.0)
    assert points.sensitivity_95[1] == 1.0
    assert points.sensitivity_95[2] == 0.5


def test_two_classifiers_that_name_one_class_agree_the_more_the_rarer_it_is() -> None:
    prior = np.array([0.9, 0.1], np.float32)
    sure = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], np.float32)
    other = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], np.float32)
    found = agreement(sure, other, prior)
    assert found[1] > found[0] > 0 > found[2]


def test_a_statement_is_judged_by_whatever_knows_it() -> None:
    rng = np.random.default_rng(5)
    right = rng.random(600) < 0.5
    numbers = np.full((600, 6), np.nan)
    numbers[:, 0] = np.where(right, 1.0, -1.0) + rng.normal(size=600)
    numbers[:, 5] = 0.0
    curve = fit_statement_curve(numbers, right)
    unknown = [math.nan] * 4
    low, high = curve([[-2.0, *unknown, 0.0], [2.0, *unknown, 0.0]])
    assert low < 0.2
    assert high > 0.8
    assert math.isnan(curve([[math.nan, *unknown, 0.0]])[0])


class QuarterEncoder:
    """Sees brightness: of the picture's upper left quarter as an effusion's direction, else noise of its own."""

    name, fingerprint, dim = "quarter", "quarter", 2048

    def preprocess(self, pixels: PixelArray) -> Float32Array:
        return np.asarray(pixels[None], np.float32) / 255

    def encode(self, batch: Float32Array) -> Float32Array:
        base = vector(None, None, np.random.default_rng(9))
        out = np.tile(base, (len(batch), 1))
        out[:, :100] += 0.25 * batch[:, 0, :32, :32].mean((1, 2))[:, None]
        return np.asarray(out / np.linalg.norm(out, axis=1, keepdims=True), np.float32)


def test_the_region_lies_where_the_finding_is_and_the_deletion_test_bears_it_out(opened: Opened) -> None:
    picture = np.zeros((64, 64), np.uint8)
    picture[8:24, 8:24] = 255
    (region,) = regions(
        QuarterEncoder(), opened.verifier.witnesses.expectation, picture, 0, [("pleural_effusion", None)]
    )
    strongest = np.unravel_index(region.map.argmax(), region.map.shape)
    assert max(strongest) <= 3
    assert region.map[5:, 5:].max() < region.map.max() / 10
    assert region.holds
    assert region.tested[strongest] == region.map.max()


def test_a_map_that_fails_the_deletion_test_shows_nothing() -> None:
    cells = np.zeros((7, 7), np.float32)
    cells[0, 0], cells[6, 6] = 1.0, -1.0
    neither = Region("x", None, cells, 0.5, -0.5, (0.6, -0.6))
    weak = Region("x", None, cells, 0.1, -0.1, (0.0, 0.0))
    against = Region("x", None, cells, 0.5, -2.0, (0.6, -0.6))
    assert not neither.tested.any()
    assert not weak.tested.any()
    assert np.flatnonzero(against.tested).tolist() == [48]


def test_no_map_is_shown_of_what_maps_do_not_find() -> None:
    assert not locatable("ischemic_stroke")
    assert not locatable("sah")
    assert not locatable("posterior_infarct")
    assert locatable("brain_hemorrhage")
    assert locatable("pleural_effusion")


@pytest.mark.parametrize(
    ("value", "ruling"),
    [(0.1, Ruling.DOUBTFUL), (0.3, Ruling.UNDECIDED), (0.5, Ruling.FITS), (math.nan, Ruling.UNDECIDED)],
)
def test_a_statement_is_borne_out_only_from_even_odds(value: float, ruling: Ruling) -> None:
    assert statement_ruling(value, line=0.2) is ruling
