"""Reports near in meaning are near in space: what `train language` makes of reports, by retrieval.

    python benchmarks/reports/language.py

Two archives, each trained on its own reports, split by patient; figures on the test side only, 95% intervals by patient:

* `iu`: 2,948 English chest X-ray reports (one per patient). A report's `Problems` (expert annotation) name its findings;
  right is a report with the very same set. Reports without a finding ("normal") are in the gallery and ask nothing.
  Across languages: the statements of a report told in Russian, English or Chinese by the lexicon find the report.
* `synthetic`: brain CT of the demonstration, a third of the reports in each language. Right is a report of the same class
  (its ground truth), of another patient; across languages: the gallery holds only reports of the other language.

The share of pairs that are told in another language is 0.65 for the synthetic archive (its default; 0.4 was worse there)
and 0.4 for the other.

Beside it: the overlap of words (tf-idf), the lexicon's concepts alone (no training), and chance.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from caseindex.demo.cohort import plan
from caseindex.demo.wording import write_report
from caseindex.encoders.concept_features import ConceptFeatures
from caseindex.encoders.model import load_text_encoder
from caseindex.index.archive import Archive
from caseindex.records import Language, Report, Study
from caseindex.reports.lexicon import load_lexicon
from caseindex.reports.statements import statements
from caseindex.reports.translation import told
from caseindex.train.held_out import by_patient, chance_at, hits_at
from caseindex.train.language import train_language
from caseindex.train.language_settings import LanguageSettings

HERE = Path(__file__).parent
KS = (1, 5, 10)
Encode = Callable[[Sequence[str]], np.ndarray]


def concepts_alone(texts: Sequence[str]) -> np.ndarray:
    features = ConceptFeatures(tuple(load_lexicon().concepts))
    return np.stack([features(text) for text in texts])


def word_overlap(corpus: Sequence[str]) -> Encode:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"[一-鿿]|\w+").fit(corpus)
    return lambda texts: np.asarray(vectorizer.transform(texts).todense(), np.float32)


def recall(similarity: np.ndarray, right: np.ndarray, patients: Sequence[str]) -> dict[str, Any]:
    """[queries, gallery]; -inf where a report must not answer (the query's own)."""
    asked = right.any(1)
    out: dict[str, Any] = {"queries": int(asked.sum()), "gallery": right.shape[1]}
    for k in KS:
        found = by_patient(hits_at(similarity, right, k), patients)
        out[f"recall@{k}"] = [round(x, 4) for x in (found.value, found.low, found.high)]
        out[f"chance@{k}"] = round(chance_at(right, k), 4)
    precision = np.full(len(right), np.nan)
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :10]
    precision[asked] = np.take_along_axis(right, nearest, 1)[asked].mean(1)
    found = by_patient(precision, patients)
    out["precision@10"] = [round(x, 4) for x in (found.value, found.low, found.high)]
    return out


def same_findings(encoders: dict[str, Encode], texts: list[str], labels: list[Any], patients: list[str]) -> Any:
    """Whether the nearest reports of other patients have just the same label."""
    other = np.array([[a != b for b in patients] for a in patients])
    right = np.array([[a == b and bool(a) for b in labels] for a in labels]) & other
    out = {}
    for name, encode in encoders.items():
        vectors = encode(texts)
        out[name] = recall(np.where(other, vectors @ vectors.T, -np.inf), right, patients)
    return out


def across(encoders: dict[str, Encode], texts: list[str], patients: list[str]) -> Any:
    """What a report states, told in each language, finds the report (or one that states just the same)."""
    stated = [[one for one in statements(text) if not one.historical] for text in texts]
    keys = [frozenset((one.finding, one.polarity, one.side) for one in group) for group in stated]
    out: dict[str, Any] = {}
    for language in Language:
        queries = [told(group, language) for group in stated]
        asked = [place for place, query in enumerate(queries) if query]
        right = np.array([[keys[place] == other for other in keys] for place in asked])
        out[language.value] = {
            name: recall(
                encode([queries[place] for place in asked]) @ encode(texts).T, right, [patients[p] for p in asked]
            )
            for name, encode in encoders.items()
        }
    return out


def between_languages(encoders: dict[str, Encode], rows: list[dict[str, str]]) -> Any:
    """A report of one language asks among the reports of another; right is the same class."""
    out: dict[str, Any] = {}
    vectors = {name: encode([row["report"] for row in rows]) for name, encode in encoders.items()}
    for first in Language:
        for second in Language:
            if first is second:
                continue
            asking = [place for place, row in enumerate(rows) if row["language"] == first.value]
            asked = [place for place, row in enumerate(rows) if row["language"] == second.value]
            other = np.array([[rows[a]["patient_id"] != rows[b]["patient_id"] for b in asked] for a in asking])
            right = np.array([[rows[a]["diagnosis"] == rows[b]["diagnosis"] for b in asked] for a in asking]) & other
            patients = [rows[place]["patient_id"] for place in asking]
            out[f"{first.value}_to_{second.value}"] = {
                name: recall(np.where(other, table[asking] @ table[asked].T, -np.inf), right, patients)
                for name, table in vectors.items()
            }
    return out


def trained(folder: Path, studies: list[tuple[str, str, str]], settings: LanguageSettings) -> tuple[Any, set[str], Any]:
    """(study, patient, text) -> (encoders by name, the test side's studies, the run's own figures)."""
    archive, _ = Archive.create(folder)
    archive.store.put(
        studies=[Study(study_uid=study, patient_id=patient) for study, patient, _ in studies],
        reports=[Report(report_uid=f"r{study}", study_uid=study, text=text, file="t") for study, _, text in studies],
    )
    result = train_language(archive, settings, tensorboard=False)
    split = json.loads((result.run / "split.json").read_text())
    encoder = load_text_encoder(archive.models_dir, settings.name)
    assert encoder is not None
    train = {*split["train"]}
    encoders: dict[str, Encode] = {
        "trained": encoder.encode,
        "concepts": concepts_alone,
        "words": word_overlap([text for study, _, text in studies if study in train]),
    }
    run = {
        "studies": result.studies,
        "long_reports": result.long_reports,
        "epochs": result.loop.epochs,
        "best_epoch": result.loop.best_epoch,
        "seconds": round(result.loop.seconds),
    }
    return encoders, {*split["test"]}, run


def iu(data: Path, scratch: Path, settings: LanguageSettings) -> Any:
    with (data / "iu_reports_text" / "reports.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    studies = [
        (row["uid"], f"p{row['uid']}", f"FINDINGS: {row['findings']}\n\nIMPRESSION: {row['impression']}")
        for row in rows
        if row["findings"] or row["impression"]
    ]
    encoders, test, run = trained(scratch / "iu", studies, settings)
    problems = {
        row["uid"]: frozenset(row["Problems"].split(";"))
        - {"normal", "No Indexing", "Technical Quality of Image Unsatisfactory", ""}
        for row in rows
    }
    kept = [item for item in studies if item[0] in test]
    texts, patients = [text for _, _, text in kept], [patient for _, patient, _ in kept]
    return {
        "run": run,
        "same_problems": same_findings(encoders, texts, [problems[study] for study, _, _ in kept], patients),
        "told": across(encoders, texts, patients),
    }


def synthetic(scratch: Path, settings: LanguageSettings, examinations: int) -> Any:
    rows = [
        {
            "study_id": f"s{exam.number}",
            "patient_id": f"p{exam.patient}",
            "report": write_report(exam).text,
            "diagnosis": exam.disease.diagnosis.value,
            "language": exam.language.value,
        }
        for exam in plan(examinations, 0, dict.fromkeys(Language, 1 / 3))
    ]
    studies = [(row["study_id"], row["patient_id"], row["report"]) for row in rows]
    encoders, test, run = trained(scratch / "synthetic", studies, settings)
    kept = [row for row in rows if row["study_id"] in test]
    texts, patients = [row["report"] for row in kept], [row["patient_id"] for row in kept]
    return {
        "run": run,
        "same_class": same_findings(encoders, texts, [row["diagnosis"] for row in kept], patients),
        "between_languages": between_languages(encoders, kept),
        "told": across(encoders, texts, patients),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(os.environ.get("CASEINDEX_TEST_DATA", HERE.parents[1].parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default, help="the folder of the public packs")
    parser.add_argument("--result", type=Path, default=HERE / "results" / "language.json")
    parser.add_argument("--epochs", type=int, default=None, help="default: 15 of the synthetic archive, 8 of the other")
    parser.add_argument("--examinations", type=int, default=978, help="of the synthetic archive")
    parser.add_argument("--only", choices=["iu", "synthetic"], default=None)
    arguments = parser.parse_args()

    def settings(epochs: int, told_share: float) -> LanguageSettings:
        epochs = arguments.epochs or epochs
        return LanguageSettings(epochs=epochs, patience=epochs, test=0.2, told=told_share)

    start = time.perf_counter()
    result = json.loads(arguments.result.read_text("utf-8")) if arguments.only and arguments.result.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        if arguments.only in (None, "synthetic"):
            result["synthetic"] = synthetic(scratch, settings(15, 0.65), arguments.examinations)
        if arguments.only in (None, "iu"):
            result["iu"] = iu(arguments.data, scratch, settings(8, 0.4))
    arguments.result.parent.mkdir(parents=True, exist_ok=True)
    arguments.result.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(json.dumps(result, indent=2))
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
