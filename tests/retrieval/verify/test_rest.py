"""What the rest of a report makes one expect of each finding."""

from __future__ import annotations

import numpy as np
import pytest

from caseindex.records import Language
from caseindex.retrieval.verify.claims import claims_of
from caseindex.retrieval.verify.filed import FOLDS
from caseindex.retrieval.verify.rest import fit_rest, spoken_of
from caseindex.retrieval.verify.targets import NOTHING, Targets

TARGETS = Targets(("brain_edema", "glioma", "ischemic_stroke", "midline_shift", NOTHING), ())
EDEMA, GLIOMA, STROKE, SHIFT = range(4)


def reports(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(asserted, spoken of, folds): oedema goes with glioma wherever it is spoken of; half of the reports do not."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((count, len(TARGETS.findings)), np.float32)
    rows[:, GLIOMA] = rng.random(count) < 0.5
    rows[:, STROKE] = rng.random(count) < 0.5
    rows[:, EDEMA] = rows[:, GLIOMA]
    spoken = np.ones_like(rows, dtype=bool)
    spoken[:, EDEMA] = rng.random(count) < 0.5
    rows[~spoken[:, EDEMA], EDEMA] = 0  # not spoken of is not asserted
    spoken[:, -1] = False
    return rows, spoken, rng.integers(0, FOLDS, count)


def test_what_goes_together_is_expected_however_often_it_is_left_unsaid() -> None:
    rows, spoken, folds = reports(600)
    rest = fit_rest(rows, spoken, folds, TARGETS)
    asked = np.zeros((2, len(TARGETS.findings)), np.float32)
    asked[0, GLIOMA] = asked[1, STROKE] = 1
    expected = rest(asked, np.zeros(2, np.int64))
    assert expected[0, EDEMA] > 0.9
    assert expected[1, EDEMA] < 0.1
    assert rest.base[EDEMA] == pytest.approx(rows[spoken[:, EDEMA], EDEMA].mean(), abs=0.01)


def test_what_never_varies_is_expected_as_it_always_is() -> None:
    rows, spoken, folds = reports(60)
    rest = fit_rest(rows, spoken, folds, TARGETS)
    assert (rest(rows, folds)[:, SHIFT] < 0.05).all()  # always denied


def test_each_fold_is_solved_without_its_own_reports() -> None:
    rows, spoken, folds = reports(300)
    rest = fit_rest(rows, spoken, folds, TARGETS)
    for fold in (0, FOLDS - 1):
        others = spoken[:, EDEMA] & (folds != fold)
        inputs = [GLIOMA, STROKE, SHIFT]
        x, y = rows[others][:, inputs].astype(float), rows[others, EDEMA].astype(float)
        centred = x - x.mean(0)
        expected = np.linalg.solve(centred.T @ centred + 10 * np.eye(3), centred.T @ (y - y.mean()))
        np.testing.assert_allclose(rest.weights[fold, inputs, EDEMA], expected, atol=1e-5)
        assert rest.offsets[fold, EDEMA] == pytest.approx(y.mean() - x.mean(0) @ expected, abs=1e-5)


def test_kinds_of_a_finding_do_not_speak_for_it() -> None:
    targets = Targets(("ischemic_stroke", "lacunar_stroke", "stroke"), ())
    rng = np.random.default_rng(0)
    rows = np.repeat((rng.random((200, 1)) < 0.5), 3, axis=1).astype(np.float32)
    rest = fit_rest(rows, np.ones_like(rows, dtype=bool), rng.integers(0, FOLDS, 200), targets)
    stroke = targets.findings.index("stroke")
    assert not rest.weights[:, :, stroke].any()
    assert not rest.weights[:, stroke].any()


def test_denied_and_asserted_are_spoken_of() -> None:
    claims = [
        claims_of("Ischemic stroke on the left. No midline shift.", Language.ENGLISH),
        claims_of("The heart is not enlarged.", Language.ENGLISH),
    ]
    spoken = spoken_of(claims, TARGETS)
    assert spoken[0, [STROKE, SHIFT]].all()
    assert not spoken[0, [EDEMA, GLIOMA, -1]].any()
    assert not spoken[1].any()
