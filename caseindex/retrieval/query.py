"""What is asked, and what is answered: the types of a search."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

import numpy as np

from caseindex.errors import UsageError
from caseindex.index.filters import Filters
from caseindex.records import Hit, PixelArray

MAX_K = 10_000


class Channel(StrEnum):
    """Where an answer may come from."""

    ALL = "all"
    REPORT = "report"
    IMAGE = "image"


class Level(StrEnum):
    """What counts once: a case (a study with its report), or an image."""

    CASE = "case"
    IMAGE = "image"


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """One question. At least one of ``text``, ``pictures`` and ``study_uid``; text and pictures are fused.

    ``pictures``: rendered images, each [rows, columns] or [rows, columns, 3] uint8. ``study_uid``: an archived study,
    asked with all its images and its reports. ``own_study_uids``: studies that the pictures are known to be of; they are
    left out of the answer, like ``study_uid``, unless ``include_own_study``; so are the studies of archived images that
    have one of the ``pixel_hashes`` (:attr:`Image.pixel_sha256`).
    """

    text: str | None = None
    pictures: tuple[PixelArray, ...] = ()
    picture_name: str | None = None
    study_uid: str | None = None
    own_study_uids: tuple[str, ...] = ()
    pixel_hashes: tuple[str, ...] = ()
    include_own_study: bool = False
    k: int = 10
    level: Level = Level.CASE
    channel: Channel = Channel.ALL
    filters: Filters = field(default_factory=Filters)

    def __post_init__(self) -> None:
        if not 1 <= self.k <= MAX_K:
            raise UsageError("-k", f"{self.k} is not between 1 and {MAX_K}", "Give the number of answers wanted")
        if self.text is not None and not self.text.strip():
            raise UsageError("--text", "the question has no words", "Give the words to search for")
        if self.text is None and not self.pictures and self.study_uid is None:
            raise UsageError("search", "nothing to search for", "Give --text, --image or --study")
        for picture in self.pictures:
            if picture.dtype != np.uint8 or picture.ndim not in (2, 3):
                raise ValueError(f"a picture is [rows, columns] or [rows, columns, 3] uint8, not {picture.shape}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found. ``searched``: how many images and reports were compared, the larger of the two.
    ``model_fingerprint`` is ``None`` where no encoder took part. ``notes``: what the reader has to know (nothing similar,
    a channel that could not answer, an own study left out). ``understood``: the concepts read in the words, in
    their preferred names. ``channels``: the ones that took part."""

    hits: tuple[Hit, ...]
    searched: int
    model_name: str | None = None
    model_fingerprint: str | None = None
    notes: tuple[str, ...] = ()
    understood: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    seconds: float = 0.0


def as_document(query: Query, answer: Answer) -> dict[str, Any]:
    """The JSON shape of `caseindex search`."""
    asked: dict[str, Any] = {
        "text": query.text,
        "image": query.picture_name,
        "study": query.study_uid,
        "k": query.k,
        "level": query.level.value,
        "channel": query.channel.value,
        "filters": _given(query.filters),
        "understood": list(answer.understood),
    }
    return {
        "query": asked,
        "model": {"name": answer.model_name, "fingerprint": answer.model_fingerprint},
        "searched": answer.searched,
        "seconds": round(answer.seconds, 4),
        "channels": list(answer.channels),
        "notes": list(answer.notes),
        "hits": [hit_row(hit) for hit in answer.hits],
    }


def _given(filters: Filters) -> dict[str, Any]:
    return {name: value for name, value in asdict(filters).items() if value not in (None, ())}


#: The keys of :func:`hit_row`.
HIT_COLUMNS: Final = (
    "rank", "similarity", "probability", "patient_id", "study_uid", "image_uid", "file", "modality", "date", "labels",
    "report", "report_uid", "matched_by", "matched_terms",
)  # fmt: skip


def hit_row(hit: Hit) -> dict[str, Any]:
    """A hit as JSON; similarities with six decimals, which is what float32 can tell."""
    return {
        "rank": hit.rank,
        "similarity": round(float(hit.similarity), 6),
        "probability": hit.probability,
        "patient_id": hit.patient_id,
        "study_uid": hit.study_uid,
        "image_uid": hit.image_uid,
        "file": hit.file,
        "modality": hit.modality,
        "date": hit.date,
        "labels": list(hit.labels),
        "report": hit.report,
        "report_uid": hit.report_uid,
        "matched_by": list(hit.matched_by),
        "matched_terms": list(hit.matched_terms),
    }
