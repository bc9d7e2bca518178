"""What each option of `train pair` changes, on a small synthetic archive: one trained model each, the same split.

    python benchmarks/train/pair_options.py

Brain CT of the demonstration, two slices an examination, 30% of the patients to test. Measured on the test side, 95%
intervals by patient:

* `text_to_image_recall@10`: a report finds an image of its examination;
* `true_before_wrong`: an image is nearer to its true report than to the same report with an error planted (by kind);
* `class_auc`: the class's Russian name scores images, mean over the classes; `rare_auc`: those in under 6% of the studies;
* `fused`: a report finds its examination by the attention over its slices, by their mean, and by the best slice.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
from sklearn.metrics import roc_auc_score

from caseindex.demo.diagnoses import PUBLISHED
from caseindex.demo.source import Recipe, make_source
from caseindex.encoders.model import load_text_encoder
from caseindex.index.archive import Archive
from caseindex.ingest.pipeline import ingest
from caseindex.records import Float32Array, ItemKind
from caseindex.reports.text.languages import detect
from caseindex.train.held_out import by_patient
from caseindex.train.pair import train_pair
from caseindex.train.pair_settings import PairSettings
from caseindex.train.text_negatives import KINDS, wrong_texts

RESULT = Path(__file__).parent / "results" / "pair_options.json"
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "soft_targets": {"soft_targets": True},
    "text_negatives": {"text_negatives": 2},
    "attention": {"fusion": "attention"},
    "balance": {"balance": 0.1},
    "siglip": {"loss": "siglip"},
    "siglip_soft": {"loss": "siglip", "soft_targets": True},
    "soft_and_negatives": {"soft_targets": True, "text_negatives": 2},
}


def make(folder: Path, examinations: int, slices: int) -> Archive:
    make_source(folder / "source", Recipe(images=slices * examinations, slices=slices))
    archive, _ = Archive.create(folder / "archive")
    ingest(
        archive.store,
        [folder / "source"],
        settings=archive.settings,
        rejected=archive.rejected_file,
        thumbnails=archive.thumbnails_dir,
        detect_language=detect,
    )
    return archive


def measured(archive: Archive, name: str, fingerprint: str, studies: set[str]) -> dict[str, Any]:
    """Of the model ``name`` on the images of ``studies``."""
    encoder = load_text_encoder(archive.models_dir, name)
    assert encoder is not None
    vectors, texts, patients, labels = [], [], [], []
    with archive.store.read() as reader:
        reports = {study: next(iter(reader.reports(study_uid=study))).text for study in studies}
        for image in reader.images():
            vector = reader.embedding(fingerprint, ItemKind.IMAGE, image.image_uid)
            if image.study_uid in studies and vector is not None:
                vectors.append(vector)
                texts.append(reports[image.study_uid])
                patients.append(image.patient_id or image.study_uid)
                labels.append(image.labels[0])
    images = np.stack(vectors)
    return {**_against_wrong(encoder.encode, images, texts, patients), **_of_classes(encoder.encode, images, labels)}


def _against_wrong(encode: Any, images: Float32Array, texts: list[str], patients: list[str]) -> dict[str, Any]:
    names = ("hydrocephalus", "ischemic_stroke", "brain_tumor", "brain_atrophy", "arachnoid_cyst")
    findings = dict.fromkeys(names, 1.0)
    made = {
        text: wrong_texts(text, findings, np.random.default_rng(number))
        for number, text in enumerate(sorted(set(texts)))
    }
    distinct = sorted(made)
    true = dict(zip(distinct, encode(distinct), strict=True))
    out: dict[str, Any] = {}
    everything: list[float] = []
    owners: list[str] = []
    for kind in KINDS:
        own = [text for text in distinct if kind in made[text]]
        wrong = dict(zip(own, encode([made[text][kind] for text in own]), strict=True)) if own else {}
        rows = [n for n, text in enumerate(texts) if text in wrong]
        gaps = np.array([images[n] @ true[texts[n]] - images[n] @ wrong[texts[n]] for n in rows])
        right = np.where(np.abs(gaps) < 1e-6, 0.5, gaps > 0).tolist()  # a tie is a guess
        everything += right
        owners += [patients[n] for n in rows]
        out[kind] = _figures(right, [patients[n] for n in rows])
    return {"true_before_wrong": {"all": _figures(everything, owners), **out}}


def _figures(values: list[float], patients: list[str]) -> dict[str, Any]:
    found = by_patient(np.array(values, np.float64), patients)
    return {"pairs": len(values), "share": [round(x, 4) for x in (found.value, found.low, found.high)]}


def _of_classes(encode: Any, images: Float32Array, labels: list[str]) -> dict[str, Any]:
    names = [label for label, _ in PUBLISHED.values()]
    scores = images @ encode(names).T
    shares = {label: count / sum(count for _, count in PUBLISHED.values()) for label, count in PUBLISHED.values()}
    auc = {}
    for column, name in enumerate(names):
        truth = np.array([label == name for label in labels])
        if truth.any() and not truth.all():
            auc[name] = float(roc_auc_score(truth, scores[:, column]))
    rare = [value for name, value in auc.items() if shares[name] < 0.06]
    return {
        "class_auc": round(float(np.mean(list(auc.values()))), 4),
        "rare_auc": round(float(np.mean(rare)), 4) if rare else None,
        "classes": len(auc),
        "rare_classes": len(rare),
    }


def _run(archive: Archive, variant: str, seed: int, epochs: int) -> dict[str, Any]:
    settings = PairSettings(
        name=f"{variant}-{seed}",
        epochs=epochs,
        patience=epochs,
        batch=32,
        test=0.3,
        validation=0.15,
        seed=seed,
        keep_start=False,  # the options change the training, so what comes of training is compared
        **VARIANTS[variant],
    )
    done = train_pair(archive, settings, tensorboard=False, use=False)
    split = json.loads((done.run / "split.json").read_text())
    recall = done.comparison.recall["text_to_image_recall@10"]
    return {
        "seed": seed,
        "studies": done.studies,
        "best_epoch": done.loop.best_epoch,
        "text_to_image_recall@10": [round(x, 4) for x in (recall.value, recall.low, recall.high)],
        "chance@10": round(done.comparison.chance["text_to_image_recall@10"], 4),
        **measured(archive, settings.name, done.fingerprint, set(split["test"])),
        "fused": asdict(done.fused) if done.fused else None,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examinations", type=int, default=300)
    parser.add_argument("--slices", type=int, default=2, help="of each examination")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(VARIANTS))
    parser.add_argument("--scratch", type=Path, default=None, help="keep the archive here, and use one that is there")
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = arguments.scratch or Path(name)
        scratch.mkdir(exist_ok=True)
        there = scratch / "archive" / "archive.toml"
        archive = (
            Archive.open(there.parent) if there.exists() else make(scratch, arguments.examinations, arguments.slices)
        )
        result: dict[str, Any] = {"examinations": arguments.examinations, "epochs": arguments.epochs, "variants": {}}
        for seed in range(arguments.seeds):
            for variant in arguments.only:
                start = time.perf_counter()
                result["variants"].setdefault(variant, []).append(_run(archive, variant, seed, arguments.epochs))
                print(f"{variant} {seed}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
                arguments.result.parent.mkdir(parents=True, exist_ok=True)
                arguments.result.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
        archive.store.close()
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
