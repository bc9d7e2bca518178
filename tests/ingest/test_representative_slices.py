from __future__ import annotations

import random

import pytest

from caseindex.ingest.slices import representatives
from caseindex.records import Image


def volume(scores: list[float], modality: str = "CT", **more: object) -> list[Image]:
    return [
        Image(image_uid=f"u{place:03}", study_uid="s", file="f", source="f", modality=modality, position_mm=5.0 * place,
              content_score=score, **more)  # type: ignore[arg-type]
        for place, score in enumerate(scores)
    ]  # fmt: skip


def test_slices_are_spread_over_the_anatomy_not_over_the_air() -> None:
    # 30 slices of air, 30 of body, 40 of air: the targets are 1/6, 3/6, 5/6 of the body
    images = volume([0.01] * 30 + [0.6] * 30 + [0.02] * 40)
    assert representatives(images, 3) == ("u034", "u044", "u054")


def test_the_order_of_the_records_does_not_matter() -> None:
    images = volume([random.Random(3).random() for _ in range(40)])
    shuffled = images[:]
    random.Random(7).shuffle(shuffled)
    assert representatives(shuffled, 5) == representatives(images, 5)
    assert len(set(representatives(images, 5))) == 5


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50])
def test_as_many_as_asked_for_or_all(count: int) -> None:
    images = volume([0.0, 0.0, 0.9, 0.0, 0.8, 0.0, 0.0])
    found = representatives(images, count)
    assert len(found) == len(set(found)) == min(count, 7)


def test_a_single_slice_is_in_the_middle_of_the_content() -> None:
    assert representatives(volume([0.5] * 9), 1) == ("u004",)
    assert representatives(volume([0.0] * 8 + [0.5]), 1) == ("u008",)


def test_a_series_of_no_content_still_has_representatives() -> None:
    assert representatives(volume([0.0] * 9), 3) == ("u001", "u004", "u007")


def test_every_view_of_a_radiograph_series_represents_itself() -> None:
    assert representatives(volume([0.1, 0.9, 0.5, 0.7], modality="DX"), 2) == ("u000", "u001", "u002", "u003")


def test_a_clip_counts_as_a_volume_of_its_own() -> None:
    clip = [
        Image(
            image_uid=f"c#{frame}", study_uid="s", file="f", source="f", modality="US", frame=frame, content_score=0.5
        )
        for frame in range(10)
    ]
    still = Image(image_uid="still", study_uid="s", file="g", source="g", modality="US", content_score=0.5)
    assert set(representatives([*clip, still], 2)) == {"c#2", "c#7", "still"}


def test_objects_that_are_no_pictures_represent_nothing() -> None:
    assert representatives(volume([0.5] * 4, modality="SEG", attributes={"object_class": "segmentation"}), 2) == ()


def test_no_images_and_no_count() -> None:
    assert representatives([], 3) == ()
    with pytest.raises(ValueError, match="at least 1"):
        representatives([], 0)
