"""The archive folder: where everything lies, and how a command finds it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from caseindex.errors import ArchiveFormatTooNew, ArchiveNotFound
from caseindex.settings import FORMAT_VERSION, Settings, load_settings

if TYPE_CHECKING:
    from caseindex.index.store import LmdbStore

SETTINGS_FILE = "archive.toml"


@dataclass(frozen=True)
class Archive:
    """An opened archive. ``path`` is absolute; the store is opened when it is first used."""

    path: Path
    settings: Settings

    @classmethod
    def find(cls, given: Path | None = None) -> Archive:
        """``given``, else ``CASEINDEX_ARCHIVE``, else the nearest parent of the working folder with `archive.toml`.

        Raises :class:`~caseindex.errors.ArchiveNotFound`.
        """
        named = given or (Path(os.environ["CASEINDEX_ARCHIVE"]) if os.environ.get("CASEINDEX_ARCHIVE") else None)
        if named is not None:
            return cls.open(named)
        here = Path.cwd()
        for folder in (here, *here.parents):
            if (folder / SETTINGS_FILE).is_file():
                return cls.open(folder)
        raise ArchiveNotFound(
            here,
            f"no {SETTINGS_FILE} here or in a parent folder",
            "Make an archive with `caseindex init DIR`, or name one with --archive DIR",
        )

    @classmethod
    def open(cls, path: Path) -> Archive:
        """Opens the archive at ``path``; :class:`~caseindex.errors.ArchiveNotFound` where there is none."""
        path = path.expanduser().absolute()
        if not (path / SETTINGS_FILE).is_file():
            raise ArchiveNotFound(
                path, f"not an archive: it has no {SETTINGS_FILE}", f"Make one with `caseindex init {path}`"
            )
        settings = load_settings(path / SETTINGS_FILE)
        if settings.format_version > FORMAT_VERSION:
            raise ArchiveFormatTooNew(
                path,
                f"its format is {settings.format_version}, this caseindex reads up to {FORMAT_VERSION}",
                "Install a newer caseindex",
            )
        return cls(path, settings)

    @cached_property
    def store(self) -> LmdbStore:
        from caseindex.index.store import LmdbStore

        return LmdbStore(self.path / "cases.lmdb")

    @property
    def models_dir(self) -> Path:
        return self.path / "models"

    @property
    def indexes_dir(self) -> Path:
        return self.path / "indexes"

    @property
    def runs_dir(self) -> Path:
        return self.path / "runs"

    @property
    def thumbnails_dir(self) -> Path:
        return self.path / "thumbnails"

    @property
    def rejected_file(self) -> Path:
        return self.path / "rejected.jsonl"
