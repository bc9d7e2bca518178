"""Are the ids of the paediatric pack persons? How images that share one resemble each other, beside strangers.

    python benchmarks/identity/shared_ids.py [--write] [--work FOLDER]

The ids come from file names of two kinds: `personN_bacteria` and `personN_virus` name a child, `IM-0497` a series of an
export, whose further pictures bear the suffix that equal names get in one folder. By two encoders that were never trained
on persons (the identity default, and the pooled one of `search`): how often two images of one id are more alike than 95% of
strangers of that kind of id, and the share of such pairs that are of one child if those of a named child are:
(share above - 0.05) / (share above of named children - 0.05).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.identity.archives import SERIES, make
from benchmarks.identity.pack import DATA
from caseindex.cli.possibly_same import read_possibly_same
from caseindex.encoders.model import load_model
from caseindex.evaluation.cohort import with_cohort
from caseindex.evaluation.identity_set import DEFAULT_EXCLUSIONS, IdentitySet, blocks
from caseindex.index.archive import Archive
from caseindex.index.embed import embed
from caseindex.records import ItemKind
from caseindex.retrieval.identity.gallery import IdentityGallery, load_gallery

RESULT = Path(__file__).with_name("results") / "shared_ids.json"
LEVEL = 0.05  # share of strangers above the line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, help="Keep the archive here, and use one that is there.")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path, same = make("paediatric", options.work or Path(temporary), options.data)
        archive, pairs = Archive.open(path), read_possibly_same(Path(same[1]))
        embed(archive, load_model(archive.models_dir, "imagenet"), kinds=(ItemKind.IMAGE,))
        found = {}
        for name in ("grid", "imagenet"):
            gallery, _ = load_gallery(archive, name)
            found[name] = _alike(gallery, with_cohort(gallery.as_set(pairs), DEFAULT_EXCLUSIONS, filed=False))
    print(json.dumps(found, indent=1))
    if options.write:
        RESULT.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _alike(gallery: IdentityGallery, data: IdentitySet) -> dict[str, Any]:
    """Pairs of images of one id and their share above the line of strangers whose ids are of the same kind: normal and
    ill chests look different, whoever's they are."""
    series = np.array([SERIES.search(gallery.patient(row) or "") is not None for row in range(len(gallery))])
    found: dict[str, Any] = {}
    for name, rows in (("named", np.flatnonzero(~series)), ("series", np.flatnonzero(series))):
        own, strange = [], []
        for block in blocks(data.subset(rows), DEFAULT_EXCLUSIONS):
            once = block.counted & (np.arange(len(rows)) > block.rows[:, None])
            own.append(block.similarity[once & block.same])
            strange.append(block.similarity[once & ~block.same])
        line = np.quantile(np.concatenate(strange), 1 - LEVEL)
        similar = np.concatenate(own)
        found[name] = {"pairs": len(similar), "above": float((similar > line).mean())}
    found["of_one_child"] = (found["series"]["above"] - LEVEL) / (found["named"]["above"] - LEVEL)
    return found


if __name__ == "__main__":
    main()
