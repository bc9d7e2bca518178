"""The whole of an ingest, read top to bottom: layouts find inputs, workers decode them, one place commits.

Idempotent: each image remembers a key over its source's path, size and times, what the layout said of it, and the
rendering options; an input with a known key is not opened again. Resumable: what a killed run had committed has its
key, so running the same command again goes on behind it. The result does not depend on the number of workers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from caseindex.errors import CaseindexError, InputRejected, UsageError
from caseindex.ingest import report_table, sources
from caseindex.ingest.commit import Committer, Input
from caseindex.ingest.decode import RenderOptions
from caseindex.ingest.estimate import Estimate
from caseindex.ingest.keyset import KeySet, digest
from caseindex.ingest.layouts.catalogue import choose
from caseindex.ingest.rejections import Rejections
from caseindex.ingest.representation import SeriesQueue
from caseindex.ingest.summary import IngestSummary
from caseindex.ingest.task import Job, Outcome, take
from caseindex.ingest.voi import named_window
from caseindex.ingest.workers import Lost, WorkerPool, WorkLimits
from caseindex.protocols import Discovered, Layout, RecordStore
from caseindex.records import Language, Report
from caseindex.settings import Settings


class Progress(Protocol):
    def __call__(self, done: int = 1, *, total: int | None = None) -> None: ...


def ingest(
    store: RecordStore,
    given_sources: Iterable[str | Path],
    *,
    settings: Settings,
    rejected: Path,
    layout: str = "auto",
    reports: Path | None = None,
    thumbnails: Path | None = None,
    reselect_slices: bool = False,
    detect_language: Callable[[str], Language | None] = lambda text: None,
    on_progress: Progress = lambda done=1, *, total=None: None,
    work: Callable[[Job], Outcome] = take,
) -> IngestSummary:
    """Takes ``given_sources`` (files, folders, zip archives) into ``store``.

    ``reports``: a table of reports for studies that are in the archive or come with this run. ``rejected``: the file
    of rejections. ``thumbnails``: the folder for small pictures, ``None`` for none. ``reselect_slices``: choose the
    slices of every series again, not only of those touched (after a change of ``settings.ingest.slices``).

    Raises :class:`~caseindex.errors.CaseindexError` for a source that does not exist and
    :class:`~caseindex.errors.UsageError` for an unknown layout, both before anything is done;
    :class:`~caseindex.errors.SettingsError` for an unknown window; :class:`~caseindex.errors.StorageFull`. After a kill or an error, what was committed stays.
    """
    started = time.monotonic()
    roots = [Root(Path(source), choose(layout, Path(source))) for source in _existing(given_sources)]
    if reports is not None and not reports.is_file():
        raise CaseindexError(reports, "no such file", "Give --reports a CSV file with a study or accession column")
    columns = report_table.columns_of(reports) if reports is not None else None
    options = RenderOptions(
        window=settings.ingest.window,
        mask_text=settings.ingest.mask_text,
        max_pixels=settings.limits.max_pixels,
        max_frames=settings.limits.max_frames,
        max_file_mb=settings.limits.max_file_mb,
    )
    if options.window is not None:
        named_window(options.window)  # raises before anything is done
    known, stored_sources = _remembered(store)
    series = SeriesQueue(store, settings.ingest.slices)
    count = settings.ingest.workers or _cores()
    limits = WorkLimits(settings.limits.decode_timeout_s, settings.limits.worker_memory_mb)
    pool: WorkerPool[Job, Outcome] = WorkerPool(work, count, limits, result=Outcome)
    with Rejections(rejected) as rejections, pool, Estimate(root.path for root in roots) as estimate:
        advance = _Advance(on_progress, estimate)
        committer = Committer(
            store,
            rejections,
            series,
            sources=stored_sources,
            detect_language=detect_language,
            thumbnails=thumbnails,
        )
        finder = _Finder(roots, options, known, rejections, thumbnails, advance)
        with closing(pool.run(finder.jobs())) as results:
            try:
                for job, outcome in results:
                    if isinstance(outcome, Lost):
                        outcome = Outcome(code=outcome.reason, detail=outcome.detail)
                    committer.add(Input(job.found, outcome, _file(job), _source(job)))
                    advance(1)
            except KeyboardInterrupt:
                committer.flush()
                raise
        committer.flush()
        for root in finder.walked:
            rejections.walked(root.place)
        if reports is not None and columns is not None:
            report_table.take(reports, columns, store, committer, advance)
            rejections.walked(sources.to_text(reports))
        series.finish(every=reselect_slices)
        rejections.finish()
    return IngestSummary(
        taken=committer.taken,
        unchanged=committer.unchanged + finder.unchanged,
        rejected=dict(sorted(rejections.counts.items())),
        seconds=round(time.monotonic() - started, 3),
        updated=committer.updated,
        images=committer.images,
        reports=committer.reports,
    )


class _Advance:
    """Progress with the total, as soon as it is known."""

    def __init__(self, on_progress: Progress, estimate: Estimate) -> None:
        self._on_progress = on_progress
        self._estimate = estimate
        self._done = 0

    def __call__(self, done: int = 1, *, total: int | None = None) -> None:
        self._done += done
        self._on_progress(done, total=self._estimate.total(self._done) if total is None else total)


@dataclass(frozen=True, slots=True)
class Root:
    path: Path
    layout: Layout

    @property
    def place(self) -> str:
        return sources.to_text(os.path.abspath(self.path))


class _Finder:
    """Inputs of all roots -> jobs; what is known already is counted and passed over."""

    def __init__(
        self,
        roots: list[Root],
        options: RenderOptions,
        known: KeySet,
        rejections: Rejections,
        thumbnails: Path | None,
        on_progress: Progress,
    ) -> None:
        self.unchanged = 0
        self.walked: list[Root] = []  # to their end
        self._roots = roots
        self._options = options
        self._known = known
        self._rejections = rejections
        self._thumbnails = thumbnails
        self._on_progress = on_progress
        self._this_run = KeySet()  # (locator, key): the same input twice, through two sources or two rows
        self._locators = KeySet()

    def jobs(self) -> Iterator[Job]:
        for root in self._roots:
            for found in _guarded(root, self.walked):
                job = self._job(found, root)
                if job is not None:
                    yield job

    def _job(self, found: Discovered | Report | InputRejected, root: Root) -> Job | None:
        if not isinstance(found, Discovered):
            return Job(found, self._options, source=root.place)
        key = input_key(found, self._options)
        self._rejections.seen(found.file, found.locator)
        again = found.locator in self._locators
        equal = again and key in self._this_run
        self._locators.add(found.locator)
        if not again:
            self._this_run.add(key)
        if equal or (key and key in self._known):
            self.unchanged += 1
            self._on_progress(1)
            return None
        if again:
            problem = InputRejected(found.file, "uid_conflict", "named twice with different metadata; the first counts")
            return Job(problem, self._options, source=found.locator)
        return Job(found, self._options, key, self._thumbnails, found.locator)


def input_key(found: Discovered, options: RenderOptions) -> str:
    """The :attr:`~caseindex.records.Image.source_key`; empty where the source cannot be looked at."""
    stamp = sources.file_stamp(found.locator)
    if not stamp:
        return ""
    texts = [
        (report.text, report.study_uid, report.language, report.date, report.image_uids) for report in found.reports
    ]
    said = repr((sorted(found.given.items()), texts, found.study, found.uid_name))
    return digest(found.locator, stamp, said, repr(options)).hex()


def _remembered(store: RecordStore) -> tuple[KeySet, KeySet]:
    """(keys, locators) of all images in the archive, 16 bytes each."""
    keys, locators = KeySet(), KeySet()
    with store.read() as reader:
        for image in reader.images():
            if image.source_key:
                keys.add(image.source_key)
            locators.add(image.source)
    return keys, locators


def _guarded(root: Root, walked: list[Root]) -> Iterator[Discovered | Report | InputRejected]:
    """A disk that fails in the middle of a source ends that source, not the run. ``walked`` gets what ends well."""
    try:
        yield from root.layout.discover(root.path)
        walked.append(root)
    except OSError as error:
        yield InputRejected(sources.to_text(root.path), "unreadable", error.strerror or type(error).__name__)


def _existing(given: Iterable[str | Path]) -> list[Path]:
    paths = [Path(source) for source in given]
    for path in paths:
        if not os.path.lexists(path):
            raise CaseindexError(
                sources.to_text(path), "no such file or folder", "Check the path; nothing was taken in"
            )
        if sources.is_archive(path):
            raise UsageError(
                sources.to_text(path), "it is an archive of caseindex itself", "Name the folder that the images lie in"
            )
        if not os.access(path, os.R_OK):
            raise CaseindexError(sources.to_text(path), "it cannot be read", "Check its permissions")
    return paths


def _file(job: Job) -> str:
    return job.found.item if isinstance(job.found, InputRejected) else job.found.file


def _source(job: Job) -> str:
    return job.found.report_uid if isinstance(job.found, Report) else job.source


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
