"""Which studies a model was not fitted on: the run that made it wrote its split down."""

from __future__ import annotations

import json

from caseindex.encoders.model import Model
from caseindex.index.archive import Archive

_SPLIT, _RESULT = "split.json", "result.json"


def unseen_studies(archive: Archive, model: Model) -> frozenset[str] | None:
    """Studies of the validation and test sides of the run that made ``model`` here; ``None`` where no run of this archive
    did: a model from elsewhere has seen none of them, or it is not known."""
    for folder in sorted(archive.runs_dir.glob("*"), reverse=True):
        try:
            result = json.loads((folder / _RESULT).read_text("utf-8"))
            if result.get("fingerprint") != model.fingerprint:
                continue
            split = json.loads((folder / _SPLIT).read_text("utf-8"))
            return frozenset([*split["validation"], *split["test"]])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return None
