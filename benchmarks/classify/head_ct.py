"""Haemorrhage and "normal" on real head CT by a sentence alone, beside a supervised head: AUC on `head_ct_200`.

    python benchmarks/classify/head_ct.py ../shared/data [--work DIR]

Without labels: an image encoder regressed on the vectors of reports (`train text-target`) scores every picture by the
sentence against its denial; once with the reports of the synthetic brain CT archive (978 pictures, three languages), once
with those of the real brain CT and MR of `medpix2`. `head_ct_200` has no reports and is seen in no training.

With labels: a head on the same encoder's features (logistic regression), five folds. The pack has no patient ids: every
picture counts as a patient, so near slices of one patient may stand in two folds, which flatters the supervised head, and
intervals (95%, bootstrap over pictures) are rather too narrow.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

RESULT = Path(__file__).parent / "results" / "head_ct.json"
#: A sentence, and the label that it asks for.
SENTENCES = (
    ("внутричерепное кровоизлияние", "hemorrhage"),
    ("intracranial hemorrhage", "hemorrhage"),
    ("颅内出血", "hemorrhage"),
    ("патологии не выявлено", "normal"),
    ("no abnormality, normal brain", "normal"),
    ("未见异常", "normal"),
)


def archive_of(folder: Path, source: Path) -> Any:
    from caseindex.index.archive import Archive
    from caseindex.ingest.pipeline import ingest
    from caseindex.reports.text.languages import detect

    archive, _ = Archive.create(folder)
    ingest(archive.store, [source], settings=archive.settings, rejected=archive.rejected_file, detect_language=detect)
    return archive


def trained(archive: Any) -> tuple[Path, dict[str, Any]]:
    """The model's folder and what it says of itself on unseen patients of its own archive."""
    from caseindex.train.text_target import train_text_target
    from caseindex.train.text_target_settings import TextTargetSettings

    started = time.monotonic()
    result = train_text_target(archive, TextTargetSettings(), tensorboard=False, resume=False)
    auc = result.test.mean_auc
    return archive.models_dir / "text-target", {
        "studies": result.studies,
        "epochs": result.loop.epochs,
        "best_epoch": result.loop.best_epoch + 1,
        "seconds": round(time.monotonic() - started, 1),
        "own_archive": {
            "findings": len(result.test.findings),
            "mean_auc": _interval(auc),
            "text_to_image_recall@10": _interval(result.test.recall["text_to_image_recall@10"]),
            "chance": round(result.test.chance["text_to_image_recall@10"], 4),
        },
    }


def by_sentence(archive: Any, model: Path) -> dict[str, Any]:
    """AUC of each sentence over all pictures of ``archive``."""
    from caseindex.retrieval.query import Level
    from caseindex.retrieval.zero_shot.triage import triage

    labels = labels_of(archive)
    out: dict[str, Any] = {}
    for text, label in SENTENCES:
        found = triage(archive, [text], model=str(model), level=Level.IMAGE, k=10_000)
        if any(case.reported for case in found.cases):
            raise SystemExit("the pictures must have no reports")
        scores = np.array([case.scores[0].margin for case in found.cases])
        truth = np.array([label in labels[case.image_uid] for case in found.cases])
        out[text] = {"asks_for": label, "against": list(found.sentences[0].negatives), "auc": auc(scores, truth)}
    return out


def labels_of(archive: Any) -> dict[str, tuple[str, ...]]:
    with archive.store.read() as reader:
        return {image.image_uid: image.labels for image in reader.images()}


def supervised(archive: Any, folds: int = 5) -> dict[str, Any]:
    """A head on the frozen encoder that the sentences use too."""
    from sklearn.linear_model import LogisticRegression

    from caseindex.encoders.model import load_model
    from caseindex.encoders.whitening import fit_whitening
    from caseindex.index.embed import embed
    from caseindex.records import ItemKind

    model = load_model(archive.models_dir, "imagenet")
    embed(archive, model, kinds=(ItemKind.IMAGE,))
    labels = labels_of(archive)
    with archive.store.read() as reader:
        vectors = np.stack([reader.embedding(model.fingerprint, ItemKind.IMAGE, uid) for uid in labels])
    truth = np.array(["hemorrhage" in found for found in labels.values()])
    fold = np.random.default_rng(0).permutation(np.arange(len(truth)) % folds)
    scores = np.zeros(len(truth))
    for number in range(folds):
        train = fold != number
        whitening = fit_whitening(vectors[train], 64, shrinkage=0.1)
        head = LogisticRegression(C=10, max_iter=1000).fit(whitening(vectors[train]), truth[train])
        scores[~train] = head.decision_function(whitening(vectors[~train]))
    return {"pictures": len(truth), "hemorrhage": int(truth.sum()), "folds": folds, "auc": auc(scores, truth)}


def auc(scores: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    from caseindex.evaluation.classification import Auc

    measure = Auc(scores.astype(np.float64), truth.astype(np.float64))
    generator = np.random.default_rng(0)
    drawn = [
        measure(np.bincount(generator.integers(0, len(truth), len(truth)), minlength=len(truth)).astype(np.float64))
        for _ in range(1000)
    ]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return {
        "value": round(measure(np.ones(len(truth))), 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
    }


def brain_part(source: Path, target: Path) -> Path:
    """The brain CT and MR of medpix2, files linked, as a source of its own."""
    target.mkdir(parents=True, exist_ok=True)
    with (source / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["body_part"].upper() in ("HEAD", "BRAIN")]
    for row in rows:
        row["image"] = str((source / row["image"]).resolve())
        link = target / Path(row["image"]).name
        if not link.exists():
            link.hardlink_to(row["image"]) if _same_disk(source, target) else link.write_bytes(
                Path(row["image"]).read_bytes()
            )
        row["image"] = link.name
    with (target / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return target


def _same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


def _interval(value: Any) -> dict[str, Any]:
    return {"value": round(value.value, 4), "interval": [round(value.low, 4), round(value.high, 4)]}


def run(data: Path, work: Path) -> dict[str, Any]:
    from caseindex.demo.source import Recipe, make_source

    pictures = archive_of(work / "head-ct", data / "head_ct_200")
    out: dict[str, Any] = {"supervised_head": supervised(pictures)}
    make_source(work / "source", Recipe())
    sources = {"synthetic": work / "source", "medpix2_brain": brain_part(data / "medpix2", work / "medpix2-brain")}
    for name, source in sources.items():
        model, about = trained(archive_of(work / f"{name}-reported", source))
        out[name] = {"model": about, "sentences": by_sentence(pictures, model)}
        _write(out)  # what is measured stays if the rest is interrupted
    return out


def _write(result: dict[str, Any]) -> None:
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder of the packs")
    parser.add_argument("--work", type=Path, help="a folder to keep archives and models in; default: a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        result = run(options.data, work)
    print(json.dumps(result, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
