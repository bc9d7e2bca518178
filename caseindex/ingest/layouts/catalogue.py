"""The layouts that are known, in the order in which they are tried."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from caseindex.errors import UsageError
from caseindex.ingest.layouts.chestxray14 import ChestXray14
from caseindex.ingest.layouts.chexpert import CheXpert
from caseindex.ingest.layouts.cov_ctr import CovCtr
from caseindex.ingest.layouts.manifest import Manifest
from caseindex.ingest.layouts.mimic_cxr import MimicCxr
from caseindex.ingest.layouts.mimic_cxr_jpg import MimicCxrJpg
from caseindex.ingest.layouts.open_i import OpenI
from caseindex.ingest.layouts.padchest import PadChest
from caseindex.ingest.layouts.tree import Tree
from caseindex.protocols import Layout

#: The first that recognises a folder takes it; `tree` recognises everything.
LAYOUTS: Final[dict[str, Layout]] = {
    layout.name: layout
    for layout in (
        Manifest(), MimicCxrJpg(), MimicCxr(), CheXpert(), ChestXray14(), PadChest(), CovCtr(), OpenI(), Tree(),
    )
}  # fmt: skip


def recognise(root: Path) -> Layout:
    """The layout of a file or folder; :class:`~caseindex.ingest.layouts.tree.Tree` where it is no other."""
    return next(layout for layout in LAYOUTS.values() if layout.recognises(root))


def choose(name: str, root: Path) -> Layout:
    """The layout called ``name``, or, for ``auto``, the one that ``root`` has; folders inside a plain tree are looked
    at in the same way.

    Raises :class:`~caseindex.errors.UsageError` for an unknown name.
    """
    if name == "auto":
        layout = recognise(root)
        return Tree(inner=_inner) if isinstance(layout, Tree) else layout
    if name not in LAYOUTS:
        raise UsageError(f"--layout {name}", "no such layout", f"Known: auto, {', '.join(LAYOUTS)}")
    return LAYOUTS[name]


def _inner(folder: Path) -> Layout | None:
    layout = recognise(folder)
    return None if isinstance(layout, Tree) else layout
