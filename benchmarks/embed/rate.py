"""`embed` against the bare forward pass: images per second, with the same encoder, batch and threads.

The archive holds real images of `medpix2` (JPEG, longer side up to 512 px). Bare: preprocessed inputs that lie in
memory, forward passes only. Both in alternation on the same images; the figure is the ratio of the medians.
"""

from __future__ import annotations

import csv
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np

from caseindex.encoders.model import Model, load_model
from caseindex.index.archive import Archive
from caseindex.index.embed import embed
from caseindex.ingest.decode import read_pixels
from caseindex.records import Image, ItemKind

RESULT = Path(__file__).parent / "results" / "rate.json"
DATA = Path(os.environ.get("CASEINDEX_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def make(folder: Path, count: int) -> Archive:
    (folder / "archive.toml").write_text("")
    archive = Archive.open(folder)
    with (DATA / "medpix2" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:count]
    archive.store.put(
        images=[
            Image(image_uid=f"i{n}", study_uid="s", file=row["image"], source=str(DATA / "medpix2" / row["image"]))
            for n, row in enumerate(rows)
        ]
    )
    return archive


def main(count: int = 256, rounds: int = 5, batch: int = 32) -> int:
    if not DATA.is_dir():
        print("the real data packs are not here; set CASEINDEX_TEST_DATA to their folder", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        archive = make(Path(name), count)
        model = load_model(archive.models_dir, "imagenet")
        encoder = model.image
        if encoder is None:
            raise SystemExit("imagenet has no image encoder")
        with archive.store.read() as reader:
            inputs = np.stack([encoder.preprocess(read_pixels(image)) for image in reader.images()])
        encoder.encode(inputs[:batch])
        seconds: dict[str, list[float]] = {"bare": [], "embed": []}
        for number in range(rounds):
            for side in ("bare", "embed") if number % 2 == 0 else ("embed", "bare"):
                start = time.perf_counter()
                if side == "bare":
                    for place in range(0, count, batch):
                        encoder.encode(inputs[place : place + batch])
                else:
                    # Another fingerprint each time: everything is missing again.
                    fingerprint = f"{number:064x}"
                    summary = embed(
                        archive, Model("m", fingerprint, encoder, None, model.dim), kinds=(ItemKind.IMAGE,), batch=batch
                    )
                    if summary.images != count:
                        raise SystemExit(f"{summary.images} of {count} images were embedded")
                seconds[side].append(time.perf_counter() - start)
        archive.store.close()
    rates = {side: count / statistics.median(values) for side, values in seconds.items()}
    result = {
        "images": count,
        "rounds": rounds,
        "bare_images_per_s": rates["bare"],
        "embed_images_per_s": rates["embed"],
        "ratio": rates["embed"] / rates["bare"],
        "median_of_ratios": statistics.median(b / e for b, e in zip(seconds["bare"], seconds["embed"], strict=True)),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
