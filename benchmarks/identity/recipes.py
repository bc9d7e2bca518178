"""The published Siamese recipe (four rows), our recipe and its ablations, at equal compute.

    python benchmarks/identity/recipes.py [--steps 560] [--side 224] [--seeds 0 1 2] [--device cuda] [--only NAME ...] [--write]

Trains on the paediatric chest X-rays of about 1,150 patients, everything at one size, squashed to a square; measures on
948 images of patients that are on no training side, and on adult chest X-rays of another source (64 x 64 originals) that
nothing was trained on. Each row does the same number of steps of 128 images, and is of the trained network alone but for the row
that says otherwise. Both sources are fitted without labels before
they are measured, where the recipe says so. 95% intervals by patients, over all seeds' queries. The published figures are
of few steps of small pictures, which a processor without a GPU does in an hour; seeds ran one by one and were merged.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.identity.pack import DATA, Pack, aligned, read_pack
from caseindex.encoders import catalogue
from caseindex.encoders.alignment import Alignment, fit_alignment
from caseindex.encoders.head_in_parts import fit_in_parts
from caseindex.encoders.nuisance import Nuisance
from caseindex.evaluation.bootstrap import interval_of_mean
from caseindex.evaluation.identity_ranking import pair_search, ranked
from caseindex.evaluation.identity_set import IdentitySet
from caseindex.evaluation.pair_scores import measured, pair_scores
from caseindex.train.identity_core import Material, Trained, train_on
from caseindex.train.identity_settings import with_recipe
from caseindex.train.identity_task import IdentityImages

RESULTS = Path(__file__).with_name("results") / "recipes.json"
DIM = 512
VIEWS = 3  # of each picture, to fit without labels
TEST, VALIDATION = 0.31, 0.38  # positions of families: below the first test, then validation, then training

ROWS: dict[str, dict[str, Any]] = {
    "untrained": {},
    "siamese, random pairs": {"recipe": "siamese", "rounds": 0},
    "siamese, 1 round": {"recipe": "siamese", "rounds": 1},
    "siamese, 2 rounds": {"recipe": "siamese", "rounds": 2},
    "siamese, 2 rounds + augmentation": {"recipe": "siamese", "rounds": 2, "augmentation": "slight"},
    "ours": {"recipe": "caseindex"},
    "ours, beside the untrained network": {"recipe": "caseindex", "beside": True},
    "ours, not registered": {"recipe": "caseindex", "align": False},
    "ours, no hard-negative round": {"recipe": "caseindex", "rounds": 0},
    "ours, 3 hard-negative rounds": {"recipe": "caseindex", "rounds": 3},
    "ours, slight augmentation": {"recipe": "caseindex", "augmentation": "slight"},
    "ours, trained head kept": {"recipe": "caseindex", "head": "learned"},
    "ours, multi-similarity": {"recipe": "caseindex", "loss": "multi-similarity"},
    "ours, triplet": {"recipe": "caseindex", "loss": "triplet", "margin": 0.2},
    "ours, sub-center ArcFace": {"recipe": "caseindex", "loss": "arcface", "margin": 0.3},
    "ours, memory of 4,096": {"recipe": "caseindex", "memory": 4096},
    "ours, grids of two layers": {"recipe": "caseindex", "image_encoder": "grid"},
    "ours, pooled last layer": {"recipe": "caseindex", "image_encoder": "lite0"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=560)
    parser.add_argument("--side", type=int, default=224, help="Pictures' side, of every row; a multiple of 16.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--only", nargs="+", choices=list(ROWS))
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--images", type=int, help="Of each pack, for a trial.")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--merge", type=Path, nargs="+", help="Run nothing: join the outputs of several runs.")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.merge:
        parts = [json.loads(path.read_text("utf-8")) for path in options.merge]
        how = {name: parts[0][name] for name in ("device", "steps", "side") if name in parts[0]}
        _finish({"runs": [run for part in parts for run in part["runs"]]}, options.output, **how)
        return
    home, position = read_pack("kermany_cxr", options.side, options.data)
    other, _ = read_pack("nih1000_64px", options.side, options.data)
    if options.images:
        kept = np.flatnonzero(home.families % max(1, len(position) // options.images) == 0)
        home, position, other = home.rows(kept), position[kept], other.rows(np.arange(options.images))
    runs = []
    for seed in options.seeds:
        for name, given in ROWS.items():
            if options.only and name not in options.only:
                continue
            started = time.monotonic()
            run = _run(name, given, seed, home, position, other, options.steps, options.device)
            runs.append({**run, "seconds": round(time.monotonic() - started, 1)})
            print(name, seed, {k: round(v, 4) for k, v in run["here"].items() if isinstance(v, float)},
                  {k: round(v, 4) for k, v in run["other"].items() if isinstance(v, float)}, runs[-1]["seconds"], flush=True)  # fmt: skip
            if options.write or options.output != RESULTS:
                options.output.parent.mkdir(parents=True, exist_ok=True)
                _finish({"runs": runs}, options.output, device=options.device, steps=options.steps, side=options.side)


def _run(
    name: str, given: dict[str, Any], seed: int, home: Pack, position: np.ndarray, other: Pack, steps: int, device: str
) -> dict[str, Any]:
    side = home.pixels.shape[1]
    settings = with_recipe(**{"recipe": "caseindex", "beside": False, **given}, seed=seed, sizes=(side,))
    test = np.flatnonzero(position < TEST)
    validation = np.flatnonzero((position >= TEST) & (position < VALIDATION))
    train = np.flatnonzero(position >= VALIDATION)
    trunk = catalogue.trunk(settings.image_encoder)
    preprocessing = replace(trunk.preprocessing, height=side, width=side)
    sample = home.pixels[train[:: max(1, len(train) // 400)]]
    at_home = fit_alignment(list(sample)) if settings.align else None
    preprocessing = replace(preprocessing, alignment=at_home)
    images = home.images(aligned(home.pixels, at_home))
    with tempfile.TemporaryDirectory() as work:
        epochs = 1
        if name != "untrained":
            per_epoch = _steps_per_epoch(images, train, settings)
            epochs = max(settings.rounds + 1, round(steps / per_epoch))
        if name == "untrained":
            settings = replace(settings, learning_rate=1e-8, trunk_rate=0.0, rounds=0)
        settings = replace(settings, epochs=epochs, patience=epochs)
        material = Material(
            images=images, trunk=trunk.build, preprocessing=preprocessing, folder=Path(work),
            train=train, validation=validation, device=device,
        )  # fmt: skip
        trained = train_on(material, settings)
        within = None if name == "untrained" else trained.within
        here = _figures(_fitted(trained, home.rows(test), at_home, within), seed)
        there = fit_alignment(list(other.pixels[::3])) if settings.align else None
        elsewhere = _figures(_fitted(trained, other, there, within), seed)
    return {"name": name, "seed": seed, "steps": trained.outcome.steps, "here": here, "other": elsewhere}


def _steps_per_epoch(images: IdentityImages, train: np.ndarray, settings: Any) -> int:
    persons = images.persons[train]
    counts = np.bincount(persons)
    several = int((counts > 1).sum())
    if settings.loss == "pairs":
        anchors = int(counts[counts > 1].sum())
        return -(-2 * anchors // (settings.batch_persons * settings.images // 2))
    return -(-several // (settings.batch_persons - round(settings.batch_persons * settings.singletons)))


def _fitted(trained: Trained, pack: Pack, alignment: Alignment | None, within: np.ndarray | None) -> IdentitySet:
    """Embeddings of the pack's images: with the trained head, or fitted to these images without their labels."""
    task = trained.task
    features = task.embedded_pictures(aligned(pack.pixels, alignment))
    if trained.settings.head == "learned":
        vectors = trained.head(features)
    else:
        generator, nuisance = np.random.default_rng(0), Nuisance()
        views = (np.stack([nuisance(one, generator) for one in pack.pixels]) for _ in range(VIEWS))
        deviations = [task.embedded_pictures(aligned(view, alignment)) - features for view in views]
        vectors = fit_in_parts(features, np.concatenate(deviations), within, trained.widths, dim=DIM)(features)
    return pack.images().as_set(np.asarray(vectors, np.float32), np.arange(len(pack.persons)))


def _figures(data: IdentitySet, seed: int) -> dict[str, Any]:
    found = ranked(data)
    curve = measured(pair_scores(data))
    pairs, persons, gallery = pair_search(data, queries=250, gallery=None, seed=seed)
    return {
        "top_1": float(found.top(1).mean()),
        "top_5": float(found.top(5).mean()),
        "map_at_r": float(found.map_at_r.mean()),
        "pair_auc": curve.auc,
        "tpr_at_1e-3": curve.tpr_at_fpr[1e-3],
        "queries": len(found.queries),
        "gallery": found.gallery,
        "pair_gallery": gallery,
        "rows": {
            "persons": found.persons.tolist(),
            "top_1": found.top(1).tolist(),
            "top_5": found.top(5).tolist(),
            "pair_persons": persons.tolist(),
            "pair_top_10": pairs[10].tolist(),
            **{f"pair_top_{n}": pairs[n].tolist() for n in (5, 15, 20, 25, 30)},
        },
    }


def _finish(document: dict[str, Any], output: Path, **more: Any) -> None:
    """Means over the seeds, with intervals over patients; what is needed to compute them again is not kept in the
    published file."""
    summary: dict[str, Any] = {}
    for name in dict.fromkeys(run["name"] for run in document["runs"]):
        runs = [run for run in document["runs"] if run["name"] == name]
        summary[name] = {"seeds": len(runs)}
        for place in ("here", "other"):
            summary[name][place] = _joined([run[place] for run in runs])
    kept = (
        document
        if output.resolve().parent != RESULTS.resolve().parent
        else {"runs": [_short(run) for run in document["runs"]]}
    )
    output.write_text(json.dumps({"summary": summary, **more, **kept}, indent=1) + "\n", "utf-8")


def _joined(figures: list[dict[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name in ("top_1", "top_5", "map_at_r", "pair_auc", "tpr_at_1e-3"):
        values = [figure[name] for figure in figures]
        out[name] = float(np.mean(values))
        out[f"{name}_seeds"] = [round(value, 4) for value in values]
    for name, owners in (("top_1", "persons"), ("top_5", "persons"), *((f"pair_top_{n}", "pair_persons") for n in (5, 10, 15, 20, 25, 30))):  # fmt: skip
        values = [value for figure in figures for value in figure["rows"][name]]
        groups = [person for figure in figures for person in figure["rows"][owners]]
        span = interval_of_mean(values, groups)
        out[f"{name}_interval"] = [round(span.low, 4), round(span.high, 4)]
        if name.startswith("pair"):
            out[name] = span.value
    return {**out, **{name: figures[0][name] for name in ("queries", "gallery", "pair_gallery")}}


def _short(run: dict[str, Any]) -> dict[str, Any]:
    def plain(figures: dict[str, Any]) -> dict[str, Any]:
        return {
            key: (None if isinstance(value, float) and math.isnan(value) else value)
            for key, value in figures.items()
            if key != "rows"
        }

    return {**run, "here": plain(run["here"]), "other": plain(run["other"])}


if __name__ == "__main__":
    main()
