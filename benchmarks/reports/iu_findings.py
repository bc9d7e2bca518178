"""Findings that the statements of real reports name, against the annotation of experts (the `Problems` of Open-I).

    python benchmarks/reports/iu_findings.py

2,948 English chest X-ray reports. A finding counts as found where the findings or the impression state it as present.
The annotators gave what they thought worth indexing, also where it was doubtful or old, so that neither precision nor
recall can reach 1. Intervals: 95%, percentile bootstrap over reports (one per patient).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import time
from pathlib import Path

import numpy as np

from caseindex.records import Language, Polarity
from caseindex.reports.lexicon import load_lexicon
from caseindex.reports.statements import statements

HERE = Path(__file__).parent
# Problems of the annotation -> concepts of the lexicon, each with all narrower ones.
FINDINGS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cardiomegaly": (("Cardiomegaly",), ("cardiomegaly",)),
    "atelectasis": (("Pulmonary Atelectasis",), ("atelectasis",)),
    "pleural effusion": (("Pleural Effusion", "Hydropneumothorax", "Hemothorax"), ("pleural_effusion",)),
    "pneumothorax": (("Pneumothorax", "Hydropneumothorax", "Hemopneumothorax"), ("pneumothorax",)),
    "pneumonia": (("Pneumonia",), ("pneumonia",)),
    "consolidation": (("Consolidation",), ("consolidation",)),
    "airspace disease": (("Airspace Disease",), ("airspace_disease",)),
    "infiltrate": (("Infiltrate",), ("infiltrate",)),
    "pulmonary edema": (("Pulmonary Edema",), ("pulmonary_edema",)),
    "pulmonary congestion": (("Pulmonary Congestion",), ("pulmonary_congestion",)),
    "emphysema": (("Emphysema", "Pulmonary Emphysema", "Bullous Emphysema"), ("emphysema",)),
    "COPD": (("Pulmonary Disease, Chronic Obstructive",), ("copd",)),
    "nodule": (("Nodule",), ("nodule",)),
    "granuloma": (("Calcified Granuloma", "Granuloma", "Granulomatous Disease"), ("granuloma", "calcified_lymph_node")),
    "scar or fibrosis": (("Cicatrix", "Pulmonary Fibrosis"), ("fibrosis",)),
    "scoliosis": (("Scoliosis",), ("scoliosis",)),
    "kyphosis": (("Kyphosis",), ("kyphosis",)),
    "fracture": (("Fractures, Bone",), ("fracture",)),
    "osteophyte": (("Osteophyte",), ("osteophyte",)),
    "spondylosis": (("Spondylosis",), ("spondylosis",)),
    "hiatal hernia": (("Hernia, Hiatal",), ("hiatal_hernia",)),
    "atherosclerosis": (("Atherosclerosis",), ("atherosclerosis",)),
    "catheter": (("Catheters, Indwelling",), ("central_line",)),
    "eventration": (("Diaphragmatic Eventration",), ("diaphragmatic_eventration",)),
}


def intervals(truth: np.ndarray, found: np.ndarray, times: int = 1000) -> dict[str, list[float]]:
    """[reports, findings] bool each -> micro precision, recall and F1 as [value, low, high]."""
    right, claimed, real = (truth & found).sum(1), found.sum(1), truth.sum(1)
    drawn = np.random.default_rng(0).integers(0, len(truth), (times, len(truth)))
    rows = [np.arange(len(truth)), *drawn]
    figures = np.array(
        [
            (
                right[r].sum() / claimed[r].sum(),
                right[r].sum() / real[r].sum(),
                2 * right[r].sum() / (claimed[r].sum() + real[r].sum()),
            )
            for r in rows
        ]
    )
    low, high = np.percentile(figures[1:], [2.5, 97.5], axis=0)
    return {
        name: [round(float(x), 4) for x in (figures[0, i], low[i], high[i])]
        for i, name in enumerate(("precision", "recall", "f1"))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(os.environ.get("CASEINDEX_TEST_DATA", HERE.parents[1].parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default, help="the folder of the public packs")
    parser.add_argument("--result", type=Path, default=HERE / "results" / "iu_findings.json")
    arguments = parser.parse_args()
    with (arguments.data / "iu_reports_text" / "reports.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["Problems"] and "No Indexing" not in row["Problems"]]
    lexicon = load_lexicon()
    wanted = [
        frozenset(c for concept in concepts for c in lexicon.expand(concept)) for _, concepts in FINDINGS.values()
    ]
    problems = [frozenset(names) for names, _ in FINDINGS.values()]
    truth = np.zeros((len(rows), len(FINDINGS)), bool)
    found, doubted = np.zeros_like(truth), np.zeros_like(truth)
    characters = 0
    start = time.perf_counter()
    for number, row in enumerate(rows):
        truth[number] = [bool(names & set(row["Problems"].split(";"))) for names in problems]
        text = f"FINDINGS: {row['findings']}\n\nIMPRESSION: {row['impression']}"
        characters += len(text)
        stated = statements(text, Language.ENGLISH)
        present = {s.finding for s in stated if s.polarity is Polarity.PRESENT}
        doubtful = {s.finding for s in stated if s.polarity is Polarity.UNCERTAIN and not s.historical}
        found[number] = [bool(concepts & present) for concepts in wanted]
        doubted[number] = [bool(concepts & (present | doubtful)) for concepts in wanted]
    seconds = time.perf_counter() - start
    per_finding = {}
    for column, name in enumerate(FINDINGS):
        right = int((truth[:, column] & found[:, column]).sum())
        claimed, real = int(found[:, column].sum()), int(truth[:, column].sum())
        per_finding[name] = {
            "annotated": real,
            "precision": round(right / claimed, 4) if claimed else None,
            "recall": round(right / real, 4) if real else None,
            "f1": round(2 * right / (claimed + real), 4) if claimed + real else None,
        }
    result = {
        "reports": len(rows),
        "present": intervals(truth, found),
        "present_or_uncertain": intervals(truth, doubted),
        "findings": per_finding,
        "ms_per_1000_characters": round(1e6 * seconds / characters, 2),
    }
    arguments.result.parent.mkdir(parents=True, exist_ok=True)
    arguments.result.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
