"""Which studies of an archive a model was trained on, and which not: the run that made the model wrote its split down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from caseindex.index.archive import Archive


def trained_on(archive: Archive, fingerprint: str) -> frozenset[str]:
    """Study UIDs of the training side, which say nothing of how the model does on others; none for a model that was
    trained elsewhere or not at all, or whose run was deleted."""
    return _sides(archive, fingerprint, "train") or frozenset()


def unseen_studies(archive: Archive, fingerprint: str) -> frozenset[str] | None:
    """Study UIDs of the validation and test sides; ``None`` where no run of this archive made the model: one from
    elsewhere has seen none of the studies, or it is not known."""
    return _sides(archive, fingerprint, "validation", "test")


def _sides(archive: Archive, fingerprint: str, *names: str) -> frozenset[str] | None:
    """Of the newest run that made the model and whose split can be read."""
    for result in sorted(archive.runs_dir.glob("*/result.json"), reverse=True):
        if _read(result).get("fingerprint") != fingerprint:
            continue
        split = _read(result.with_name("split.json"))
        sides = [split.get(name) for name in names]
        if all(isinstance(side, list) for side in sides):
            return frozenset(str(study) for side in sides for study in side or ())
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
