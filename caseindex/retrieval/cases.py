"""From scored reports and images to cases: a study counts once, with its best report and its best image."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from caseindex.protocols import RecordReader
from caseindex.records import Image, Report
from caseindex.retrieval.query import Level


@dataclass(slots=True)
class Candidate:
    """An answer in the making. ``key``: the study's UID, or the image's at image level; ``scores``: channel -> its
    best score here; ``image`` and ``report``: what earned it."""

    key: str
    study_uid: str
    image_uid: str | None = None
    report_uid: str | None = None
    scores: dict[str, float] = field(default_factory=dict)


class Candidates:
    """Collects the channels' scored items under one key each."""

    def __init__(self, reader: RecordReader, level: Level) -> None:
        self._reader = reader
        self._level = level
        self.found: dict[str, Candidate] = {}

    def add_image(self, channel: str, image: Image, score: float) -> None:
        """Images are to be added best first: the first one of a case is the one shown."""
        key = image.study_uid if self._level is Level.CASE else image.image_uid
        candidate = self.found.setdefault(key, Candidate(key, image.study_uid))
        candidate.scores.setdefault(channel, score)
        candidate.image_uid = candidate.image_uid or image.image_uid

    def add_report(self, channel: str, report: Report, score: float) -> None:
        """Reports are to be added best first. At image level a report stands for the images that it was filed with, or
        for those that represent its study."""
        if self._level is Level.CASE:
            candidate = self.found.setdefault(report.study_uid, Candidate(report.study_uid, report.study_uid))
            self._score_report(candidate, channel, report, score)
            return
        for uid in report.image_uids or [image.image_uid for image in self._shown_of(report.study_uid)]:
            candidate = self.found.setdefault(uid, Candidate(uid, report.study_uid, image_uid=uid))
            self._score_report(candidate, channel, report, score)

    @staticmethod
    def _score_report(candidate: Candidate, channel: str, report: Report, score: float) -> None:
        candidate.scores.setdefault(channel, score)
        candidate.report_uid = candidate.report_uid or report.report_uid

    def _shown_of(self, study_uid: str) -> list[Image]:
        images = list(self._reader.images(study_uid=study_uid))
        return [image for image in images if image.represents_series] or images


def image_to_show(reader: RecordReader, candidate: Candidate, report: Report | None) -> Image | None:
    """The image that earned the hit; else one that the report was filed with; else the one of the study that shows
    most."""
    for uid in (candidate.image_uid, *(report.image_uids if report else ())):
        image = reader.image(uid) if uid else None
        if image is not None:
            return image
    return best_of(reader.images(study_uid=candidate.study_uid))


def best_of(images: Iterable[Image]) -> Image | None:
    """The image that shows most anatomy, representative slices first; ``None`` of none."""
    return max(images, key=lambda image: (image.represents_series, image.content_score, image.image_uid), default=None)


def report_to_show(reader: RecordReader, candidate: Candidate, image: Image | None) -> Report | None:
    """The report that earned the hit; else the one that was filed with the image; else the longest of the study."""
    if candidate.report_uid is not None:
        return reader.report(candidate.report_uid)
    reports = list(reader.reports(study_uid=candidate.study_uid))
    own = [report for report in reports if image is not None and image.image_uid in report.image_uids]
    wide = [report for report in reports if not report.image_uids]
    return max(own or wide or reports, key=lambda report: (len(report.text), report.report_uid), default=None)
