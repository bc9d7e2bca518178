"""Finding the tables and the pictures of a data set in what people really have on disk."""

from __future__ import annotations

import os
from pathlib import Path

from caseindex.ingest import sources


def find_table(root: Path, *stems: str) -> Path | None:
    """The first file ``STEM*.csv`` or ``STEM*.csv.gz`` of the folder ``root``; or ``root`` itself where it is one."""
    if root.is_file():
        name = root.name.lower()
        matches = any(name.startswith(stem.lower()) for stem in stems) and name.endswith((".csv", ".csv.gz"))
        return root if matches else None
    try:
        names = sorted(entry.name for entry in os.scandir(root) if entry.is_file())
    except OSError:
        return None
    for stem in stems:
        for name in names:
            if name.lower().startswith(stem.lower()) and name.lower().endswith((".csv", ".csv.gz")):
                return root / name
    return None


class PictureFolders:
    """The folders of a data set in which its pictures may lie; remembers where the last one was."""

    def __init__(self, root: Path, *patterns: str) -> None:
        top = Path(os.path.abspath(root))
        found = [folder for pattern in patterns for folder in sorted(top.glob(pattern)) if folder.is_dir()]
        self._folders = [top, *dict.fromkeys(found)]

    def find(self, name: str) -> str | None:
        """The locator of the picture, or ``None`` where no folder has it. ``name`` must have been checked for
        leading out."""
        for place, folder in enumerate(self._folders):
            path = folder / name
            if path.is_file() and sources.is_inside(path, self._folders_root):
                if place:
                    self._folders.insert(0, self._folders.pop(place))
                return sources.to_text(path)
        return None

    @property
    def _folders_root(self) -> str:
        return os.path.commonpath(self._folders)
