"""`verify --all` against the bare forward passes it needs: cases per second of each, in alternation.

    python benchmarks/verify/speed.py [--work DIR] [--images N]

A synthetic archive of N images. Bare: the image network's forward pass over prepared pictures, nothing else. Verify: from
nothing to the worklist: reading, decoding, embedding, writing the embeddings, reading them back, and the verdict on each
report, without the fitting, which is done once per archive and is reported beside. By the clock and by the processor's
time of all threads: only the latter is free of what else the machine does.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does: threads that wait shall sleep
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

import numpy as np

RESULT = Path(__file__).parent / "results" / "speed.json"
ROUNDS = 3
BATCH = 32


def archive_in(work: Path, images: int) -> Any:
    from caseindex.demo.source import Recipe, make_source
    from caseindex.index.archive import Archive
    from caseindex.ingest.pipeline import ingest
    from caseindex.reports.text.languages import detect

    make_source(work / "source", Recipe(images=images))
    archive, new = Archive.create(work / "archive")
    if new:
        ingest(
            archive.store,
            [work / "source"],
            settings=archive.settings,
            rejected=archive.rejected_file,
            detect_language=detect,
        )
    return archive


def timed(run: Callable[[], Any]) -> tuple[float, float]:
    """(seconds by the clock, seconds of the processor)."""
    clock, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - clock, time.process_time() - processor


def measure(work: Path, images: int) -> dict[str, Any]:
    from caseindex.encoders.model import load_model
    from caseindex.index.embed import embed
    from caseindex.records import ItemKind
    from caseindex.retrieval.picture import read_archived
    from caseindex.retrieval.verify.claims import claims_of
    from caseindex.retrieval.verify.opened import open_verifier
    from caseindex.retrieval.verify.verify import verify_all

    archive = archive_in(work, images)
    model = load_model(archive.models_dir, "imagenet")
    if model.image is None:
        raise SystemExit("no image encoder")
    encoder = model.image
    embed(archive, model, kinds=(ItemKind.IMAGE,))
    fitting_s, _ = timed(lambda: open_verifier(archive, refit=True))
    opened = open_verifier(archive)
    with archive.store.read() as reader:
        inputs = [encoder.preprocess(read_archived(archive, record)) for record in reader.images()]

    def bare() -> None:
        for start in range(0, len(inputs), BATCH):
            encoder.encode(np.stack(inputs[start : start + BATCH]))

    def whole() -> None:
        unseen = dataclasses.replace(model, fingerprint=secrets.token_hex(32))  # of which nothing is stored
        claims_of.cache_clear()
        embed(archive, unseen, kinds=(ItemKind.IMAGE,), batch=BATCH)
        if len(verify_all(dataclasses.replace(opened, model=unseen))) != len(inputs):
            raise SystemExit("not every report was verified")

    sides: dict[str, list[tuple[float, float]]] = {"bare": [], "whole": []}
    bare()
    for _ in range(ROUNDS):
        sides["bare"].append(timed(bare))
        sides["whole"].append(timed(whole))
    return {
        "images": len(inputs),
        "rounds": ROUNDS,
        "bare_forward_s": _median([clock for clock, _ in sides["bare"]]),
        "verify_all_s": _median([clock for clock, _ in sides["whole"]]),
        "bare_forward_processor_s": _median([processor for _, processor in sides["bare"]]),
        "verify_all_processor_s": _median([processor for _, processor in sides["whole"]]),
        "of_bare_forward": _ratio(sides, 0),
        "of_bare_forward_processor": _ratio(sides, 1),
        "fitting_once_s": round(fitting_s, 2),
    }


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 3)


def _ratio(sides: dict[str, list[tuple[float, float]]], place: int) -> float:
    """The median over the rounds."""
    return _median([one[place] / other[place] for one, other in zip(sides["bare"], sides["whole"], strict=True)])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, help="a folder to keep the archive in; default: a temporary one")
    parser.add_argument("--images", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        document = measure(given.work or Path(temporary), given.images)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
