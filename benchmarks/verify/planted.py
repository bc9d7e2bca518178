"""Errors planted into true reports: how many `verify` finds, untrained and after `train pair`; every patient tested once.

    python benchmarks/verify/planted.py synthetic [--work DIR] [--trained N]
    python benchmarks/verify/planted.py ../shared/data/medpix2 [--work DIR] [--trained N]

`synthetic` is the published archive of brain CT (978 images, 15 classes) that `caseindex demo` draws. The patients are in
three parts by a hash; each part is tested by what was fitted on the other two, and the trials are joined. With
``--trained N``, N of the parts are also tested after `train pair` on the others (frozen image network), beside the same
parts untrained. Intervals: 95%, percentile bootstrap over patients.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from caseindex.evaluation.report_errors import Trials, false_alarms, of_kind
from caseindex.evaluation.similarity_plot import plot_similarity
from caseindex.index.archive import Archive
from caseindex.retrieval.verify.benchmark import LINES, RATES, Benchmark, bench_verify
from caseindex.retrieval.verify.planted_cases import PLANTED

RESULTS = Path(__file__).parent / "results"
PARTS = 3
MODEL = "pair"


def archive_of(source: Path, folder: Path) -> Archive:
    from caseindex.encoders.model import load_model
    from caseindex.index.embed import embed
    from caseindex.ingest.pipeline import ingest
    from caseindex.records import ItemKind
    from caseindex.reports.text.languages import detect

    archive, new = Archive.create(folder)
    if new:
        ingest(
            archive.store, [source], settings=archive.settings, rejected=archive.rejected_file, detect_language=detect
        )
    embed(archive, load_model(archive.models_dir, "imagenet"), kinds=(ItemKind.IMAGE,))
    return archive


def part_of(patient: str) -> int:
    return hashlib.sha256(f"planted\0{patient}".encode()).digest()[0] % PARTS


def patients_of(archive: Archive, part: int) -> frozenset[str]:
    with archive.store.read() as reader:
        return frozenset(name for name in reader.patients() if part_of(name) == part)


def joined(found: Sequence[Benchmark]) -> dict[str, Any]:
    """The figures over all trials of several parts; each part's agreement is compared with its own line."""
    scores, kinds, cases, patients = [], [], [], []
    for one in found:
        scores.append(one.trials.scores)
        kinds += one.trials.kinds
        cases.append(one.trials.cases + len(patients))
        patients += one.trials.patients
    data = Trials(np.concatenate(scores), kinds, np.concatenate(cases), patients)
    document: dict[str, Any] = {"cases": len(patients), "patients": len(set(patients)), "kinds": {}, "false_alarms": {}}
    for kind in PLANTED:
        if kind in kinds:
            figures = of_kind(data, kind, RATES)
            document["kinds"][kind] = {name: value.rounded() for name, value in figures.items()}
            document["kinds"][kind]["planted"] = kinds.count(kind)
    for rate in LINES:
        above = np.concatenate([one.trials.scores - one.lines[rate] for one in found])
        got = false_alarms(Trials(above, kinds, data.cases, patients), 0.0)
        document["false_alarms"][f"{rate:g}"] = got.rounded()
    return document


def parts(found: Sequence[Benchmark]) -> list[dict[str, Any]]:
    kept = (
        "cases",
        "patients",
        "witnesses",
        "image_alone",
        "statements",
        "calibration_error",
        "points",
        "retrieval",
    )
    return [{name: one.document[name] for name in kept} for one in found]


def run(name: str, source: Path, work: Path, trained: int, seed: int) -> dict[str, Any]:
    from caseindex.train.pair import train_pair
    from caseindex.train.pair_settings import PairSettings

    archive = archive_of(source, work / f"{name}-archive")
    untrained = [bench_verify(archive, hold_out=patients_of(archive, part), seed=seed) for part in range(PARTS)]
    plot_similarity(untrained[0].matrix, work / f"{name}.png", title=f"{name}: images against reports, untrained")
    document: dict[str, Any] = {"untrained": {**joined(untrained), "parts": parts(untrained)}}
    write(name, document)  # what follows may take hours
    archive.store.close()
    learned = []
    for part in range(trained):
        folder = work / f"{name}-trained-{part}"
        if not folder.is_dir():
            shutil.copytree(work / f"{name}-archive", folder)
        one = Archive.open(folder)
        if not (one.models_dir / MODEL).is_dir():
            train_pair(one, PairSettings(name=MODEL, seed=seed), hold_out=patients_of(one, part))
        one = Archive.open(folder)
        learned.append(bench_verify(one, hold_out=patients_of(one, part), seed=seed))
    if learned:
        document["same_parts_untrained"] = joined(untrained[:trained])
        document["trained"] = {**joined(learned), "parts": parts(learned)}
    return document


def write(name: str, document: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", help="synthetic, or the folder of a pack in the manifest layout")
    parser.add_argument("--work", type=Path, help="a folder to keep archives in; default: a temporary one")
    parser.add_argument("--trained", type=int, default=1, help="how many parts are also tested after training")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = (given.work or Path(temporary)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        name, source = Path(given.source).name, Path(given.source)
        if given.source == "synthetic":
            from caseindex.demo.source import Recipe, make_source

            source = work / "synthetic"
            make_source(source, Recipe(seed=given.seed))
        document = run(name, source, work, given.trained, given.seed)
    write(name, document)
    for state in ("untrained", "same_parts_untrained", "trained"):
        if state in document:
            kinds = {kind: one["auroc"]["value"] for kind, one in document[state]["kinds"].items()}
            rates = {rate: one["value"] for rate, one in document[state]["false_alarms"].items()}
            print(json.dumps({state: kinds, "false alarms": rates}))


if __name__ == "__main__":
    main()
