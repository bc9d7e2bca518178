"""Which items a search may return: filters over the records, answered as ids before the vector search.

Within one field any of the values passes; over several fields all have to. A value that the record does not know never
passes. A report passes where one of the images that it belongs to passes all the image's fields together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from caseindex.errors import UsageError
from caseindex.index.columns import LANGUAGES, SEXES, Columns, day, open_columns
from caseindex.index.vectors.tombstones import BoolArray
from caseindex.protocols import RecordReader
from caseindex.records import Image, Int64Array, ItemKind, Report

if TYPE_CHECKING:
    from caseindex.index.archive import Archive

_MANY = ("modality", "body_part", "view", "sex", "labels", "language")
_EXACT = ("patient_ids", "exclude_patient_ids", "exclude_study_uids")
_ISO = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What to search in; an empty field does not filter. Text is compared without case, ids exactly.

    ``age_min``/``age_max`` (years) and ``date_from``/``date_to`` are inclusive; a date is ISO 8601, and a year or a
    month stands for all its days. A single text may be given where several are possible.

    Raises :class:`~caseindex.errors.UsageError` for an unknown sex or language, a date that is none, and bounds that
    nothing can satisfy.

    >>> Filters(modality="ct", date_to="2024-02").modality
    ('ct',)
    """

    modality: tuple[str, ...] = ()
    body_part: tuple[str, ...] = ()
    view: tuple[str, ...] = ()
    sex: tuple[str, ...] = ()
    age_min: float | None = None
    age_max: float | None = None
    date_from: str | None = None
    date_to: str | None = None
    labels: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    patient_ids: tuple[str, ...] = ()
    exclude_patient_ids: tuple[str, ...] = ()
    exclude_study_uids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (*_MANY, *_EXACT):
            given = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given or ()))
        _known("sex", self.sex, SEXES)
        _known("language", self.language, LANGUAGES)
        for name in ("date_from", "date_to"):
            _checked_date(name, getattr(self, name))
        for name in ("age_min", "age_max"):
            value = getattr(self, name)
            if value is not None and not value == value:
                raise UsageError(name, "it is not a number", "Give an age in years")
        if self.age_min is not None and self.age_max is not None and self.age_min > self.age_max:
            raise UsageError(f"ages {self.age_min:g} to {self.age_max:g}", "no age lies between them", "Exchange them")
        if self.date_from and self.date_to and _first_day(self.date_from) > _last_day(self.date_to):
            raise UsageError(f"dates {self.date_from} to {self.date_to}", "no day lies between them", "Exchange them")

    def __bool__(self) -> bool:
        """Whether anything is filtered."""
        return any(getattr(self, name) not in (None, ()) for name in self.__slots__)

    @property
    def of_images(self) -> bool:
        """Whether a field of images filters."""
        fields = (self.modality, self.body_part, self.view, self.sex, self.labels)
        return any(fields) or self.age_min is not None or self.age_max is not None


def allowed_ids(archive: Archive, kind: ItemKind, filters: Filters) -> Int64Array | None:
    """The ids of the items that pass, ascending; ``None`` where nothing is filtered."""
    if not filters:
        return None
    columns = open_columns(archive)
    passing = _images(columns, filters) if kind is ItemKind.IMAGE else _reports(columns, filters)
    ids = (columns.image_ids if kind is ItemKind.IMAGE else columns.report_ids)[passing]
    if filters.patient_ids or filters.exclude_patient_ids or filters.exclude_study_uids:
        with archive.store.read() as reader:
            if filters.patient_ids:
                ids = np.intersect1d(ids, _of_patients(reader, kind, filters.patient_ids))
            out = [_of_patients(reader, kind, filters.exclude_patient_ids)]
            out += [_ids(reader, kind, _of_study(reader, kind, uid)) for uid in filters.exclude_study_uids]
            gone = np.unique(np.concatenate(out))
            if len(gone):
                place = np.minimum(np.searchsorted(gone, ids), len(gone) - 1)
                ids = ids[gone[place] != ids]
    return ids


def _images(columns: Columns, filters: Filters) -> BoolArray:
    passing = _image_fields(columns, filters) & _days(columns.image_date, filters)
    if filters.language:
        spoken = np.zeros(len(columns.image_ids), np.bool_)
        spoken[columns.linked_image[_languages(columns, filters)[columns.linked_report]]] = True
        passing &= spoken
    return passing


def _reports(columns: Columns, filters: Filters) -> BoolArray:
    passing = _languages(columns, filters) if filters.language else np.ones(len(columns.report_ids), np.bool_)
    dated = bool(filters.date_from or filters.date_to)
    if not (filters.of_images or dated):
        return passing
    fits = _image_fields(columns, filters)
    own_date = columns.report_date != 0
    if filters.of_images:
        passing &= (
            _any_image(columns, fits)
            if not dated
            else (
                (own_date & _days(columns.report_date, filters) & _any_image(columns, fits))
                | (~own_date & _any_image(columns, fits & _days(columns.image_date, filters)))
            )
        )
    else:
        passing &= np.where(
            own_date, _days(columns.report_date, filters), _any_image(columns, _days(columns.image_date, filters))
        )
    return passing


def _any_image(columns: Columns, fits: BoolArray) -> BoolArray:
    """Which reports have an image that fits."""
    found = np.zeros(len(columns.report_ids), np.bool_)
    found[columns.linked_report[fits[columns.linked_image]]] = True
    return found


def _image_fields(columns: Columns, filters: Filters) -> BoolArray:
    passing = np.ones(len(columns.image_ids), np.bool_)
    for name in ("modality", "body_part", "view"):
        wanted = getattr(filters, name)
        if wanted:
            passing &= _one_of(getattr(columns, name), columns.codes(name, wanted))
    if filters.sex:
        passing &= _one_of(columns.sex, [SEXES.index(value.strip().upper()) for value in filters.sex])
    if filters.age_min is not None:
        passing &= columns.age_years >= filters.age_min
    if filters.age_max is not None:
        passing &= columns.age_years <= filters.age_max
    if filters.labels:
        labelled = np.zeros(len(passing), np.bool_)
        labelled[columns.labelled[_one_of(columns.label_of, columns.codes("label", filters.labels))]] = True
        passing &= labelled
    return passing


def _languages(columns: Columns, filters: Filters) -> BoolArray:
    return _one_of(columns.language, [LANGUAGES.index(value.strip().lower()) for value in filters.language])


def _one_of(codes: np.ndarray, wanted: list[int]) -> BoolArray:
    if len(wanted) == 1:
        return codes == wanted[0]
    return np.isin(codes, wanted)


def _days(days: np.ndarray, filters: Filters) -> BoolArray:
    passing: BoolArray = np.ones(len(days), np.bool_)
    if filters.date_from:
        passing &= days >= _first_day(filters.date_from)
    if filters.date_to:
        passing &= (days <= _last_day(filters.date_to)) & (days != 0)
    return passing


def _first_day(text: str) -> int:
    return day(text)


def _last_day(text: str) -> int:
    """The last day that ``"2024"``, ``"2024-02"`` or ``"2024-02-29"`` stands for; the 31st of every month will do."""
    first = day(text)
    if len(text) == 4:
        return first + 1130
    return first + 30 if len(text) == 7 else first


def _of_patients(reader: RecordReader, kind: ItemKind, patients: tuple[str, ...]) -> Int64Array:
    uids: list[str] = []
    for patient in patients:
        own = reader.images(patient_id=patient) if kind is ItemKind.IMAGE else reader.reports(patient_id=patient)
        uids += [_uid(item) for item in own]
        for study in reader.studies(patient_id=patient):  # an item that does not say whose it is, is its study's
            for item in _items_of_study(reader, kind, study.study_uid):
                if item.patient_id is None:
                    uids.append(_uid(item))
    return _ids(reader, kind, uids)


def _of_study(reader: RecordReader, kind: ItemKind, study_uid: str) -> list[str]:
    return [_uid(item) for item in _items_of_study(reader, kind, study_uid)]


def _items_of_study(reader: RecordReader, kind: ItemKind, study_uid: str) -> list[Image] | list[Report]:
    if kind is ItemKind.IMAGE:
        return list(reader.images(study_uid=study_uid))
    return list(reader.reports(study_uid=study_uid))


def _uid(item: Image | Report) -> str:
    return item.image_uid if isinstance(item, Image) else item.report_uid


def _ids(reader: RecordReader, kind: ItemKind, uids: list[str]) -> Int64Array:
    found = (reader.item_id(kind, uid) for uid in uids)
    return np.unique(np.array([number for number in found if number is not None], np.int64))


def _known(name: str, given: tuple[str, ...], known: tuple[str, ...]) -> None:
    for value in given:
        if value.strip().casefold() not in {one.casefold() for one in known}:
            raise UsageError(f"{name} {value!r}", "it is not known", f"Use one of {', '.join(known)}")


def _checked_date(name: str, given: str | None) -> None:
    if given is None:
        return
    try:
        if not _ISO.fullmatch(given):
            raise ValueError(given)
        date.fromisoformat(given + "-01-01"[len(given) - 4 :] if len(given) < 10 else given)
    except ValueError as error:
        raise UsageError(f"{name} {given!r}", "it is not a date", "Write it as 2024, 2024-03 or 2024-03-01") from error
