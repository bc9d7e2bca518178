"""Alignment, views and within-class normalisation: the parts of the identity encoder."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from caseindex.encoders.alignment import SIDE, Alignment, fit_alignment
from caseindex.encoders.nuisance import Nuisance
from caseindex.encoders.preprocessing import Preprocessing
from caseindex.encoders.whitening import normalised
from caseindex.encoders.within_class import deviations_of_persons, fit_within_class, view_deviations
from caseindex.errors import ModelDamaged, TrainingError


def chest(seed: int = 0, side: int = 224) -> np.ndarray:
    """Two dark fields on a bright oval with stripes: enough of a chest to be registered."""
    picture = np.full((side, side), 30, np.uint8)
    generator = np.random.default_rng(seed)
    scale = side / 224
    cv2.ellipse(picture, (side // 2, side // 2), (int(95 * scale), int(105 * scale)), 0, 0, 360, 190, -1)
    for centre in (72, 152):
        cv2.ellipse(
            picture, (int(centre * scale), int(105 * scale)), (int(30 * scale), int(62 * scale)), 0, 0, 360, 70, -1
        )
    for row in range(50, 170, 20):
        offset = int(generator.integers(-4, 5))
        cv2.line(picture, (int(40 * scale), int((row + offset) * scale)), (int(184 * scale), int(row * scale)), 140, 2)
    return picture


def moved(picture: np.ndarray, angle: float, zoom: float, shift: tuple[float, float]) -> np.ndarray:
    side = picture.shape[0]
    warp = cv2.getRotationMatrix2D((side / 2, side / 2), angle, zoom)
    warp[:, 2] += shift
    return cv2.warpAffine(picture, warp, (side, side), borderMode=cv2.BORDER_REPLICATE)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    inner = slice(24, -24)
    return float(np.corrcoef(a[inner, inner].ravel(), b[inner, inner].ravel())[0, 1])


def test_a_moved_picture_comes_back_to_the_template() -> None:
    pictures = [chest(seed) for seed in range(6)]
    alignment = fit_alignment(pictures)
    away = moved(pictures[0], 6, 0.9, (9, -7))
    assert correlation(away, pictures[0]) < 0.75
    assert correlation(alignment(away), alignment(pictures[0])) > 0.93


def test_a_picture_of_something_else_stays_as_it_is() -> None:
    alignment = fit_alignment([chest(seed) for seed in range(4)])
    noise = np.random.default_rng(0).integers(0, 255, (224, 224)).astype(np.uint8)
    assert np.array_equal(alignment(noise), noise)
    colour = np.repeat(noise[..., None], 3, axis=2)
    assert np.array_equal(alignment(colour), colour)
    assert np.array_equal(alignment(np.zeros((224, 224), np.uint8)), np.zeros((224, 224)))


def test_alignment_is_part_of_the_preprocessing_and_survives_its_config() -> None:
    alignment = fit_alignment([chest(seed) for seed in range(4)])
    plain = Preprocessing(fit="squash")
    aligned = Preprocessing(fit="squash", alignment=alignment)
    assert "alignment" not in plain.config()
    again = Preprocessing.from_config(aligned.config(), "model")
    picture = moved(chest(9, 300), 5, 0.92, (6, 6))
    assert again == aligned
    assert np.array_equal(again.resized(picture), aligned.resized(picture))
    assert not np.array_equal(plain.resized(picture), aligned.resized(picture))
    with pytest.raises(ModelDamaged, match="preprocessing"):
        Preprocessing.from_config({**aligned.config(), "alignment": "AAAA"}, "model")
    with pytest.raises(TrainingError, match="constant"):
        Alignment.of(np.zeros((SIDE, SIDE), np.float32))
    with pytest.raises(TrainingError, match="no pictures"):
        fit_alignment([])


def test_views_differ_repeatably_and_keep_what_is_shown() -> None:
    picture = chest()
    one, two = (Nuisance()(picture, np.random.default_rng(3)) for _ in range(2))
    other = Nuisance()(picture, np.random.default_rng(4))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
    still = Nuisance(rotation_degrees=0, zoom=0, aspect=0, shift=0, exposure=0, processing=False, occlusion=0)
    assert np.array_equal(still(picture, np.random.default_rng(0)), picture)
    bent = Nuisance(rotation_degrees=0, zoom=0, aspect=0, shift=0, bend=0.02, exposure=0, processing=False, occlusion=0)
    assert 0.8 < correlation(bent(picture, np.random.default_rng(0)), picture) < 1


def test_directions_in_which_a_person_varies_count_less() -> None:
    generator = np.random.default_rng(0)
    persons = np.repeat(np.arange(200), 2)
    own = generator.normal(size=(200, 6))[persons] * [1, 1, 1, 1, 1, 1]
    vectors = np.hstack([own, 20 * generator.normal(size=(400, 2))]).astype(np.float32)  # two loud nuisances
    views = vectors + np.hstack([0.1 * generator.normal(size=(400, 6)), 20 * generator.normal(size=(400, 2))])
    head = fit_within_class(vectors, view_deviations(vectors, [views.astype(np.float32)]), dim=6, shrinkage=1e-4)

    def top_1(data: np.ndarray) -> float:
        similarity = data @ data.T
        np.fill_diagonal(similarity, -2)
        return float((persons[similarity.argmax(1)] == persons).mean())

    assert top_1(normalised(vectors - vectors.mean(0))) < 0.2
    assert top_1(head(vectors)) > 0.95
    again = fit_within_class(vectors, view_deviations(vectors, [views.astype(np.float32)]), dim=6, shrinkage=1e-4)
    assert np.array_equal(head.projection, again.projection)


def test_deviations_of_persons_by_hand() -> None:
    vectors = np.array([[0, 0], [2, 2], [9, 9], [1, 5], [3, 5], [7, 7]], np.float32)
    persons = np.array([4, 4, -1, 2, 2, 3])
    found = deviations_of_persons(vectors, persons)
    assert sorted(map(tuple, found.tolist())) == [(-1, -1), (-1, 0), (1, 0), (1, 1)]
    assert deviations_of_persons(vectors, np.full(6, -1)).shape == (0, 2)
    assert deviations_of_persons(vectors[:0], persons[:0]).shape == (0, 2)


def test_whitening_of_nothing_or_of_equal_images_is_an_error() -> None:
    with pytest.raises(TrainingError, match="at least 2"):
        fit_within_class(np.ones((1, 4), np.float32), np.ones((1, 4), np.float32))
    with pytest.raises(TrainingError, match="equal"):
        fit_within_class(np.ones((5, 4), np.float32), np.ones((5, 4), np.float32))
    vectors = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    with pytest.raises(TrainingError, match="do not differ"):
        fit_within_class(vectors, np.zeros((5, 4), np.float32))
