"""The images and cases of a gallery in the order of a bridge (:mod:`caseindex.retrieval.bridge`)."""

from __future__ import annotations

from dataclasses import dataclass

from caseindex.index.archive import Archive
from caseindex.index.filters import Filters
from caseindex.protocols import RecordReader
from caseindex.records import Image, ItemKind
from caseindex.retrieval.bridge import Bridge, archive_sample, examples, fit, matching_reports, owner
from caseindex.retrieval.encoding import Encoding, chosen_model
from caseindex.retrieval.nearest import Gallery, open_gallery
from caseindex.retrieval.query import Level
from caseindex.retrieval.question import Question
from caseindex.retrieval.word_index import WordIndex

_NOT_FOR_LIKENESS = "grid"  # tells whether two pictures are of one patient
_TOP = 6.0  # standard deviations at which a score is 1


def degree(deviations: float) -> float:
    """In [0, 1]: 0 where an image is as the archive is, 1 from six standard deviations above."""
    return min(1.0, max(0.0, deviations / _TOP))


def bridge_space(archive: Archive, model: str | None) -> Encoding | None:
    """The embeddings that the bridge is built in, without loading a model: those that the most images have; of several,
    those of a model that was not trained on this archive's reports (which fits the reported cases better than the
    others), then of the model in use. ``None`` where no image has any."""
    chosen = chosen_model(archive, model)
    with archive.store.read() as reader:
        names = reader.model_names()
        spaces = []
        for space in reader.spaces():
            name = names.get(space.fingerprint, "")
            if space.kind is ItemKind.IMAGE and space.count and name != _NOT_FOR_LIKENESS:
                trained_here = bool(name) and (archive.models_dir / name).is_dir()
                spaces.append((space.count, not trained_here, name == chosen, -space.number, space))
    if not spaces:
        return None
    best = max(spaces, key=lambda space: space[:4])[4]
    return Encoding(names.get(best.fingerprint, ""), best.fingerprint, best.dim)


@dataclass(frozen=True, slots=True, eq=False)
class Bridged:
    """``ranked``: (image, standard deviations above the archive), best first; ``compared``: how many images there were."""

    bridge: Bridge
    encoding: Encoding
    ranked: list[tuple[Image, float]]
    compared: int


def through_examples(
    archive: Archive,
    model: str | None,
    index: WordIndex,
    question: Question,
    filters: Filters,
    left_out: set[str],
    level: Level,
    wanted: int,
) -> Bridged | None:
    """At least ``wanted`` cases (or images) that pass the ``filters``, in the order of the bridge of all reports but
    those of the studies ``left_out``; ``None`` without embeddings or with too few examples."""
    encoding = bridge_space(archive, model)
    if encoding is None:
        return None
    with archive.store.read() as reader:
        found = examples(reader, encoding.fingerprint, matching_reports(index, question), left_out)
        bridge = None if found is None else fit(found, archive_sample(reader, encoding.fingerprint, index))
        if bridge is None:
            return None
        gallery = open_gallery(archive, encoding.fingerprint, ItemKind.IMAGE, encoding.dim, filters)
        return Bridged(bridge, encoding, nearest_cases(bridge, gallery, reader, level, wanted), len(gallery))


def nearest_cases(
    bridge: Bridge, gallery: Gallery, reader: RecordReader, level: Level, wanted: int
) -> list[tuple[Image, float]]:
    """(image, standard deviations above the archive), best first, one image for a case at case level: a case counts by
    the mean of its two best images, or by its only one."""
    seen: dict[str, list[tuple[float, Image]]] = {}
    last = 0.0
    for item, cosine in gallery.nearest(bridge.direction[None], wanted):
        uid = reader.item_uid(ItemKind.IMAGE, item)
        image = reader.image(uid) if uid else None
        if image is None:
            continue
        last = bridge.deviations(cosine)
        vector = reader.embedding(gallery.fingerprint, ItemKind.IMAGE, image.image_uid)
        own = last if vector is None else bridge.deviations_of(owner(image), vector, cosine)
        seen.setdefault(image.study_uid if level is Level.CASE else image.image_uid, []).append((own, image))
        if len(seen) >= wanted:
            break
    else:
        last = float("-inf")  # the whole gallery was seen: who has one image here has no other
    ranked = []
    for found in seen.values():
        best = sorted(found, key=lambda pair: -pair[0])[:2]
        score = best[0][0]
        if len(best) == 2:
            score = (score + best[1][0]) / 2
        elif level is Level.CASE and last > float("-inf"):
            score = (score + min(score, last)) / 2  # its second image, if there is one, comes after all that was seen
        ranked.append((best[0][1], score))
    return sorted(ranked, key=lambda pair: (-pair[1], pair[0].image_uid))
