"""Second looks at a ranking, one by one: what `match --rerank` and `--views` change, without training.

    python benchmarks/identity/second_stage.py [--queries 150] [--write] [--work FOLDER]

Queries are images of patients with several, drawn by patient; the gallery is the archive without the query itself and
its copies. Top-1 and top-5 with 95% intervals over patients, and the difference to no second look, query by query.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.identity.archives import each
from benchmarks.identity.pack import DATA
from caseindex.evaluation.bootstrap import interval_of_mean
from caseindex.evaluation.identity_set import DEFAULT_EXCLUSIONS
from caseindex.index.archive import Archive
from caseindex.records import Image, PixelArray
from caseindex.retrieval.identity.basis import Basis
from caseindex.retrieval.identity.evidence import Evidence
from caseindex.retrieval.identity.gallery import load_gallery
from caseindex.retrieval.identity.match import Question, match
from caseindex.retrieval.identity.rerank import ReRanking
from caseindex.retrieval.identity.strangers import Strangers
from caseindex.retrieval.identity.test_time import averaged
from caseindex.retrieval.picture import read_archived

RESULTS = Path(__file__).with_name("results") / "second_stage.json"
LOOKS: dict[str, tuple[ReRanking, int]] = {
    "none": (ReRanking.NONE, 1),
    "query expansion": (ReRanking.QUERY_EXPANSION, 1),
    "k-reciprocal": (ReRanking.K_RECIPROCAL, 1),
    "key points": (ReRanking.GEOMETRY, 1),
    "8 views": (ReRanking.NONE, 8),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, help="Keep the archives here, and use those that are there.")
    parser.add_argument("--queries", type=int, default=150)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    found = {}
    for name, archive, same in each(options.work, options.data):
        found[name] = _measured(archive, same, options.queries)
        print(name, {look: round(figures["top_1"], 3) for look, figures in found[name]["looks"].items()}, flush=True)
    if options.write:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _measured(archive: Archive, same: list[tuple[str, str]], count: int) -> dict[str, Any]:
    gallery, model = load_gallery(archive)
    partners = _partners(same)
    named = gallery.persons[gallery.persons >= 0]
    several = [one for one, number in zip(*np.unique(named, return_counts=True), strict=True) if number > 1]
    generator = np.random.default_rng(0)
    drawn = generator.permutation(several)[:count].tolist()
    rows = [int(generator.choice(np.flatnonzero(gallery.persons == person))) for person in drawn]

    @lru_cache(maxsize=2000)
    def read(uid: str) -> PixelArray:
        image = gallery.images[gallery.row_of(uid) or 0]
        return read_archived(archive, image)

    def look(image: Image) -> PixelArray:
        return read(image.image_uid)

    known = Basis(Strangers.of(gallery.as_set(), DEFAULT_EXCLUSIONS), Evidence(None, None, ""))
    hits: dict[str, dict[int, list[float]]] = {}
    owners = [gallery.patient(row) or "" for row in rows]
    for name, (reranking, views) in LOOKS.items():
        hits[name] = {1: [], 5: []}
        for row, owner in zip(rows, owners, strict=True):
            image = gallery.images[row]
            picture = read(image.image_uid)
            vector = gallery.vectors[row] if views == 1 else averaged(model, picture, views)
            asked = Question("", vector, int(gallery.kinds[row]), row, frozenset({image.pixel_sha256 or ""}), picture)
            geometric = look if reranking is ReRanking.GEOMETRY else None
            answer = match(archive, model, gallery, asked, k=12, reranking=reranking, known=known, look=geometric)  # fmt: skip
            names = [one.patient_id for one in answer.candidates if one.patient_id not in partners.get(owner, ())]
            for k in hits[name]:
                hits[name][k].append(float(owner in names[:k]))
    return {
        "queries": len(rows),
        "gallery": len(gallery),
        "looks": {name: _figures(found, hits["none"], owners) for name, found in hits.items()},
    }


def _figures(found: dict[int, list[float]], plain: dict[int, list[float]], owners: list[str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for k, values in found.items():
        span = interval_of_mean(values, owners)
        gain = interval_of_mean([one - two for one, two in zip(values, plain[k], strict=True)], owners)
        out |= {
            f"top_{k}": span.value,
            f"top_{k}_interval": [span.low, span.high],
            f"top_{k}_gain": gain.value,
            f"top_{k}_gain_interval": [gain.low, gain.high],
        }
    return out


def _partners(same: list[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one, two in same:
        found.setdefault(one, set()).add(two)
        found.setdefault(two, set()).add(one)
    return found


if __name__ == "__main__":
    main()
