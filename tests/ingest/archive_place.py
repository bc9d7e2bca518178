"""An archive in the making for the tests of ingest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from caseindex.index.store import LmdbStore
from caseindex.ingest.pipeline import ingest
from caseindex.ingest.summary import IngestSummary
from caseindex.records import Image
from caseindex.reports.text.languages import detect
from caseindex.settings import Ingest, Limits, Settings


@dataclass
class Place:
    """An archive in the making, and the folder of its sources."""

    path: Path
    store: LmdbStore

    def take(
        self, *sources: Path, workers: int = 1, slices: int = 3, window: str | None = None, **options
    ) -> IngestSummary:
        settings = Settings(
            ingest=Ingest(workers=workers, slices=slices, window=window), limits=options.pop("limits", Limits())
        )
        return ingest(
            self.store,
            sources,
            settings=settings,
            rejected=self.path / "rejected.jsonl",
            thumbnails=self.path / "thumbnails",
            detect_language=detect,
            **options,
        )

    @property
    def images(self) -> list[Image]:
        with self.store.read() as reader:
            return list(reader.images())

    @property
    def reports(self):
        with self.store.read() as reader:
            return list(reader.reports())

    @property
    def rejected(self) -> list[tuple[str, str]]:
        lines = (self.path / "rejected.jsonl").read_text("utf-8").splitlines()
        return [(Path(entry["file"]).name, entry["reason"]) for entry in map(json.loads, lines)]


def counts(summary: IngestSummary) -> tuple[int, int, int, dict[str, int]]:
    """(taken, updated, unchanged, rejected by reason)."""
    return summary.taken, summary.updated, summary.unchanged, summary.rejected
