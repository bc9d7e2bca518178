"""The fields that searches filter by, as columns: derived from the records, memory-mapped, a few bytes per image.

Reading a million records takes many seconds, comparing a million small numbers a millisecond. What a record does not
say itself comes from its study: an image's date, a report's images (all of the study's, or those that it was filed
with), an image's language (that of the reports it was filed with).
"""

from __future__ import annotations

import logging
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from caseindex.errors import IndexDamaged, StorageFull
from caseindex.index.vectors.manifest import (
    Manifest,
    Source,
    damaged,
    read_manifest,
    verify,
    write_array,
    write_manifest,
)
from caseindex.index.vectors.versions import CURRENT, Current, Versions
from caseindex.protocols import RecordReader
from caseindex.records import Image, Int64Array, ItemKind, Language, Sex

if TYPE_CHECKING:
    from caseindex.index.archive import Archive

log = logging.getLogger(__name__)

SEXES: Final = tuple(sex.value for sex in Sex)
LANGUAGES: Final = tuple(language.value for language in Language)
UNKNOWN: Final = -1
_SOURCE: Final = Source("", "columns")
_DATE = re.compile(r"(\d{4})(?:-?(\d{2})(?:-?(\d{2}))?)?(?!\d)")

T = TypeVar("T")

IntArray = npt.NDArray[Any]


@dataclass(frozen=True)
class Columns:
    """One row per image and per report, ids ascending; codes index the vocabularies, -1 is unknown."""

    image_ids: Int64Array
    modality: IntArray  # int32 codes
    body_part: IntArray  # int32
    view: IntArray  # int32
    sex: IntArray  # int8, of SEXES
    age_years: IntArray  # float64, NaN unknown
    image_date: IntArray  # int32 yyyymmdd, 0 unknown
    label_of: IntArray  # int32 codes, one per image and label
    labelled: IntArray  # int32 image rows beside them
    report_ids: Int64Array
    language: IntArray  # int8, of LANGUAGES
    report_date: IntArray  # int32 yyyymmdd, 0 unknown: then that of its images counts
    linked_report: IntArray  # int32 report rows, one per report and image that belong together
    linked_image: IntArray  # int32 image rows beside them
    vocabularies: Mapping[str, dict[str, int]]  # column -> folded text -> code

    def codes(self, column: str, values: Iterable[str]) -> list[int]:
        """The codes of those values that occur in the archive."""
        known = self.vocabularies[column]
        return [known[folded(value)] for value in values if folded(value) in known]


_ARRAYS: Final = {
    "image_ids": np.int64,
    "modality": np.int32,
    "body_part": np.int32,
    "view": np.int32,
    "sex": np.int8,
    "age_years": np.float64,
    "image_date": np.int32,
    "label_of": np.int32,
    "labelled": np.int32,
    "report_ids": np.int64,
    "language": np.int8,
    "report_date": np.int32,
    "linked_report": np.int32,
    "linked_image": np.int32,
}


def folded(text: str) -> str:
    """How text fields are compared: without case, without spaces around."""
    return text.strip().casefold()


def day(text: str | None) -> int:
    """``"2024-03-01"`` -> 20240301; a year or month alone is its first day; 0 where there is no date in it."""
    found = _DATE.match(text.strip()) if text else None
    if found is None:
        return 0
    year, month, date = (int(part or 1) for part in found.groups())
    return year * 10000 + month * 100 + date if 1 <= month <= 12 and 1 <= date <= 31 else 0


def open_columns(archive: Archive) -> Columns:
    """The columns of the archive as it is now: those on disk, or built from the records."""
    versions = Versions(archive.indexes_dir / "columns")
    with archive.store.read() as reader:
        generation = reader.records_generation()
    try:
        current = versions.current()
        if current is not None and current.generation == generation:
            return _opened(versions, current)
    except IndexDamaged:
        pass  # or replaced while we read: looked at again under the lock
    try:
        with versions.locked(), archive.store.read() as reader:
            try:
                current = versions.current()
                if current is not None and current.generation == reader.records_generation():
                    return _opened(versions, current)
            except IndexDamaged as error:
                log.warning("%s Building it again from the archive's records.", error)
            built = build(reader)
            written = versions.write(reader.records_generation(), lambda folder: _save(folder, built))
            return _opened(versions, written)
    except StorageFull as error:
        log.warning("%s The filter columns are kept in memory for this run.", error)
        with archive.store.read() as reader:
            return build(reader)


def build(reader: RecordReader) -> Columns:
    """Reads every image and report record once."""
    columns: dict[str, Any] = {name: array(np.dtype(kind).char) for name, kind in _ARRAYS.items()}
    vocabularies: dict[str, dict[str, int]] = {"modality": {}, "body_part": {}, "view": {}, "label": {}}

    def code(column: str, value: str | None) -> int:
        if value is None or not folded(value):
            return UNKNOWN
        known = vocabularies[column]
        return known.setdefault(folded(value), len(known))

    study_days: dict[str, int] = {}
    images_of: dict[str, array[int]] = {}
    for row, (item_id, image) in enumerate(_records(reader, ItemKind.IMAGE, reader.image)):
        columns["image_ids"].append(item_id)
        images_of.setdefault(image.study_uid, array("i")).append(row)
        columns["modality"].append(code("modality", image.modality))
        columns["body_part"].append(code("body_part", image.body_part))
        columns["view"].append(code("view", image.view))
        columns["sex"].append(UNKNOWN if image.sex is None else SEXES.index(image.sex.value))
        columns["age_years"].append(np.nan if image.age_years is None else image.age_years)
        columns["image_date"].append(_image_day(reader, image, study_days))
        for label in sorted({code("label", label) for label in image.labels} - {UNKNOWN}):
            columns["label_of"].append(label)
            columns["labelled"].append(row)
    image_ids = np.frombuffer(columns["image_ids"], np.int64) if columns["image_ids"] else np.empty(0, np.int64)
    for row, (item_id, report) in enumerate(_records(reader, ItemKind.REPORT, reader.report)):
        columns["report_ids"].append(item_id)
        columns["language"].append(UNKNOWN if report.language is None else LANGUAGES.index(report.language.value))
        columns["report_date"].append(day(report.date))
        if report.image_uids:
            found = [reader.item_id(ItemKind.IMAGE, named) for named in dict.fromkeys(report.image_uids)]
            rows = [int(np.searchsorted(image_ids, number)) for number in found if number is not None]
        else:
            rows = list(images_of.get(report.study_uid, ()))
        columns["linked_report"].extend([row] * len(rows))
        columns["linked_image"].extend(rows)
    arrays = {name: np.array(columns[name], _ARRAYS[name]) for name in _ARRAYS}
    return Columns(**arrays, vocabularies=vocabularies)


def _records(reader: RecordReader, kind: ItemKind, get: Callable[[str], T | None]) -> Iterator[tuple[int, T]]:
    """(id, record), ids ascending; an id without its record is for `check` to report."""
    for item_id, uid in reader.items(kind):
        record = get(uid)
        if record is not None:
            yield item_id, record


def _image_day(reader: RecordReader, image: Image, study_days: dict[str, int]) -> int:
    own = day(image.date)
    if own:
        return own
    if image.study_uid not in study_days:
        study = reader.study(image.study_uid)
        study_days[image.study_uid] = day(study.date) if study is not None else 0
    return study_days[image.study_uid]


def _save(folder: Path, columns: Columns) -> None:
    files = {f"{name}.bin": write_array(folder / f"{name}.bin", getattr(columns, name)) for name in _ARRAYS}
    write_manifest(
        folder,
        Manifest(
            backend="columns",
            dim=1,
            count=len(columns.image_ids),
            tombstones=0,
            largest_id=int(columns.image_ids[-1]) if len(columns.image_ids) else 0,
            source=_SOURCE,
            files=files,
            parameters={"vocabularies": columns.vocabularies},
        ),
    )


_kept: dict[Path, tuple[tuple[int, int], Columns]] = {}  # the last columns of each folder that this process opened


def _opened(versions: Versions, current: Current) -> Columns:
    """Verified once in a process, as long as CURRENT is the same file."""
    try:
        status = (versions.folder / CURRENT).stat()
    except OSError as error:
        raise damaged(versions.folder, "it was taken away while it was read") from error
    stamp = (status.st_ino, status.st_mtime_ns)
    kept = _kept.get(versions.folder)
    if kept is not None and kept[0] == stamp and versions.current() == current:
        return kept[1]
    read = _read(versions, current)
    if versions.current() == current:  # else the stamp may be that of its successor
        _kept[versions.folder] = stamp, read
    return read


def _read(versions: Versions, current: Current) -> Columns:
    folder = versions.path(current.version)
    manifest = read_manifest(folder, _SOURCE)
    if manifest.backend != "columns" or set(manifest.files) != {f"{name}.bin" for name in _ARRAYS}:
        raise damaged(folder, "it holds other columns than this caseindex writes")
    verify(folder, manifest)
    arrays = {}
    for name, kind in _ARRAYS.items():
        path = folder / f"{name}.bin"
        empty = manifest.files[path.name].size == 0
        arrays[name] = np.empty(0, kind) if empty else np.memmap(path, kind, "r").view(np.ndarray)
    return Columns(**arrays, vocabularies=manifest.parameters["vocabularies"])
