"""How many inputs there may be: counted beside the work, so that the progress can tell the time left."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path

from caseindex.ingest import zip_members


class Estimate:
    """Counts the files under the sources in a thread of its own; for a table, those beside it. A context manager."""

    def __init__(self, roots: Iterable[Path]) -> None:
        self._roots = list(roots)
        self._stop = threading.Event()
        self._total: int | None = None
        self._thread = threading.Thread(target=self._count, name="caseindex-estimate", daemon=True)

    def __enter__(self) -> Estimate:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def total(self, done: int) -> int | None:
        """``None`` while it is being counted; never less than ``done``."""
        return None if self._total is None else max(self._total, done)

    def _count(self) -> None:
        count = 0
        for root in self._roots:
            if root.is_dir() or root.name.lower().endswith((".csv", ".csv.gz", ".tsv")):
                for _, _, names in os.walk(root if root.is_dir() else root.parent):
                    if self._stop.is_set():
                        return
                    count += len(names)
            elif zip_members.is_zip(str(root)):
                count += sum(1 for _ in zip_members.members(str(root)))
            else:
                count += 1
        self._total = count
