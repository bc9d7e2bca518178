"""Text to image on synthetic brain CT: precision@10 by class, by words in three languages, the reports hidden.

    python benchmarks/demo/synthetic_search.py [--work DIR] [--minutes N]

The published archive (978 images, 15 classes) is drawn; `train pair` learns from the images and reports of three
quarters of its patients; the questions (the names of the classes) are asked of the images of the other quarter, taken
into an archive without any report. The same questions are then asked of a second archive of 978 images of other
patients. Where a class has fewer than ten images in the gallery, even a perfect answer is below 1: ``best`` says how far
it can get. Intervals: 95%, percentile bootstrap over the patients of the gallery.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from caseindex.demo.diagnoses import FREQUENT, PUBLISHED, Diagnosis, label
from caseindex.demo.source import COLUMNS, MANIFEST, Recipe, make_source

RESULT = Path(__file__).parent / "results" / "synthetic_search.json"
K = 10
MODEL = "pair"

#: What a radiologist types: in Russian the archive's own label, then its English and Chinese names.
QUESTIONS: dict[Diagnosis, tuple[str, str]] = {
    Diagnosis.NORMAL: ("no pathology", "未见异常"),
    Diagnosis.ISCHEMIC: ("ischemic stroke", "缺血性脑卒中"),
    Diagnosis.ENCEPHALOPATHY: ("vascular encephalopathy", "血管性脑病"),
    Diagnosis.EDEMA: ("cerebral edema", "脑水肿"),
    Diagnosis.HEMORRHAGIC: ("hemorrhagic stroke", "出血性脑卒中"),
    Diagnosis.SUBARACHNOID: ("subarachnoid hemorrhage", "蛛网膜下腔出血"),
    Diagnosis.TRAUMA: ("traumatic brain injury", "颅脑损伤"),
    Diagnosis.IMPROVEMENT: ("interval improvement", "病情好转"),
    Diagnosis.CYST: ("arachnoid cyst", "蛛网膜囊肿"),
    Diagnosis.LACUNAR: ("lacunar stroke", "腔隙性脑梗死"),
    Diagnosis.ATROPHY: ("brain atrophy", "脑萎缩"),
    Diagnosis.HYDROCEPHALUS: ("hydrocephalus", "脑积水"),
    Diagnosis.EPIDURAL: ("epidural hematoma", "硬膜外血肿"),
    Diagnosis.ANEURYSM: ("aneurysm", "动脉瘤"),
    Diagnosis.TUMOR: ("space-occupying lesion", "占位性病变"),
}


def part_of(source: Path, target: Path, split: str | None, *, reports: bool) -> Path:
    """A source of one side of the split (all where ``None``), its files linked, without reports if so asked."""
    if (target / MANIFEST).exists():
        return target
    with (source / MANIFEST).open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if split in (None, row["split"])]
    for row in rows:
        place = target / row["image"]
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            os.link(source / row["image"], place)
        if not reports:
            row["report"] = row["language"] = ""
    with (target / MANIFEST).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return target


def archive_of(source: Path, folder: Path) -> Any:
    from caseindex.index.archive import Archive
    from caseindex.ingest.pipeline import ingest
    from caseindex.reports.text.languages import detect

    archive, _ = Archive.create(folder)
    ingest(archive.store, [source], settings=archive.settings, rejected=archive.rejected_file, detect_language=detect)
    return archive


def precision(ranked: list[bool], patients: list[str], draws: int = 1000) -> dict[str, float]:
    """precision@10 with its interval: patients drawn with replacement, each of their images as often as drawn."""
    rng = np.random.default_rng(0)
    names = sorted(set(patients))
    of = np.array([names.index(patient) for patient in patients])
    right = np.array(ranked, float)
    values = []
    for _ in range(draws):
        times = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))[of]
        values.append(np.repeat(right, times)[:K].mean())
    low, high = np.percentile(values, [2.5, 97.5])
    return {"value": float(right[:K].mean()), "low": round(float(low), 3), "high": round(float(high), 3)}


def measure(archive: Any, model: str) -> dict[str, Any]:
    """All questions to all images of ``archive``, which has no reports."""
    from caseindex.encoders.model import load_model
    from caseindex.index.embed import embed
    from caseindex.retrieval.query import Channel, Level, Query
    from caseindex.retrieval.search import Searcher

    embed(archive, load_model(archive.models_dir, model))
    with archive.store.read() as reader:
        images = {image.image_uid: image for image in reader.images()}
        reports = reader.counts().reports
    if reports:
        raise SystemExit("the gallery must hold no reports")
    searcher = Searcher(archive, model)
    classes: dict[str, Any] = {}
    for diagnosis, (english, chinese) in QUESTIONS.items():
        relevant = sum(label(diagnosis) in image.labels for image in images.values())
        found = {}
        for language, text in (("ru", label(diagnosis)), ("en", english), ("zh", chinese)):
            query = Query(text=text, k=len(images), level=Level.IMAGE, channel=Channel.IMAGE)
            hits = searcher.search(query).hits
            ranked = [label(diagnosis) in hit.labels for hit in hits]
            if ranked:
                found[language] = precision(ranked, [hit.patient_id or "" for hit in hits])
            else:
                found[language] = {"value": 0.0, "low": 0.0, "high": 0.0}
        classes[diagnosis.value] = {
            "relevant": relevant,
            "best": min(1.0, relevant / K),
            "base_rate": round(relevant / len(images), 4),
            "precision_at_10": found,
        }
    frequent = [classes[diagnosis.value] for diagnosis in FREQUENT]
    everything = list(classes.values())
    return {
        "images": len(images),
        "patients": len({image.patient_id for image in images.values()}),
        "frequent": _means(frequent),
        "all_classes": _means(everything),
        "classes": classes,
    }


def _means(rows: list[dict[str, Any]]) -> dict[str, Any]:
    by_language = defaultdict(list)
    for row in rows:
        for language, value in row["precision_at_10"].items():
            by_language[language].append(value["value"])
    means = {language: round(float(np.mean(values)), 4) for language, values in by_language.items()}
    return {
        "precision_at_10": means,
        "mean": round(float(np.mean(list(means.values()))), 4),
        "lowest_class": round(min(min(values) for values in by_language.values()), 4),
        "best": round(float(np.mean([row["best"] for row in rows])), 4),
        "base_rate": round(float(np.mean([row["base_rate"] for row in rows])), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, help="a folder to keep archives and model in; default: a temporary one")
    parser.add_argument("--minutes", type=float, help="stop the training early: another result")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        result = run(options.work or Path(temporary), options.minutes, options.seed)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(json.dumps({name: result[name]["frequent"] for name in ("held_out_quarter", "other_archive")}, indent=1))


def run(work: Path, minutes: float | None, seed: int) -> dict[str, Any]:
    from caseindex.train.pair import train_pair
    from caseindex.train.pair_settings import PairSettings

    work.mkdir(parents=True, exist_ok=True)
    make_source(work / "source", Recipe(seed=seed))
    make_source(work / "other", Recipe(seed=seed + 1))
    teaching = archive_of(part_of(work / "source", work / "train", "train", reports=True), work / "train-archive")
    model = teaching.models_dir / MODEL
    started = time.monotonic()
    if not model.is_dir():
        train_pair(teaching, PairSettings(name=MODEL, minutes=minutes, seed=seed), use=False)
    trained_s = time.monotonic() - started
    quarter = archive_of(part_of(work / "source", work / "quarter", "test", reports=False), work / "quarter-archive")
    other = archive_of(part_of(work / "other", work / "other-images", None, reports=False), work / "other-archive")
    with teaching.store.read() as reader:
        studied = {image.patient_id for image in reader.images()}
    with quarter.store.read() as reader:
        shared = studied & {image.patient_id for image in reader.images()}
    if shared:
        raise SystemExit(f"{len(shared)} patients are on both sides")
    return {
        "archive": {"images": sum(count for _, count in PUBLISHED.values()), "classes": len(PUBLISHED), "seed": seed},
        "trained_on_patients": len(studied),
        "training_seconds": round(trained_s, 1),
        "held_out_quarter": measure(quarter, str(model)),
        "other_archive": measure(other, str(model)),
    }


if __name__ == "__main__":
    main()
