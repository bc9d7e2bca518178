"""From similarity to evidence: fits against scikit-learn, and what a calibration says where it knows little."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from caseindex.encoders.calibration import (
    FILE,
    LEAST_PERSONS,
    Calibration,
    Reliability,
    as_document,
    drift,
    fit_calibration,
    load_calibration,
    reliability,
)
from caseindex.errors import ModelDamaged

CENTRES = np.linspace(-0.99, 0.99, 100)


def counts(seed: int, n: int, mean: float, spread: float = 0.2) -> np.ndarray:
    values = np.clip(np.random.default_rng(seed).normal(mean, spread, n), -1, 1)
    return np.histogram(values, np.linspace(-1, 1, 101))[0].astype(np.float64)


GENUINE, IMPOSTOR = counts(0, 400, 0.5), counts(1, 20_000, 0.0)


def fitted(**changes: object) -> Calibration:
    found = fit_calibration(CENTRES, GENUINE, IMPOSTOR, 100, **changes)  # type: ignore[arg-type]
    assert found is not None
    return found


def scikit_isotonic(genuine: np.ndarray, impostor: np.ndarray) -> np.ndarray:
    """[bins] odds at equal weight of both sides, NaN where nothing was counted."""
    own, strange = genuine / genuine.sum(), impostor / impostor.sum()
    seen = (own + strange) > 0
    model = IsotonicRegression(y_min=0, y_max=1)
    p = np.full(len(own), np.nan)
    share, weight = own[seen] / (own + strange)[seen], (own + strange)[seen]
    p[seen] = model.fit(np.flatnonzero(seen), share, weight).predict(np.flatnonzero(seen))
    with np.errstate(divide="ignore"):
        return np.log(p) - np.log1p(-p)


def test_isotonic_is_scikit_learn_s() -> None:
    found = fitted()
    expected = scikit_isotonic(GENUINE, IMPOSTOR)
    # Half a pair either way at the ends, where scikit-learn is certain.
    clipped = np.clip(expected, -math.log(2 * 400), math.log(2 * 20_000))
    inner = np.isfinite(expected)
    at = {round(value, 6): ratio for value, ratio in zip(found.similarities, found.ratios, strict=True)}
    compared = 0
    for centre, own, cut in zip(CENTRES[inner], expected[inner], clipped[inner], strict=True):
        if own == cut:
            assert at[round(float(centre), 6)] == pytest.approx(own, abs=1e-6)
            compared += 1
    assert compared > 30
    assert list(found.ratios) == sorted(found.ratios)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=25).filter(
        lambda rows: sum(a for a, _ in rows) >= 20 and sum(b for _, b in rows) >= 20
    )
)
@example(
    rows=[(0, 1), (0, 9), (0, 9), (5, 0), (9, 1), (6, 0)]
)  # the last block alone would say less than the one before
@example(rows=[(0, 1), (1, 9), (9, 9), (10, 1)])
def test_isotonic_of_any_counts(rows: list[tuple[int, int]]) -> None:
    genuine, impostor = np.array(rows, float).T
    centres = np.linspace(-0.9, 0.9, len(rows))
    found = fit_calibration(centres, genuine, impostor, LEAST_PERSONS)
    assert found is not None
    expected = scikit_isotonic(genuine, impostor)
    ours = found.log_ratio(centres)
    finite = np.isfinite(expected)
    assert ours[finite] == pytest.approx(expected[finite], abs=1e-6)
    # Never more certain than the counts allow.
    assert ours.max() <= math.log(2 * impostor.sum()) + 1e-9
    assert ours.min() >= -math.log(2 * genuine.sum()) - 1e-9
    assert (np.diff(ours) >= -1e-9).all()


def test_logistic_is_scikit_learn_s() -> None:
    found = fitted(method="logistic")
    values = np.concatenate([CENTRES, CENTRES])
    truth = np.repeat([1, 0], 100)
    weights = np.concatenate([GENUINE / GENUINE.sum(), IMPOSTOR / IMPOSTOR.sum()])
    seen = weights > 0
    model = LogisticRegression(C=1e6, tol=1e-10, max_iter=1000)
    model.fit(values[seen, None], truth[seen], weights[seen])
    expected = model.decision_function(np.array(found.similarities)[:, None])
    cut = np.clip(expected, -math.log(800), math.log(40_000))
    assert np.array(found.ratios) == pytest.approx(cut, abs=5e-3)


def test_likelihood_ratios_of_two_known_normals() -> None:
    """Equal spread: the true log ratio is linear, (m1 - m0)(x - (m1 + m0) / 2) / s^2."""
    genuine, impostor = counts(2, 200_000, 0.3), counts(3, 200_000, -0.1)
    for method, tolerance in (("isotonic", 0.25), ("logistic", 0.1)):
        found = fit_calibration(CENTRES, genuine, impostor, 1000, method=method)  # type: ignore[arg-type]
        assert found is not None
        x = np.linspace(-0.2, 0.4, 13)
        assert found.log_ratio(x) == pytest.approx(0.4 * (x - 0.1) / 0.04, abs=tolerance)


def test_few_persons_or_pairs_give_none() -> None:
    assert fit_calibration(CENTRES, GENUINE, IMPOSTOR, LEAST_PERSONS - 1) is None
    assert fit_calibration(CENTRES, GENUINE / 400 * (LEAST_PERSONS - 1), IMPOSTOR, 100) is None
    assert fit_calibration(CENTRES, GENUINE, np.zeros(100), 100) is None


def test_nothing_to_compare_says_nothing() -> None:
    found = fitted()
    assert found.log_ratio(np.array([np.nan, -np.inf])).tolist() == [0.0, 0.0]
    assert float(found.log_ratio(1.0)) == found.ratios[-1]
    assert float(found.log_ratio(-1.0)) == found.ratios[0]


def test_a_probability_is_the_prior_s_odds_times_the_ratio() -> None:
    line = Calibration((-1.0, 1.0), (-2.0, 2.0), 100, 100, 50, ())
    odds = 0.01 / 0.99 * math.e
    assert float(line.probability(0.5, 0.01)) == pytest.approx(odds / (1 + odds))
    for prior in (0.0, 1.0):
        with pytest.raises(ValueError, match="between 0 and 1"):
            line.probability(0.5, prior)


def test_what_is_kept_of_the_strangers() -> None:
    found = fitted(made_on={"model": "m"})
    assert (found.genuine, found.impostor, found.persons) == (400, 20_000, 100)
    assert found.made_on == {"model": "m"}
    assert len(found.strangers) == 21
    values = np.repeat(CENTRES, IMPOSTOR.astype(int))
    # To a bin's width, but for the outermost ones.
    assert found.strangers[1:-1] == pytest.approx(np.quantile(values, np.linspace(0, 1, 21))[1:-1], abs=0.021)
    assert len(fit_calibration(np.linspace(-1, 1, 4000), np.ones(4000), np.ones(4000), 50).ratios) == 512  # type: ignore[union-attr]


def test_drift_is_the_kolmogorov_distance() -> None:
    from scipy.stats import ks_2samp

    found = fitted()
    assert drift(found, CENTRES, IMPOSTOR) < 0.04  # 21 quantiles say little more
    assert drift(found, CENTRES, counts(7, 5000, 0.0)) < 0.05
    moved = counts(8, 5000, 0.1)
    expected = ks_2samp(np.repeat(CENTRES, IMPOSTOR.astype(int)), np.repeat(CENTRES, moved.astype(int))).statistic
    assert drift(found, CENTRES, moved) == pytest.approx(expected, abs=0.05)
    assert expected > 0.15
    assert drift(found, CENTRES, np.zeros(100)) == 1.0
    assert drift(replace(found, strangers=()), CENTRES, IMPOSTOR) == 1.0


def cllr(ratios: np.ndarray, genuine: np.ndarray, impostor: np.ndarray) -> float:
    """Brümmer and du Preez 2006, one score after the other."""
    own = [math.log2(1 + math.exp(-r)) for r, count in zip(ratios, genuine, strict=True) for _ in range(int(count))]
    strange = [math.log2(1 + math.exp(r)) for r, count in zip(ratios, impostor, strict=True) for _ in range(int(count))]
    return (sum(own) / len(own) + sum(strange) / len(strange)) / 2


def test_reliability_of_others() -> None:
    found = fitted()
    genuine, impostor = counts(10, 500, 0.5), counts(11, 5000, 0.0)
    said = reliability(found, CENTRES, genuine, impostor)
    assert said.cllr == pytest.approx(cllr(found.log_ratio(CENTRES), genuine, impostor))
    assert 0 < said.least_cllr <= said.cllr < 0.5
    assert said.error < 0.05
    assert sum(weight for _, _, weight in said.bins) == pytest.approx(1, abs=1e-3)
    for predicted, observed, weight in said.bins:
        if weight > 0.1:
            assert predicted == pytest.approx(observed, abs=0.15)


def test_reliability_of_one_that_knows_nothing_and_of_one_that_lies() -> None:
    genuine, impostor = counts(10, 500, 0.5), counts(11, 5000, 0.0)
    nothing = Calibration((-1.0, 1.0), (0.0, 0.0), 100, 100, 50, ())
    assert reliability(nothing, CENTRES, genuine, impostor).cllr == pytest.approx(1)
    assert reliability(nothing, CENTRES, genuine, impostor).error == pytest.approx(0, abs=1e-4)
    lies = Calibration((-1.0, 1.0), (9.0, -9.0), 100, 100, 50, ())
    said = reliability(lies, CENTRES, genuine, impostor)
    assert said.cllr > 1
    assert said.error > 0.5
    assert said.least_cllr < 0.5  # the similarities would have known better


def test_saved_and_read_again(tmp_path: Path) -> None:
    found = replace(fitted(), reliability=Reliability(((0.1, 0.2, 1.0),), 0.1, 0.4, 0.3), made_on={"archive": "a"})
    found.save(tmp_path)
    assert load_calibration(tmp_path) == found
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert load_calibration(tmp_path / "absent") is None
    document = as_document(found)
    assert document["reliability"]["cllr"] == 0.4
    assert not {"similarities", "ratios", "strangers"} & set(document)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "{}",
        '{"similarities": [0.1], "ratios": [], "genuine": 1, "impostor": 1, "persons": 1, "strangers": []}',
        '{"similarities": [], "ratios": [], "genuine": 1, "impostor": 1, "persons": 1, "strangers": []}',
        '{"similarities": [0.1], "ratios": ["1"], "genuine": 1, "impostor": 1, "persons": 1, "strangers": []}',
        '{"similarities": [0.1], "ratios": [1e999], "genuine": 1, "impostor": 1, "persons": 1, "strangers": []}',
        '{"similarities": [0.9, 0.1], "ratios": [1, 2], "genuine": 1, "impostor": 1, "persons": 1, "strangers": []}',
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, "utf-8")
    with pytest.raises(ModelDamaged, match=FILE):
        load_calibration(tmp_path)
