"""Geometric verification and copies, on drawn anatomy that was moved, exposed anew and edited."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from caseindex.records import PixelArray
from caseindex.retrieval.identity.duplicates import (
    find_copies,
    hash_pairs,
    identical,
    neighbour_pairs,
    perceptual_hash,
    turned_hash_pairs,
    verified,
)
from caseindex.retrieval.identity.key_points import geometric_match, key_points
from tests.retrieval.identity.drawn_anatomy import SIDE, anatomy, another_exposure, moved


def test_the_movement_is_found() -> None:
    one = anatomy(1)
    two, matrix = moved(one, 6, 1.1, (8, -5))
    two = np.clip(0.7 * two.astype(float) + 40, 0, 255).astype(np.uint8)
    found = geometric_match(one, two)
    assert found.transform is not None
    assert found.inliers >= 30
    places = found.first * SIDE
    expected = places @ matrix[:, :2].T + matrix[:, 2]
    assert np.median(np.linalg.norm(found.second * SIDE - expected, axis=1)) < 3
    assert found.log_inliers == pytest.approx(np.log1p(found.inliers))
    again = geometric_match(key_points(one), key_points(two))
    assert again.inliers == found.inliers
    assert np.array_equal(again.first, found.first)


def test_strangers_and_nothing_do_not_agree() -> None:
    own = [geometric_match(anatomy(n), moved(anatomy(n), 4, 1.0, (4, 4))[0]).inliers for n in range(4)]
    strange = [geometric_match(anatomy(n), anatomy(n + 50)).inliers for n in range(4)]
    assert min(own) > 3 * max(strange)
    empty = geometric_match(np.zeros((60, 80), np.uint8), anatomy(3))
    assert (empty.inliers, empty.transform) == (0, None)


def test_a_mirrored_or_turned_picture_is_no_agreement() -> None:
    one = anatomy(5)
    assert geometric_match(one, np.ascontiguousarray(one[:, ::-1])).inliers < 10
    assert geometric_match(one, np.ascontiguousarray(np.rot90(one))).inliers == 0


EDITS = {
    "encoded again": lambda p: cv2.imdecode(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 0),
    "resized": lambda p: cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "inverted": lambda p: 255 - p,
    "mirrored": lambda p: np.ascontiguousarray(p[:, ::-1]),
    "cropped": lambda p: np.ascontiguousarray(p[30:270, 24:276]),
}


@pytest.mark.parametrize("edit", list(EDITS))
def test_an_edited_copy_is_known_and_named(edit: str) -> None:
    one = anatomy(11)
    found = verified(one, EDITS[edit](one), (3, 8))
    assert found is not None
    assert (found.one, found.two) == (3, 8)
    assert edit.split()[0] in " ".join(found.how)
    assert found.correlation > 0.97


def test_two_exposures_of_one_person_are_no_copies() -> None:
    one = anatomy(12)
    assert verified(one, another_exposure(one, 0), (0, 1)) is None
    assert verified(one, anatomy(60), (0, 1)) is None


def test_hash_pairs_against_counting_bits() -> None:
    generator = np.random.default_rng(1)
    base = generator.integers(0, 2**63, 12, dtype=np.uint64)
    near = base ^ np.array(
        [sum(1 << int(bit) for bit in generator.choice(63, 7, replace=False)) for _ in base], np.uint64
    )
    hashes = np.concatenate([base, near, generator.integers(0, 2**63, 40, dtype=np.uint64)])
    found = set(hash_pairs(hashes))
    expected = {
        (one, two)
        for one in range(len(hashes))
        for two in range(one + 1, len(hashes))
        if int(hashes[one] ^ hashes[two]).bit_count() <= 8
    }
    assert found == expected
    assert len(found) >= 12


def test_a_negative_and_a_mirrored_picture_have_near_hashes() -> None:
    pictures = [anatomy(n) for n in range(20, 26)]
    shown = [*pictures, 255 - pictures[0], np.ascontiguousarray(pictures[1][:, ::-1])]
    hashes = np.array([perceptual_hash(one) for one in shown], np.uint64)
    mirrored = np.array([perceptual_hash(np.ascontiguousarray(one[:, ::-1])) for one in shown], np.uint64)
    assert {(0, 6), (1, 7)} <= set(turned_hash_pairs(hashes, mirrored))


def test_identical_pixels_need_no_look() -> None:
    copies = np.array([0, 1, 0, 2, 1, 0])
    assert sorted(identical(copies)) == [(0, 2), (0, 5), (1, 4)]

    def never(row: int) -> PixelArray | None:
        raise AssertionError("pixels were read")

    assert {(copy.one, copy.two, copy.how) for copy in find_copies(never, copies, [(0, 2)])} == {
        (0, 2, ()), (0, 5, ()), (1, 4, ()),
    }  # fmt: skip
    assert find_copies(lambda row: None, np.arange(3), [(0, 1)]) == []


def test_neighbours_are_of_one_kind_and_near() -> None:
    vectors = np.array([[1, 0], [1, 0], [0.6, 0.8], [1, 0]], np.float32)
    assert list(neighbour_pairs(vectors, np.array([0, 0, 0, 1]), 0.9)) == [(0, 1)]
