"""`verify --all` against the bare forward passes it needs: cases per second of each, in alternation.

    python benchmarks/verify/speed.py [--work DIR] [--images N]

A synthetic archive of N images. Bare: the image network's forward pass over prepared pictures, nothing else. Verify: reading,
decoding, embedding, and the verdict on each report, from nothing to the worklist, without the fitting, which is done once
per archive and is reported beside.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

RESULT = Path(__file__).parent / "results" / "speed.json"
ROUNDS = 3


def run(work: Path, images: int) -> dict[str, Any]:
    from caseindex.demo.source import Recipe, make_source
    from caseindex.encoders.model import load_model
    from caseindex.index.archive import Archive
    from caseindex.index.embed import embed
    from caseindex.ingest.pipeline import ingest
    from caseindex.records import ItemKind
    from caseindex.reports.languages import detect
    from caseindex.retrieval.picture import read_archived
    from caseindex.retrieval.verify.claims import claims_of
    from caseindex.retrieval.verify.opened import open_verifier
    from caseindex.retrieval.verify.verify import verify_all

    make_source(work / "source", Recipe(images=images))
    archive, _ = Archive.create(work / "archive")
    ingest(
        archive.store,
        [work / "source"],
        settings=archive.settings,
        rejected=archive.rejected_file,
        detect_language=detect,
    )
    model = load_model(archive.models_dir, "imagenet")
    embed(archive, model, kinds=(ItemKind.IMAGE,))
    started = time.perf_counter()
    opened = open_verifier(archive, refit=True)
    fitting_s = time.perf_counter() - started
    with archive.store.read() as reader:
        records = list(reader.images())
    if model.image is None:
        raise SystemExit("no image encoder")
    inputs = [model.image.preprocess(read_archived(archive, record)) for record in records]
    uids = [record.image_uid for record in records]
    bare, whole = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for start in range(0, len(inputs), 32):
            model.image.encode(np.stack(inputs[start : start + 32]))
        bare.append(time.perf_counter() - started)
        claims_of.cache_clear()
        started = time.perf_counter()
        _encode(archive, model, uids)  # as `embed` does, decoding ahead of the network
        found = verify_all(opened)
        whole.append(time.perf_counter() - started)
    ratios = [one / other for one, other in zip(bare, whole, strict=True)]
    return {
        "images": len(records),
        "reports": len(found),
        "bare_forward_s": round(statistics.median(bare), 2),
        "verify_all_s": round(statistics.median(whole), 2),
        "cases_per_second": round(len(found) / statistics.median(whole), 2),
        "of_bare_forward": round(statistics.median(ratios), 3),
        "fitting_once_s": round(fitting_s, 2),
    }


def _encode(archive: Any, model: Any, uids: list[str]) -> None:
    from caseindex.index.embed import decoded

    batch: list[Any] = []
    for _, prepared in decoded(archive, uids, model.image.preprocess, 0, {}):
        batch.append(prepared)
        if len(batch) == 32:
            model.image.encode(np.stack(batch))
            batch = []
    if batch:
        model.image.encode(np.stack(batch))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, help="a folder to keep the archive in; default: a temporary one")
    parser.add_argument("--images", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        document = run(given.work or Path(temporary), given.images)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
