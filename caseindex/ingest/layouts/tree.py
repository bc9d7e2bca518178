"""A plain tree: DICOM in any order, PNG, JPEG, TIFF, zip archives, reports as text beside the pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from caseindex.errors import InputRejected
from caseindex.ingest import sidecar, sources
from caseindex.protocols import Discovered, Layout
from caseindex.records import Report

DICOMDIR = "DICOMDIR"


class Tree:
    """``inner``: asked for each folder below the root; one that has a layout of its own is left to that."""

    name: str = "tree"

    def __init__(self, inner: Callable[[Path], Layout | None] | None = None) -> None:
        self.inner = inner

    def recognises(self, root: Path) -> bool:
        return True

    def discover(self, root: Path) -> Iterator[Discovered | Report | InputRejected]:
        problems: list[InputRejected] = []
        top = os.path.abspath(root)
        if not os.path.isdir(top):
            yield from _inputs(root, top, problems, [])
            yield from _drained(problems, top, root)
            return
        folders = sources.walk_folders(top, problems.append)
        skip: bool | None = None
        while True:
            try:
                folder, names = folders.send(skip) if skip is not None else next(folders)
            except StopIteration:
                break
            yield from _drained(problems, top, root)
            layout = self.inner(Path(folder)) if self.inner is not None and folder != top else None
            skip = layout is not None
            if layout is not None:
                yield from layout.discover(root / os.path.relpath(folder, top))
                continue
            texts = sidecar.beside(folder, names)
            yield from _drained(texts.rejected, top, root)
            shown = str(root / os.path.relpath(folder, top))
            for name in names:
                if name not in texts.consumed:
                    given = name if shown == "." else os.path.join(shown, name)
                    reports = [replace(one, file=_as_given(one.file, top, root)) for one in texts.of(name).values()]
                    yield from _inputs(given, os.path.join(folder, name), problems, reports)
                    yield from _drained(problems, top, root)
        yield from _drained(problems, top, root)


def _inputs(
    given: str | Path, path: str, problems: list[InputRejected], reports: list[Report]
) -> Iterator[Discovered | InputRejected]:
    shown = sources.to_text(given)
    prefix = sources.to_text(path)
    for locator in sources.expand(path, problems.append):
        file = shown + locator[len(prefix) :]
        parts = locator.replace("!", "/").split("/")
        if parts[-1] == DICOMDIR:
            yield InputRejected(file, "no_pixels", "DICOMDIR: an index of files, which are taken in by themselves")
        else:
            yield Discovered(
                file=file, locator=locator, given={}, reports=tuple(reports), uid_name="/".join(parts[-2:])
            )


def _drained(problems: list[InputRejected], top: str, root: Path) -> Iterator[InputRejected]:
    """The problems so far, and empties the list; each names its file as the user gave the source."""
    for problem in problems:
        yield InputRejected(_as_given(problem.item, top, root), problem.code, problem.detail)
    problems.clear()


def _as_given(path: str, top: str, root: Path) -> str:
    """A path inside the source ``top`` under the name ``root`` that the user gave it."""
    start = sources.to_text(top)
    return sources.to_text(root) + path[len(start) :] if path.startswith(start) else path
