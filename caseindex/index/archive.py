"""The archive folder: where everything lies, and how a command finds it."""

from __future__ import annotations

import contextlib
import os
import uuid
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from caseindex.errors import ArchiveError, ArchiveFormatTooNew, ArchiveLocked, ArchiveNotFound, StorageFull
from caseindex.index.atomic import TEMPORARY_SUFFIX, storage_error, write_file_atomically
from caseindex.settings import FORMAT_VERSION, Settings, dump_settings, load_settings

if TYPE_CHECKING:
    from caseindex.index.store import LmdbStore

SETTINGS_FILE = "archive.toml"
IDENTIFIER_FILE = "archive.id"

_COMMENTS = {
    "format_version": "Of the archive folder. Do not change.",
    "[models]": "The model for each purpose: a folder of models/, or a name of the catalogue (see `train --help`).",
    "search": "similar cases by image and by words",
    "identity": "same person",
    "verify": "report against image",
    "slices": "slices that represent a CT or MR series, chosen by content",
    "workers": "decoding processes; 0: one per core",
    "mask_text": "mask overlays and burned-in text before images are embedded",
    "[limits]": "What one hostile input may cost.",
    "decode_timeout_s": "seconds for one file",
    "worker_memory_mb": "memory of one decoding process",
    "max_pixels": "of one frame",
    "max_file_mb": "of one file or zip member",
    "max_frames": "of one multi-frame object",
    "[index]": "How vectors are searched.",
    "backend": "auto (by size), flat (exact), ivf-sq, ivf-pq or hnsw (approximate, re-scored exactly)",
    "exact_up_to": "vectors that auto searches exactly",
}


def commented(settings: Settings) -> str:
    """The settings as TOML, each with what it means."""
    lines = ["# Settings of this caseindex archive. An unknown key is an error that names it."]
    for line in dump_settings(settings).splitlines():
        name = line.split(" = ")[0]
        note = _COMMENTS.get(name)
        if note and name.startswith("["):
            lines += [line, f"# {note}"]
        else:
            lines.append(f"{line}  # {note}" if note else line)
        if name == "slices":
            lines.append('# window = "brain"  # a named CT window (brain, lung, bone, ...) instead of the file\'s own')
    return "\n".join(lines) + "\n"


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

    @classmethod
    def create(cls, path: Path) -> tuple[Archive, bool]:
        """Makes an empty archive in a new or empty folder; (archive, whether it is new). One that is there is left as
        it is.

        Raises :class:`~caseindex.errors.ArchiveError` for a folder that holds other things, or for a file;
        :class:`~caseindex.errors.StorageFull`.
        """
        path = path.expanduser().absolute()
        if (path / SETTINGS_FILE).is_file():
            archive = cls.open(path)
            _ = archive.store
            return archive, False
        if path.exists() and not path.is_dir():
            raise ArchiveError(path, "there is a file of this name", "Choose another folder")
        try:
            path.mkdir(parents=True, exist_ok=True)
            foreign = sorted(entry.name for entry in path.iterdir() if not entry.name.endswith(TEMPORARY_SUFFIX))
        except OSError as error:
            raise storage_error(path, error) or ArchiveError(path, error.strerror or str(error)) from error
        if foreign:
            raise ArchiveError(
                path,
                f"the folder is not empty ({foreign[0]!r}{', ...' if len(foreign) > 1 else ''}) and not an archive",
                "Choose a new or empty folder",
            )
        # The settings make it an archive; the store is made whenever it is missing, so a kill in between is no harm.
        write_file_atomically(path / SETTINGS_FILE, commented(Settings()).encode("utf-8"))
        archive = cls.open(path)
        _ = archive.store
        return archive, True

    @cached_property
    def store(self) -> LmdbStore:
        from caseindex.index.store import LmdbStore

        store = LmdbStore(self.path / "cases.lmdb")
        if store.writable and store.notes():
            self.__dict__["store"] = store  # `finish` uses it
            self._finish_removals()
        return store

    def _finish_removals(self) -> None:
        """Completes what a killed `remove` left, unless another process is at it."""
        from caseindex.index.erasure import finish

        with contextlib.suppress(ArchiveLocked, StorageFull):
            finish(self)

    @cached_property
    def identifier(self) -> str:
        """A random name of this archive, given once: what was fitted here can be told from what was fitted elsewhere.

        Raises :class:`~caseindex.errors.StorageFull` where it cannot be written."""
        file = self.path / IDENTIFIER_FILE
        if not file.is_file():
            write_file_atomically(file, f"{uuid.uuid4().hex}\n".encode("ascii"))
        return file.read_text("ascii").strip()

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
