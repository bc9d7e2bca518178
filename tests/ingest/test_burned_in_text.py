"""Burned-in text goes, the anatomy stays: on drawings, and on pictures of the public packs."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from caseindex.ingest.masking import mask_text, text_mask


def body(rows: int = 400, columns: int = 400) -> np.ndarray:
    """A slice: an ellipse with a bright rim, two dark lungs, bright dots (vessels) in them."""
    picture = np.zeros((rows, columns), np.uint8)
    centre = (columns // 2, rows // 2)
    cv2.ellipse(picture, centre, (150, 110), 0, 0, 360, 130, -1)
    cv2.ellipse(picture, centre, (150, 110), 0, 0, 360, 220, 4)
    for side in (-70, 70):
        cv2.ellipse(picture, (centre[0] + side, centre[1]), (50, 80), 0, 0, 360, 0, -1)
        for step in range(-50, 51, 25):
            cv2.circle(picture, (centre[0] + side, centre[1] + step), 3, 200, -1)
    return cv2.GaussianBlur(picture, (3, 3), 0)


def written(picture: np.ndarray, text: str, at: tuple[int, int], value: int = 255) -> np.ndarray:
    return cv2.putText(picture.copy(), text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, value, 1, cv2.LINE_AA)


@pytest.mark.parametrize("value", [255, 120])
def test_lines_in_the_corners_go(value: int) -> None:
    clean = body()
    picture = written(written(clean, "IVANOV I.I. 01.02.1960", (5, 20), value), "120 kV 250 mA", (5, 390), value)
    masked = mask_text(picture)
    assert int(masked[:40].max()) < 40
    assert int(masked[370:].max()) < 40
    assert np.array_equal(masked[60:350], clean[60:350])


def test_a_single_letter_beside_the_body_goes() -> None:
    clean = body()
    masked = mask_text(written(clean, "R", (8, 200)))
    assert int(masked[:, :30].max()) < 40
    assert np.array_equal(masked[:, 45:], clean[:, 45:])


def test_anatomy_without_text_is_returned_as_it_is() -> None:
    clean = body()
    assert mask_text(clean) is clean
    assert not text_mask(clean).any()


def test_vessels_within_the_body_are_never_text() -> None:
    picture = written(body(), "Hospital No 7", (200, 15))
    assert not text_mask(picture)[90:310, 50:350].any()


def test_colour_and_a_white_page() -> None:
    clean = np.dstack([body()] * 3)
    coloured = clean.copy()
    cv2.putText(coloured, "LOGIQ E9", (10, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 255, 255), 1, cv2.LINE_AA)
    masked = mask_text(coloured)
    assert masked.shape == coloured.shape
    assert int(masked[:40].max()) < 40
    page = 255 - written(body(), "Name: IVANOV", (5, 20))
    assert int(mask_text(page)[:40].min()) > 215


@pytest.mark.parametrize("shape", [(5, 5), (1, 300), (47, 400), (64, 64)])
def test_small_and_odd_pictures(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert mask_text(picture).shape == shape


def test_the_middle_of_real_pictures_is_left_alone_and_their_source_line_goes(shared_data: Path) -> None:
    pack = shared_data / "medpix2"
    with (pack / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["modality"] == "CT"][:300:12]
    corner_before = corner_after = 0
    touched = []
    for row in rows:
        picture = cv2.imread(str(pack / row["image"]), cv2.IMREAD_GRAYSCALE)
        mask = text_mask(picture)
        height, width = picture.shape
        middle = mask[height // 4 : height * 3 // 4, width // 4 : width * 3 // 4]
        touched.append(float(middle.mean()))
        masked = mask_text(picture)
        corner = (slice(0, height // 12), slice(width * 2 // 3, width))  # where the watermark is
        corner_before += int((picture[corner] > 60).sum())
        corner_after += int((masked[corner] > 60).sum())
    assert corner_after < 0.6 * corner_before  # where it lies over the anatomy it stays
    assert max(touched) < 0.02
    assert np.mean(touched) < 0.001
