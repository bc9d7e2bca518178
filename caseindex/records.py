"""What the archive knows: frozen records, the vocabulary of every stage.

Only the standard library and numpy are imported here. UIDs are strings; DICOM's own where there is one, else derived
and stable (the same input gives the same UID). Dates are ISO 8601 (``"2024-03-01"``). Ages are years. An unknown
value is ``None``, never an empty string.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]
Int64Array = npt.NDArray[np.int64]
PixelArray = npt.NDArray[np.uint8]


class Sex(StrEnum):
    """DICOM (0010,0040)."""

    FEMALE = "F"
    MALE = "M"
    OTHER = "O"


class Language(StrEnum):
    """ISO 639-1."""

    RUSSIAN = "ru"
    ENGLISH = "en"
    CHINESE = "zh"


class ItemKind(StrEnum):
    """What an embedding stands for."""

    IMAGE = "image"
    REPORT = "report"


class Polarity(StrEnum):
    PRESENT = "present"
    ABSENT = "absent"
    UNCERTAIN = "uncertain"


class Side(StrEnum):
    LEFT = "left"
    RIGHT = "right"
    BOTH = "both"


class Change(StrEnum):
    """Comparison with a prior examination."""

    NEW = "new"
    IMPROVED = "improved"
    WORSE = "worse"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One picture: a DICOM instance (or one frame of it), or a raster file.

    ``image_uid`` is the SOP Instance UID (``UID#7`` for frame 7, from 0, of a multi-frame object), or, for a raster,
    derived from the layout's own identifier. ``file`` is the path as it was given at ingest (for a manifest: its
    `image` column); ``source`` is where the pixels can be read again: an absolute path, or
    ``/path/to/archive.zip!member``.
    """

    image_uid: str
    study_uid: str
    file: str
    source: str
    patient_id: str | None = None
    series_uid: str | None = None
    frame: int | None = None
    modality: str | None = None  # DICOM defined term, upper case: CT, MR, CR, DX, ...
    view: str | None = None  # upper case: PA, AP, LATERAL, AXIAL, CORONAL, SAGITTAL, ... or as given
    body_part: str | None = None  # upper case, DICOM defined terms where possible: HEAD, CHEST, ...
    side: Side | None = None
    date: str | None = None
    sex: Sex | None = None
    age_years: float | None = None
    labels: tuple[str, ...] = ()
    rows: int = 0
    columns: int = 0
    pixel_spacing_mm: tuple[float, float] | None = None  # between rows, between columns
    instance_number: int | None = None
    position_mm: float | None = None  # along the slice normal, for the order of slices in a volume
    content_score: float = 0.0  # how much anatomy the slice shows, 0..1: share of pixels that are not background
    represents_series: bool = True  # False for slices of a volume that are kept but not embedded
    file_sha256: str = ""
    pixel_sha256: str = ""  # of the rendered 8-bit picture: equal for pixel-identical images
    attributes: Mapping[str, str] = field(default_factory=dict)  # extra columns; never name or birth date
    source_key: str = ""  # of the source's path, size and times, what the layout said and how it was rendered


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A DICOM series, whole: all its images in the order of the volume, and which of them represent it."""

    series_uid: str
    study_uid: str
    modality: str | None = None
    description: str | None = None
    image_uids: tuple[str, ...] = ()
    representative_uids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One examination of one patient. ``derived`` is true where no study id was given and ours was made up from
    the patient and the date."""

    study_uid: str
    patient_id: str | None = None
    accession_number: str | None = None
    date: str | None = None
    description: str | None = None
    derived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A free-text report of a study. ``image_uids`` names the images that the text was filed with where that is
    narrower than the study (a caption); empty means the whole study."""

    report_uid: str
    study_uid: str
    text: str
    file: str
    patient_id: str | None = None
    language: Language | None = None
    date: str | None = None
    image_uids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A study with its images and its reports."""

    study: Study
    images: tuple[Image, ...] = ()
    reports: tuple[Report, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One finding that a sentence of a report asserts, denies or doubts. ``start``/``end`` are character offsets of
    the sentence in the report's text; ``finding`` is a concept id of the lexicon."""

    text: str
    finding: str
    polarity: Polarity
    side: Side | None = None
    place: str | None = None
    change: Change | None = None
    section: str | None = None
    start: int = 0
    end: int = 0
    historical: bool = False  # of the past or of the family, not of this examination; never PRESENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One answer of a search. ``similarity`` is the score that ranks (higher is nearer); ``probability`` is calibrated
    or ``None``. ``matched_by`` names the channels: ``"image"``, ``"report"``; ``matched_terms`` the words."""

    rank: int
    similarity: float
    probability: float | None
    patient_id: str | None
    study_uid: str
    image_uid: str | None
    file: str | None
    modality: str | None
    labels: tuple[str, ...]
    report: str | None
    matched_by: tuple[str, ...]
    matched_terms: tuple[str, ...] = ()
    report_uid: str | None = None
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The answer of a vector index. ``ids``: [queries, k] int64, -1 where fewer than k exist; ``similarities``:
    [queries, k] float32 cosine, descending, -inf beside -1."""

    ids: Int64Array
    similarities: Float32Array
