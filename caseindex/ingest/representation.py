"""Which slices stand for a volume: computed again for each series that an ingest touched.

A touched series is marked in the same transaction as its images (its record names no images), so that a run that was
killed leaves the mark, and the next one does the work.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Final, Protocol

from caseindex.ingest.slices import OBJECT_CLASS, representatives
from caseindex.protocols import RecordReader, RecordStore
from caseindex.records import Image, Series

_AT_MOST: Final = 2048  # touched series that are remembered; beyond, the oldest are done
_TOGETHER: Final = 256  # series in a transaction


class Batch(Protocol):
    """What :class:`SeriesQueue` needs of a transaction in the making."""

    reader: RecordReader
    images: dict[str, Image]
    series: dict[str, Series]
    touched_series: dict[str, None]


class SeriesQueue:
    """Series whose images changed. ``count``: how many slices stand for a volume."""

    def __init__(self, store: RecordStore, count: int) -> None:
        self._store = store
        self._count = count
        self._queue: dict[str, None] = {}

    def mark(self, batch: Batch) -> None:
        """Adds the marks to the transaction."""
        for uid in batch.touched_series:
            known = batch.series.get(uid) or batch.reader.series(uid)
            if known is None:  # an image that names a series which its file does not describe
                image = next(image for image in batch.images.values() if image.series_uid == uid)
                known = Series(series_uid=uid, study_uid=image.study_uid, modality=image.modality)
            batch.series[uid] = replace(known, image_uids=(), representative_uids=())
            self._queue.pop(uid, None)
            self._queue[uid] = None  # to the end: the last touched is the last done

    def work_off(self, at_most: int = _AT_MOST) -> None:
        """Leaves ``at_most`` series undone, or all where there are no more than that."""
        if len(self._queue) <= at_most:
            return
        oldest = list(itertools.islice(self._queue, len(self._queue) - at_most // 2))
        for uid in oldest:
            del self._queue[uid]
        self._represent(oldest)

    def finish(self, *, every: bool = False) -> None:
        """Does all that are marked, those of a run that was killed among them; ``every``: all of the archive."""
        self.work_off(0)
        with self._store.read() as reader:
            left = [series.series_uid for series in reader.all_series() if every or not series.image_uids]
        self._represent(left)

    def _represent(self, uids: list[str]) -> None:
        for at in range(0, len(uids), _TOGETHER):
            images: list[Image] = []
            series: list[Series] = []
            with self._store.read() as reader:
                for uid in uids[at : at + _TOGETHER]:
                    known = reader.series(uid)
                    of_series = list(reader.images(series_uid=uid))
                    if known is not None and of_series:
                        changed, done = represented(known, of_series, self._count)
                        images += changed
                        series += [done] if done != known else []
            if images or series:
                self._store.put(images=images, series=series)


def represented(series: Series, images: list[Image], count: int) -> tuple[list[Image], Series]:
    """(the images whose flag changes, the series with all its images in the order of the volume)."""
    chosen = representatives(images, count)
    ordered = representatives(images, len(images))  # as many as there are: all, in order
    rest = sorted(image.image_uid for image in images if OBJECT_CLASS in image.attributes)
    flags = set(chosen)
    changed = [
        replace(image, represents_series=image.image_uid in flags)
        for image in images
        if image.represents_series != (image.image_uid in flags)
    ]
    return changed, replace(series, image_uids=(*ordered, *rest), representative_uids=chosen)
