"""Outcomes of the workers -> the store: what is new, what is known, what contradicts. In batches, each all or nothing.

An image is known by its UID. Known and equal in bytes or pixels: unchanged, or updated where the metadata or the
report were changed at its own source. Known with other content, or the same picture with other metadata from a second
place: ``uid_conflict``, and the first one stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

from caseindex.errors import InputRejected
from caseindex.ingest import derived_uid, sources
from caseindex.ingest.keyset import KeySet
from caseindex.ingest.rejections import Rejections
from caseindex.ingest.representation import SeriesQueue
from caseindex.ingest.task import Outcome
from caseindex.ingest.thumbnails import accept_new, discard_new, thumbnail_path
from caseindex.protocols import Discovered, RecordReader, RecordStore
from caseindex.records import Image, Language, Report, Series, Study

_BATCH: Final = 256  # inputs
_BATCH_IMAGES: Final = 2048  # of multi-frame objects
_BATCH_S: Final = 2.0
_OF_THE_PLACE: Final = {"source", "source_key", "file", "represents_series", "file_sha256", "pixel_sha256"}
_COMPARED: Final = tuple(field.name for field in fields(Image) if field.name not in _OF_THE_PLACE)

Detect = Callable[[str], Language | None]


@dataclass(frozen=True, slots=True)
class Input:
    """One result in its place: what was found, and what became of it."""

    found: Discovered | Report | InputRejected
    outcome: Outcome
    file: str
    source: str


class Committer:
    """Collects inputs and commits them. ``sources``: the locators of all images that are in the archive."""

    def __init__(
        self,
        store: RecordStore,
        rejections: Rejections,
        series: SeriesQueue,
        *,
        sources: KeySet,
        detect_language: Detect,
        thumbnails: Path | None,
    ) -> None:
        self.taken = self.updated = self.unchanged = self.images = self.reports = 0
        self._store = store
        self._rejections = rejections
        self._series = series
        self._sources = sources
        self._detect = detect_language
        self._thumbnails = thumbnails
        self._replaced_thumbnails = KeySet()  # by image UID
        self._pending: list[Input] = []
        self._pending_images = 0
        self._since = 0.0

    def add(self, entry: Input) -> None:
        if not self._pending:
            self._since = time.monotonic()
        self._pending.append(entry)
        self._pending_images += len(entry.outcome.images)
        late = time.monotonic() - self._since >= _BATCH_S
        if late or len(self._pending) >= _BATCH or self._pending_images >= _BATCH_IMAGES:
            self.flush()

    def flush(self) -> None:
        """After it returns, all that was added is durable."""
        pending, self._pending, self._pending_images = self._pending, [], 0
        if not pending:
            return
        with self._store.read() as reader:
            batch = _Batch(reader, self._sources, self._detect)
            verdicts = [batch.settle(entry) for entry in pending]
            self._series.mark(batch)
        # Before the commit: a kill in between leaves a thumbnail too many for a while, never one too few for ever.
        for entry, verdict in zip(pending, verdicts, strict=True):
            self._place_thumbnails(entry, verdict)
        self._store.put(
            images=batch.images.values(),
            series=batch.series.values(),
            studies=batch.studies.values(),
            reports=batch.reports.values(),
            retired_reports=batch.retired,
        )
        for entry, verdict in zip(pending, verdicts, strict=True):
            self._account(entry, verdict)
        self.images += batch.new_images
        self.reports += batch.new_reports
        self._series.work_off()

    def _account(self, entry: Input, verdict: _Verdict) -> None:
        self._rejections.seen(entry.file, entry.source)
        if verdict.code is not None:  # an object that broke off after some good frames is counted here, and only here
            self._rejections.add(entry.file, verdict.code, verdict.detail, entry.source)
        elif verdict.status == "taken":
            self.taken += 1
        elif verdict.status == "updated":
            self.updated += 1
        elif verdict.status == "unchanged":
            self.unchanged += 1

    def _place_thumbnails(self, entry: Input, verdict: _Verdict) -> None:
        if self._thumbnails is not None:
            for image in entry.outcome.images:
                path = thumbnail_path(self._thumbnails, image.image_uid)
                if verdict.status == "rejected":
                    discard_new(path, image.file_sha256, replaced=image.image_uid in self._replaced_thumbnails)
                elif accept_new(path, image.file_sha256):
                    self._replaced_thumbnails.add(image.image_uid)


@dataclass(frozen=True, slots=True)
class _Verdict:
    status: str  # taken, updated, unchanged, rejected
    code: str | None = None
    detail: str = ""


class _Batch:
    """One transaction in the making: a snapshot with what the batch has added so far laid over it."""

    def __init__(self, reader: RecordReader, sources: KeySet, detect: Detect) -> None:
        self.reader = reader
        self.images: dict[str, Image] = {}
        self.studies: dict[str, Study] = {}
        self.series: dict[str, Series] = {}
        self.reports: dict[str, Report] = {}
        self.touched_series: dict[str, None] = {}
        self.retired: dict[str, None] = {}
        self.new_images = self.new_reports = 0
        self._sources = sources
        self._detect = detect

    def image(self, uid: str) -> Image | None:
        return self.images.get(uid) or self.reader.image(uid)

    def settle(self, entry: Input) -> _Verdict:
        outcome = entry.outcome
        if outcome.code is not None and not outcome.images:
            return _Verdict("rejected", outcome.code, outcome.detail)
        olds = [self.image(image.image_uid) for image in outcome.images]
        for image, old in zip(outcome.images, olds, strict=True):
            conflict = self._conflict(entry, image, old)
            if conflict:
                return _Verdict("rejected", "uid_conflict", conflict)
        if any(not report.text.strip() for report in outcome.reports) and not outcome.images:
            return _Verdict("rejected", "report_too_short")
        changed = False
        for image, old in zip(outcome.images, olds, strict=True):
            changed = self._stage_image(image, old) or changed
        for study in outcome.studies:
            changed = self._stage_study(study, prefer_new=changed) or changed
        for series in outcome.series:
            self._stage_series(series, moved=changed)
        detect = not isinstance(entry.found, Discovered) or entry.found.detect_language
        for report in outcome.reports:
            if report.text.strip():
                changed = self._stage_report(report, detect) or changed
        if any(old is not None and _is_its_own(old, new) for old, new in zip(olds, outcome.images, strict=True)):
            changed = self._retire_replaced(outcome, {old.study_uid for old in olds if old is not None}) or changed
        if any(old is None for old in olds) or (changed and not olds):
            status = "taken"
        else:
            status = "updated" if changed else "unchanged"
        return _Verdict(status, outcome.code, outcome.detail)

    def _conflict(self, entry: Input, image: Image, old: Image | None) -> str:
        if old is None:
            base, _, _ = image.image_uid.partition("#")
            name = entry.found.uid_name if isinstance(entry.found, Discovered) else ""
            if base == derived_uid.image_uid(name or image.file, image.file_sha256) and image.source in self._sources:
                return "this file was taken in before with other content; the first is kept until it is removed"
            return ""
        if old.file_sha256 != image.file_sha256 and old.pixel_sha256 != image.pixel_sha256:
            return f"image {image.image_uid} is in the archive with other pixels, from {old.file}"
        if not _equal(old, image) and not _is_its_own(old, image):
            return f"image {image.image_uid} is in the archive with other metadata, from {old.file}"
        return ""

    def _stage_image(self, image: Image, old: Image | None) -> bool:
        """Whether anything of it is new."""
        if old is None:
            self.images[image.image_uid] = image
            self.new_images += 1
        elif not _is_its_own(old, image):
            return False  # the same picture from a second place
        else:
            image = replace(image, represents_series=old.represents_series)
            if image == old:
                return False
            self.images[image.image_uid] = image
            if _equal(old, image) and old.pixel_sha256 == image.pixel_sha256:
                return False  # moved or touched: it is found again, and that is all
            if old.series_uid is not None and old.series_uid != image.series_uid:
                self.touched_series[old.series_uid] = None
        if image.series_uid is not None:
            self.touched_series[image.series_uid] = None
        return True

    def _stage_study(self, study: Study, *, prefer_new: bool) -> bool:
        old = self.studies.get(study.study_uid) or self.reader.study(study.study_uid)
        if old is None:
            self.studies[study.study_uid] = study
            return True
        first, second = (study, old) if prefer_new else (old, study)
        joined = Study(
            study_uid=old.study_uid,
            patient_id=old.patient_id or study.patient_id,
            accession_number=first.accession_number or second.accession_number,
            date=first.date or second.date,
            description=first.description or second.description,
            derived=old.derived and study.derived,
        )
        if joined != old:
            self.studies[study.study_uid] = joined
        return False

    def _stage_series(self, series: Series, *, moved: bool) -> None:
        old = self.series.get(series.series_uid) or self.reader.series(series.series_uid)
        if old is None:
            self.series[series.series_uid] = series
        elif moved and old.study_uid != series.study_uid:  # the layout names another study now
            self.series[series.series_uid] = replace(old, study_uid=series.study_uid)

    def _stage_report(self, report: Report, detect: bool) -> bool:
        if self.studies.get(report.study_uid) is None and self.reader.study(report.study_uid) is None:
            self.studies[report.study_uid] = Study(
                study_uid=report.study_uid, patient_id=report.patient_id, date=report.date
            )
        back = self.retired.pop(report.report_uid, "") is None  # taken from one image, given to another
        old = None if back else self.reports.get(report.report_uid) or self.reader.report(report.report_uid)
        if old is None:
            if report.language is None and detect:
                report = replace(report, language=self._detect(report.text))
            self.reports[report.report_uid] = report
            self.new_reports += not back
            return True
        if old.text != report.text:  # a structured report that was amended under its UID
            self.reports[report.report_uid] = replace(
                report, language=report.language or (self._detect(report.text) if detect else None)
            )
            return True
        if old.image_uids and set(report.image_uids) - set(old.image_uids):
            self.reports[report.report_uid] = replace(
                old, image_uids=tuple(sorted({*old.image_uids, *report.image_uids}))
            )
            return True
        if old.image_uids and not report.image_uids:
            self.reports[report.report_uid] = replace(old, image_uids=())
            return True
        return False

    def _retire_replaced(self, outcome: Outcome, before: set[str]) -> bool:
        """Takes out what the same file said of the same images before it was edited; whether there was anything.
        ``before``: the studies that these images belonged to; a corrected study leaves its report behind there."""
        these = {image.image_uid for image in outcome.images}
        now = {report.report_uid for report in outcome.reports if report.text.strip()}
        names = {Path(report.file).name for report in outcome.reports}
        studies = before | {report.study_uid for report in outcome.reports}
        found = False
        for study_uid in sorted(studies) if names else ():
            for old in self.reader.reports(study_uid=study_uid):
                old = self.reports.get(old.report_uid, old)
                of_these = bool(these & set(old.image_uids)) if old.image_uids else self._stands_alone(old, outcome)
                if old.report_uid in now or Path(old.file).name not in names or not of_these:
                    continue
                found = True
                left = tuple(uid for uid in old.image_uids if uid not in these)
                if left:
                    self.reports[old.report_uid] = replace(old, image_uids=left)
                else:
                    self.reports.pop(old.report_uid, None)
                    self.retired[old.report_uid] = None
        return found

    def _stands_alone(self, report: Report, outcome: Outcome) -> bool:
        """Whether a report of a whole study is no longer that of its study: what these images' file says now counts,
        or they were the last of another study."""
        if any(image.study_uid == report.study_uid for image in outcome.images):
            return True
        ahead = (self.images.get(image.image_uid, image) for image in self.reader.images(study_uid=report.study_uid))
        return not any(image.study_uid == report.study_uid for image in ahead)


def _equal(old: Image, new: Image) -> bool:
    return all(getattr(old, name) == getattr(new, name) for name in _COMPARED)


def _is_its_own(old: Image, new: Image) -> bool:
    """Whether ``new`` comes from where ``old`` came from, or from where that was moved to."""
    return old.source == new.source or not sources.exists(old.source)
