from __future__ import annotations

import numpy as np

from caseindex.train.closed_form import RIDGE, concept_directions


def _data(n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    white = generator.normal(size=(n, 5)).astype(np.float32)
    asserted = np.zeros((n, 4), np.float32)
    asserted[:, 0] = white[:, 2] > 0  # common, along the third axis
    asserted[:, 1] = white[:, 4] > 1.2  # rare, along the fifth
    asserted[:, 2] = generator.random(n) < 0.5  # unrelated; the fourth is never asserted
    return white, asserted


def test_each_concept_points_where_its_images_lie() -> None:
    directions = concept_directions(*_data(), np.arange(60))
    assert directions.shape == (4, 5)
    assert int(directions[0].argmax()) == 2
    assert int(directions[1].argmax()) == 4
    assert not directions[3].any()


def test_before_scaling_it_is_weighted_ridge_regression() -> None:
    white, asserted = _data()
    studies = np.repeat(np.arange(30), 2)
    directions = concept_directions(white, asserted, studies)
    # The same by an augmented least-squares problem, study weights one half each.
    root = np.sqrt(0.5)
    x = (white - white.mean(0)).astype(np.float64)
    y = asserted[:, 0] - asserted[:, 0].mean()
    rows = np.concatenate([x * root, np.sqrt(RIDGE) * np.eye(5)])
    expected, *_ = np.linalg.lstsq(rows, np.concatenate([y * root, np.zeros(5)]), rcond=None)
    found = directions[0]
    np.testing.assert_allclose(found / np.linalg.norm(found), expected / np.linalg.norm(expected), atol=1e-5)


def test_a_study_weighs_one_whatever_its_images() -> None:
    white, asserted = _data()
    once = concept_directions(white, asserted, np.arange(60))
    # The first image forty times within one study: an unweighted regression would turn towards it.
    many = np.concatenate([np.zeros(39, int), np.arange(60)])
    heavy = concept_directions(white[many], asserted[many], many)
    cosine = (once[0] @ heavy[0]) / np.linalg.norm(once[0]) / np.linalg.norm(heavy[0])
    assert cosine > 0.98


def test_nothing_asserted_gives_zeros() -> None:
    white, asserted = _data()
    assert not concept_directions(white, np.zeros_like(asserted), np.arange(60)).any()
