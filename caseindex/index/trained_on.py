"""Which studies of an archive a model was trained on: they say nothing of how it does on others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from caseindex.index.archive import Archive


def trained_on(archive: Archive, fingerprint: str) -> frozenset[str]:
    """Study UIDs of the training side, as the run of the model with this fingerprint notes; none for a model that was
    trained elsewhere or not at all, or whose run was deleted."""
    for result in sorted(archive.runs_dir.glob("*/result.json")):
        if _read(result).get("fingerprint") == fingerprint:
            found = _read(result.with_name("split.json")).get("train")
            return frozenset(map(str, found)) if isinstance(found, list) else frozenset()
    return frozenset()


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
