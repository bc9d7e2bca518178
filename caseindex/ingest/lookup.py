"""A table on disk for joins: labels and splits of a data set, by image or study, in bounded memory."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterable
from types import TracebackType


class Lookup:
    """key -> cells. A temporary SQLite file holds it, removed on close; the last row of a key wins."""

    def __init__(self, entries: Iterable[tuple[str, dict[str, str]]]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="caseindex-")
        self._database = sqlite3.connect(f"{self._folder.name}/lookup.sqlite", isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -4096"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute("CREATE TABLE entry (key TEXT PRIMARY KEY, cells TEXT) WITHOUT ROWID")
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT OR REPLACE INTO entry VALUES (?, ?)", ((key, json.dumps(cells)) for key, cells in entries)
        )
        self._database.execute("COMMIT")

    def get(self, key: str) -> dict[str, str]:
        """Empty where the key is unknown."""
        found = self._database.execute("SELECT cells FROM entry WHERE key = ?", (key,)).fetchone()
        cells: dict[str, str] = json.loads(found[0]) if found else {}
        return cells

    def __enter__(self) -> Lookup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()
        self._folder.cleanup()
