"""Which images stand for a series: by content, not the first N. A pure function of the image records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from caseindex.records import Image

#: Modalities whose series is a volume; of the others each single-frame image is a view of its own.
VOLUME_MODALITIES: Final = frozenset({"CT", "MR", "PT"})
#: Attribute of objects that are no picture of a patient (segmentation, dose, ...): kept, never embedded.
OBJECT_CLASS: Final = "object_class"
_LEAST: Final = 0.3  # slices below this share of the fullest one are the ends of the volume


def representatives(images: Sequence[Image], count: int) -> tuple[str, ...]:
    """The UIDs of the images of one series that are embedded, in the order of the volume.

    A volume (CT, MR, PET) or a multi-frame clip gives ``count`` images, spread evenly over its anatomy: they halve,
    third, ... the cumulated content score along the slice normal. Every other image stands for itself.
    Deterministic, and independent of the order of ``images``. ``count`` is at least 1.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, not {count}")
    groups: dict[str, list[Image]] = {}
    for image in sorted(images, key=_order):
        if OBJECT_CLASS in image.attributes:
            continue
        if image.modality in VOLUME_MODALITIES:
            key = ""
        elif image.frame is not None:
            key = image.image_uid.rpartition("#")[0]
        else:
            key = image.image_uid
        groups.setdefault(key, []).append(image)
    return tuple(uid for group in groups.values() for uid in _spread(group, count))


def _order(image: Image) -> tuple[bool, float, float, int, str]:
    number = image.instance_number
    return (
        image.position_mm is None,
        image.position_mm or 0.0,
        float("inf") if number is None else number,
        image.frame or 0,
        image.image_uid,
    )


def _spread(ordered: list[Image], count: int) -> list[str]:
    if len(ordered) <= count:
        return [image.image_uid for image in ordered]
    fullest = max(image.content_score for image in ordered)
    weights = [image.content_score if image.content_score >= _LEAST * fullest else 0.0 for image in ordered]
    if sum(1 for weight in weights if weight > 0) < count:
        weights = [image.content_score + 1e-9 for image in ordered]
    total = sum(weights)
    chosen: list[int] = []
    cumulated = 0.0
    for place, weight in enumerate(weights):
        cumulated += weight
        # Each slice takes at most one of the targets (i + 1/2) / count that its share of the sum covers.
        if weight > 0 and len(chosen) < count and cumulated >= total * ((len(chosen) + 0.5) / count - 1e-9):
            chosen.append(place)
    for place in sorted(range(len(ordered)), key=lambda at: (-weights[at], at)):  # one slice may have held two targets
        if len(chosen) >= count:
            break
        if place not in chosen:
            chosen.append(place)
    return [ordered[place].image_uid for place in sorted(chosen)]
