"""What the two classifiers (R2, method 1) add to the other witnesses, on the synthetic brain CT archive.

    python benchmarks/verify/classifiers.py [--work DIR]

`bench verify` without them, then after `train classifier` for pictures and for reports, on the same planted errors. The
tested three tenths of the patients are used for nothing: neither by the classifiers nor by the fusion. The fusion learns
what the classifiers are worth from their own test patients. AUROC with and without, and the difference, with 95% intervals
over patients (the same ones drawn for both).
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from planted import archive_of

from caseindex.evaluation.report_errors import false_alarms, gained, of_kind
from caseindex.index.archive import Archive
from caseindex.retrieval.verify.benchmark import LINES, RATES, Benchmark, bench_verify, tested_patients
from caseindex.retrieval.verify.planted_cases import PLANTED

RESULT = Path(__file__).parent / "results" / "classifiers.json"


def train(archive: Archive, tested: frozenset[str], seed: int) -> None:
    from caseindex.train.classifier import train_classifier
    from caseindex.train.classifier_settings import classifier_settings

    for side, network in (("image", "imagenet"), ("text", "words")):
        if not (archive.models_dir / f"{side}-classifier").is_dir():
            settings = classifier_settings(network, name=f"{side}-classifier", seed=seed)
            train_classifier(archive, settings, hold_out=tested, tensorboard=False)


def compared(without: Benchmark, having: Benchmark) -> dict[str, Any]:
    before, after = without.trials, having.trials
    if before.kinds != after.kinds or before.patients != after.patients:
        raise SystemExit("the two sides planted different errors")
    document: dict[str, Any] = {"cases": len(before.patients), "patients": len(set(before.patients)), "kinds": {}}
    for kind in PLANTED:
        document["kinds"][kind] = {
            "without": {name: one.rounded() for name, one in of_kind(before, kind, RATES).items()},
            "with": {name: one.rounded() for name, one in of_kind(after, kind, RATES).items()},
            "gained": gained(before, after, kind).rounded(),
            "planted": list(before.kinds).count(kind),
        }
    for name, one in (("without", without), ("with", having)):
        document[f"false_alarms_{name}"] = {
            f"{rate:g}": false_alarms(one.trials, one.lines[rate]).rounded() for rate in LINES
        }
        document[f"calibration_error_{name}"] = one.document["calibration_error"]
    document["witness_alone"] = having.document["witnesses"]["classifiers"]
    return document


def run(work: Path, seed: int) -> dict[str, Any]:
    from caseindex.demo.source import Recipe, make_source

    make_source(work / "synthetic", Recipe(seed=seed))
    whole = archive_of(work / "synthetic", work / "synthetic-archive")
    tested = tested_patients(whole, frozenset())
    without = bench_verify(whole, hold_out=tested, seed=seed)
    folder = work / "classifiers"
    if not folder.is_dir():
        shutil.copytree(whole.path, folder)
    archive = Archive.open(folder)
    train(archive, tested, seed)
    return compared(without, bench_verify(archive, hold_out=tested, seed=seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, help="a folder to keep archives in; default: a temporary one")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = (given.work or Path(temporary)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        document = run(work, given.seed)
    RESULT.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    for kind, one in document["kinds"].items():
        print(json.dumps({kind: [one["without"]["auroc"]["value"], one["with"]["auroc"]["value"], one["gained"]]}))


if __name__ == "__main__":
    main()
