"""Two classifiers over the 15 classes of the synthetic brain CT archive: pictures, and Russian reports.

    python benchmarks/classify/synthetic.py [--work DIR] [--only image|cnn|text] [--cnn-epochs N]

Pictures: 978, 3 : 1 by patient (the archive's own sides). Ours (`train classifier`, a head on a pretrained encoder)
beside the published five-layer network, re-done at 128 x 128 pixels with so many epochs (published: 512 x 512, 1,000 and
10,000 epochs, which a CPU takes days for).

Reports: trained on those of three quarters of the patients, one conclusion's template of each class left out. Tested on
(a) the other quarter, same templates, (b) four other archives' reports of the left-out templates, (c) short reports
written by hand (`handwritten_ru.tsv`; those marked `development` were written and looked at first, those marked `test` afterwards, before any error was looked at).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from caseindex.demo.cohort import Exam, plan
from caseindex.demo.diagnoses import PUBLISHED_IMAGES, label
from caseindex.demo.source import MANIFEST, Recipe, make_source
from caseindex.demo.wording import Wording, write_report
from caseindex.records import Language, Report, Study

HERE = Path(__file__).parent
RESULT = HERE / "results"
OTHERS = (1, 2, 3, 4)  # seeds of the archives whose left-out templates are tested on
CNN_EPOCHS, CNN_SIDE = 40, 128


def images(work: Path) -> dict[str, Any]:
    from caseindex.train.classifier_settings import classifier_settings

    archive, tested = _pictures(work)
    found = _trained(archive, classifier_settings("imagenet"), tested)
    archive.store.close()
    return {"ours": found}


def published(work: Path, epochs: int) -> dict[str, Any]:
    from caseindex.train.classifier_settings import classifier_settings

    archive, tested = _pictures(work)
    settings = classifier_settings("cnn", name="published-cnn", epochs=epochs, size=CNN_SIDE)
    found = _trained(archive, settings, tested)
    archive.store.close()
    return {"published_cnn": found}


def _pictures(work: Path) -> tuple[Any, frozenset[str]]:
    """The archive, and the patients of its test side."""
    from caseindex.index.archive import Archive
    from caseindex.ingest.pipeline import ingest

    make_source(work / "source", Recipe())
    archive, _ = Archive.create(work / "archive")
    ingest(archive.store, [work / "source"], settings=archive.settings, rejected=archive.rejected_file)
    with (work / "source" / MANIFEST).open(encoding="utf-8", newline="") as file:
        return archive, frozenset(row["patient_id"] for row in csv.DictReader(file) if row["split"] == "test")


def texts(work: Path) -> dict[str, Any]:
    from caseindex.encoders.classifier import load_classifier
    from caseindex.evaluation.label_table import LabelTable
    from caseindex.index.archive import Archive
    from caseindex.train.classifier_settings import classifier_settings

    exams = [(exam, write_report(exam)) for exam in plan(PUBLISHED_IMAGES, 0, {Language.RUSSIAN: 1.0})]
    known = [(exam, wording) for exam, wording in exams if not wording.held_out]
    archive, _ = Archive.create(work / "texts")
    archive.store.put(
        studies=[Study(study_uid=exam.study_uid, patient_id=exam.person.patient_id) for exam, _ in known],
        reports=[_report(exam, wording) for exam, wording in known],
    )
    rows = {("report_uid", f"r{exam.number}"): {label(exam.disease.diagnosis): 1.0} for exam, _ in known}
    table = LabelTable(rows, tuple(sorted({name for row in rows.values() for name in row})), False)
    tested = frozenset(exam.person.patient_id for exam, _ in known if exam.in_test)
    unseen = [
        (exam, wording)
        for seed in OTHERS
        for exam in plan(PUBLISHED_IMAGES, seed, {Language.RUSSIAN: 1.0})
        if (wording := write_report(exam)).held_out
    ]
    with (HERE / "handwritten_ru.tsv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file, delimiter="\t"))
    out: dict[str, Any] = {}
    for network in ("words", "lstm"):
        found = _trained(archive, classifier_settings(network, name=network), tested, table)
        model = load_classifier(archive.models_dir, network)
        found["held_out_templates"] = _scored(
            model,
            [wording.text for _, wording in unseen],
            [label(exam.disease.diagnosis) for exam, _ in unseen],
            [f"{exam.seed} {exam.person.patient_id}" for exam, _ in unseen],
        )
        for side in ("development", "test"):
            own = [row for row in written if row["set"] == side]
            found[f"handwritten_{side}"] = _scored(
                model, [row["report"] for row in own], [row["label"] for row in own], range(len(own))
            )
        out["ours" if network == "words" else "published_lstm"] = found
    archive.store.close()
    return out


def _report(exam: Exam, wording: Wording) -> Report:
    return Report(
        report_uid=f"r{exam.number}",
        study_uid=exam.study_uid,
        patient_id=exam.person.patient_id,
        text=wording.text,
        file="synthetic",
        language=exam.language,
    )


def _trained(archive: Any, settings: Any, tested: frozenset[str], table: Any = None) -> dict[str, Any]:
    from caseindex.train.classifier import train_classifier

    started = time.monotonic()
    result = train_classifier(archive, settings, labels=table, test_patients=tested, tensorboard=False, resume=False)
    return {
        "settings": settings.document(),
        "items": result.items,
        "left_out": result.left_out,
        **({"contrast": asdict(result.contrast)} if result.contrast else {}),
        "epochs": result.loop.epochs,
        "best_epoch": result.loop.best_epoch + 1,
        "seconds": round(time.monotonic() - started, 1),
        "test": _measured(result.test),
        "labels_shares_alone": _measured(result.prior),
        "classes": {
            item.label: {"items": item.items, "patients": item.patients, **_plain(item.metrics)}
            for item in result.test.classes
        },
    }


def _scored(model: Any, reports: list[str], truth: list[str], patients: Any) -> dict[str, Any]:
    from caseindex.evaluation.classification_report import classification_report

    known = np.array([[float(name == one) for name in model.classes] for one in truth])
    report = classification_report(model.predict(reports), known, list(patients), model.classes)
    right = [row for row, one in zip(model.predict(reports), truth, strict=True) if model.classes[row.argmax()] == one]
    return _measured(report) | {"right": len(right)}


def _measured(report: Any) -> dict[str, Any]:
    return {"items": report.items, "patients": report.patients, **_plain(report.metrics)} | {
        "calibration_error": round(report.calibration_error, 4)
    }


def _plain(metrics: Any) -> dict[str, Any]:
    return {
        name: {"value": _number(item.value), "interval": [_number(item.low), _number(item.high)]}
        for name, item in metrics.items()
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, help="a folder to keep pictures and archives in; default: a temporary one")
    parser.add_argument("--only", choices=["image", "cnn", "text"])
    parser.add_argument("--cnn-epochs", type=int, default=CNN_EPOCHS)
    options = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does: threads that wait shall sleep
    RESULT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        parts = {
            "text": lambda: texts(work),
            "image": lambda: images(work),
            "cnn": lambda: published(work, options.cnn_epochs),
        }
        for name in [options.only] if options.only else list(parts):
            found = parts[name]()
            path = RESULT / f"synthetic_{name}.json"
            path.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")
            shown = {
                which: {
                    key: {metric: part[key][metric]["value"] for metric in ("accuracy", "lrap", "macro_f1", "mcc")}
                    for key in ("test", "held_out_templates", "handwritten_development", "handwritten_test")
                    if key in part
                }
                for which, part in found.items()
            }
            print(json.dumps({name: shown}, indent=1))


if __name__ == "__main__":
    main()
