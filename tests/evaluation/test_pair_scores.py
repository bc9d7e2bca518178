"""Is this pair one person: curves against scikit-learn, pairs counted one by one, intervals by explicit resampling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from caseindex.evaluation import pair_scores as module
from caseindex.evaluation.identity_set import Exclusions, IdentitySet
from caseindex.evaluation.pair_scores import (
    BINS,
    FPRS,
    bins_of,
    curve,
    intervals,
    measured,
    pair_scores,
    similarity_of,
)
from tests.evaluation.drawn_identity import counts, drawn, exclusions, sets, similarity


def pairs(data: IdentitySet, left_out: Exclusions) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(pairs of one person, pairs of strangers), each once."""
    n = len(data)
    all_pairs = [(i, j) for i in range(n) for j in range(i + 1, n) if counts(data, left_out, i, j)]
    own = [pair for pair in all_pairs if data.persons[pair[0]] == data.persons[pair[1]]]
    return own, [pair for pair in all_pairs if pair not in set(own)]


@settings(max_examples=25, deadline=None)
@given(sets, exclusions)
def test_every_pair_is_counted_once(data: IdentitySet, left_out: Exclusions) -> None:
    found = pair_scores(data, left_out)
    own, strange = pairs(data, left_out)
    bins = bins_of(similarity(data))
    assert sorted(found.genuine.tolist()) == sorted(int(bins[pair]) for pair in own)
    assert sorted(found.genuine_persons.tolist()) == sorted(int(data.persons[i]) for i, _ in own)
    expected = np.zeros(BINS)
    for pair in strange:
        expected[bins[pair]] += 1
    assert np.array_equal(found.impostor, expected)
    assert found.impostors == len(strange)
    drawn_pairs = zip(found.sample.tolist(), map(tuple, found.sample_persons.tolist()), strict=True)
    assert sorted(drawn_pairs) == sorted((int(bins[i, j]), (data.persons[i], data.persons[j])) for i, j in strange)


def test_bins_and_back() -> None:
    values = np.array([-1, -0.5, 0, 0.123, 0.99999, 1], np.float32)
    back = similarity_of(bins_of(values))
    assert (np.abs(back - values) <= 2 / BINS + 1e-6).all()
    assert bins_of(values).tolist() == sorted(bins_of(values).tolist())
    assert bins_of(np.array([1.0001, -1.0001], np.float32)).tolist() == [BINS - 1, 0]


scores = st.lists(st.integers(0, 30), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(scores, scores)
def test_the_curve_against_scikit_learn(own: list[int], strange: list[int]) -> None:
    """Few bins, so that ties are the rule."""
    found = curve(np.bincount(own, minlength=31) * 1.0, np.bincount(strange, minlength=31) * 1.0, least_false=0)
    truth, values = np.r_[np.ones(len(own)), np.zeros(len(strange))], np.r_[own, strange]
    assert found.auc == pytest.approx(roc_auc_score(truth, values))
    fpr, tpr, _ = roc_curve(truth, values, drop_intermediate=False)
    for rate in FPRS:
        assert found.tpr_at_fpr[rate] == pytest.approx(tpr[fpr <= rate].max())
    gap = np.abs(1 - tpr - fpr)
    best = gap.min()
    assert found.eer in [pytest.approx((1 - tpr[i] + fpr[i]) / 2) for i in np.flatnonzero(gap <= best + 1e-12)]


def test_the_whole_path_against_scikit_learn() -> None:
    data = drawn(0, n=180, persons=50, kinds=1)
    own, strange = pairs(data, Exclusions())
    scores_ = similarity(data).astype(np.float64)
    truth = np.r_[np.ones(len(own)), np.zeros(len(strange))]
    values = np.array([scores_[pair] for pair in own + strange])
    found = measured(pair_scores(data))
    assert found.auc == pytest.approx(roc_auc_score(truth, values), abs=1e-4)
    fpr, tpr, _ = roc_curve(truth, values)
    assert len(strange) > 10_000
    for rate in (1e-2, 1e-3):
        assert found.tpr_at_fpr[rate] == pytest.approx(tpr[fpr <= rate].max(), abs=1 / len(own))
    assert np.interp(found.eer, fpr, 1 - tpr) == pytest.approx(found.eer, abs=0.01)


def test_a_rate_is_not_measured_on_too_few_strangers() -> None:
    own = np.array([0.0, 5, 5])
    found = curve(own, np.array([9_999.0, 0, 0]))
    assert np.isnan(found.tpr_at_fpr[1e-3])
    assert found.tpr_at_fpr[1e-2] == 1.0
    assert curve(own, np.array([10_000.0, 0, 0])).tpr_at_fpr[1e-3] == 1.0
    assert np.isnan(curve(own, np.zeros(3)).auc)
    assert np.isnan(curve(np.zeros(3), own).eer)


def test_a_tie_with_the_threshold_is_not_recognised() -> None:
    """100 strangers in the top bin with all genuine pairs: at 1e-2 none may be taken."""
    found = curve(np.array([0.0, 50]), np.array([900.0, 100]))
    assert found.tpr_at_fpr[1e-2] == 0.0
    assert found.auc == pytest.approx(0.95)


def test_intervals_against_drawing_pairs_one_by_one() -> None:
    data = drawn(1, n=60, persons=16, kinds=1, unknown=0, spread=1.2)
    found = pair_scores(data)
    draws = 40
    spans = intervals(found, draws=draws, seed=3)
    persons = np.unique(np.concatenate([found.genuine_persons, found.sample_persons.ravel()]))
    generator = np.random.default_rng(3)
    values = []
    for _ in range(draws):
        times = dict.fromkeys(persons.tolist(), 0)
        for place in generator.integers(0, len(persons), len(persons)):
            times[int(persons[place])] += 1
        own = [s for s, p in zip(found.genuine, found.genuine_persons, strict=True) for _ in range(times[int(p)])]
        strange = [
            s
            for s, (p, q) in zip(found.sample, found.sample_persons, strict=True)
            for _ in range(times[int(p)] * times[int(q)])
        ]
        values.append(roc_auc_score(np.r_[np.ones(len(own)), np.zeros(len(strange))], np.r_[own, strange]))
    assert spans["auc"] == pytest.approx(list(np.quantile(values, [0.025, 0.975])), abs=2e-3)
    assert spans["auc"][0] < measured(found).auc < spans["auc"][1]
    assert "tpr@0.001" not in spans  # too few strangers for it
    assert spans == intervals(found, draws=draws, seed=3)


def test_one_person_or_no_pair_gives_no_interval() -> None:
    data = drawn(2, n=10, persons=1, kinds=1, unknown=0)
    assert intervals(pair_scores(data)) == {}


def test_the_sample_of_strangers_is_drawn_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    data = drawn(3, n=200, persons=60, kinds=1, unknown=0)
    monkeypatch.setattr(module, "BOOTSTRAP_PAIRS", 4000)
    found = pair_scores(data, seed=1)
    assert found.impostors > 15_000  # all of them count in the figures
    assert 3300 < len(found.sample) < 4300
    assert len(found.sample) == len(found.sample_persons)
    whole = np.average(similarity_of(np.arange(BINS)), weights=found.impostor)
    assert similarity_of(found.sample).mean() == pytest.approx(whole, abs=0.03)
