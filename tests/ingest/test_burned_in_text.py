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


def skin(rows: int = 400, columns: int = 400) -> np.ndarray:
    """A radiograph without a background: soft bands (ribs) over a slope, with noise."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    ribs = 25 * np.sin((y + 0.3 * x) / 18) + 0.2 * x + 60
    noise = np.random.default_rng(0).normal(0, 3, (rows, columns))
    return np.clip(ribs + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("text", "at"), [("AP PORTABLE 12:40", (120, 30)), ("IVANOV I.I.", (150, 210)), ("R", (20, 60))]
)
def test_letters_over_skin_go_bright_ones_and_dark_ones(text: str, at: tuple[int, int]) -> None:
    clean = skin()
    for picture, ink in ((clean, 250), (clean + 70, 5)):
        burned = cv2.putText(picture.copy(), text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, ink, 2, cv2.LINE_AA)
        changed = np.abs(burned.astype(np.int16) - picture) > 25
        mask = text_mask(burned)
        assert mask[changed].mean() > 0.95
        assert mask[cv2.dilate(changed.astype(np.uint8), np.ones((13, 13), np.uint8)) == 0].mean() < 0.001
        left = np.abs(mask_text(burned).astype(np.int16) - picture)[changed]
        assert np.percentile(left, 95) < 30  # nothing to read


def test_skin_without_letters_is_left_alone() -> None:
    assert not text_mask(skin()).any()


def test_a_large_picture_is_masked_as_its_reduction_is() -> None:
    large = cv2.resize(skin(), (2000, 2000), interpolation=cv2.INTER_CUBIC)
    burned = cv2.putText(large.copy(), "12.03.2021", (200, 300), cv2.FONT_HERSHEY_SIMPLEX, 3, 255, 8, cv2.LINE_AA)
    changed = np.abs(burned.astype(np.int16) - large) > 25
    mask = text_mask(burned)
    assert mask.shape == (2000, 2000)
    assert mask[changed].mean() > 0.97
    assert not mask[500:].any()


def test_real_watermarks_and_side_markers_go_and_the_anatomy_stays(shared_data: Path) -> None:
    pack = shared_data / "medpix2"
    with (pack / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[::30]
    before = after = 0
    touched = []
    for row in rows:
        picture = cv2.imread(str(pack / row["image"]), cv2.IMREAD_GRAYSCALE)
        mask = text_mask(picture)
        height, width = picture.shape
        touched.append(float(mask[height // 4 : height * 3 // 4, width // 4 : width * 3 // 4].mean()))
        corner = (slice(0, height // 12), slice(width * 2 // 3, width))  # where the watermark is
        around = np.concatenate([picture[height // 12, width * 2 // 3 :], picture[: height // 12, width * 2 // 3]])
        if around.max() < 40:  # nothing but the watermark in it
            before += int((picture[corner] > 60).sum())
            after += int((mask_text(picture)[corner] > 60).sum())
    assert before > 1000
    assert after < 0.03 * before
    assert np.mean(touched) < 0.003
    radiograph = shared_data / "kermany_cxr" / "images" / "IM-0011-0001-0001.jpg"
    picture = cv2.imread(str(radiograph), cv2.IMREAD_GRAYSCALE)
    assert text_mask(picture)[:, : picture.shape[1] // 4].any()  # its R
