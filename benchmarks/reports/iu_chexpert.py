"""CheXpert's 14 observations of real reports, against the annotation of experts (MeSH of Open-I), class by class.

    python benchmarks/reports/iu_chexpert.py

2,948 English chest X-ray reports. The annotators indexed what they found worth it in the whole report, also doubtful and
old findings, so the labels are read from the whole report here, and neither precision nor recall can reach 1; what the
published rule (the impression alone) gives stands beside it. "positive" counts the cells 1, "positive_or_uncertain" also
-1. Intervals: 95%, percentile bootstrap over reports (one per patient).
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from caseindex.records import Language
from caseindex.reports.labels.chexpert import CHEXPERT, NO_FINDING, OBSERVATIONS

HERE = Path(__file__).parent
# Observation -> MeSH headings, each with the qualifiers of which one has to stand there (none: any).
HEADINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "Enlarged Cardiomediastinum": {"Mediastinum": ("enlarged", "prominent")},
    "Cardiomegaly": {"Cardiomegaly": (), "Cardiac Shadow": ("enlarged",), "Heart": ("enlarged",)},
    "Lung Lesion": {"Nodule": (), "Mass": (), "Cavitation": ()},
    "Lung Opacity": {
        **dict.fromkeys(("Opacity", "Airspace Disease", "Infiltrate", "Pulmonary Fibrosis"), ()),
        **dict.fromkeys(("Density", "Cicatrix"), ("lung", "pulmonary alveoli")),
        "Lung Diseases, Interstitial": (),
        "Markings": ("interstitial", "lung"),
    },
    "Edema": dict.fromkeys(("Pulmonary Edema", "Pulmonary Congestion", "Heart Failure"), ()),
    "Consolidation": {"Consolidation": ()},
    "Pneumonia": {"Pneumonia": ()},
    "Atelectasis": {"Pulmonary Atelectasis": ()},
    "Pneumothorax": dict.fromkeys(("Pneumothorax", "Hydropneumothorax", "Hemopneumothorax"), ()),
    "Pleural Effusion": {
        **dict.fromkeys(("Pleural Effusion", "Hydropneumothorax", "Hemothorax"), ()),
        "Costophrenic Angle": ("blunted",),
    },
    "Pleural Other": {"Thickening": ("pleura",), "Pleura": (), "Cicatrix": ("pleura",)},
    "Fracture": {"Fractures, Bone": ()},
    "Support Devices": dict.fromkeys(
        (
            *("Catheters, Indwelling", "Implanted Medical Device", "Medical Device", "Tube, Inserted", "Stents"),
            *("Surgical Instruments", "Sutures", "Spinal Fusion", "Breast Implants"),
        ),
        (),
    ),
}


def truth_of(mesh: str) -> list[bool]:
    """The 14 observations that a report's MeSH annotation names."""
    terms = [(parts[0], set(parts[1:])) for parts in (term.strip().split("/") for term in mesh.split(";"))]
    found = {
        name
        for name, headings in HEADINGS.items()
        for heading, qualifiers in terms
        if heading in headings and (not headings[heading] or qualifiers & set(headings[heading]))
    }
    if not found - {"Support Devices"}:  # the published definition
        found.add(NO_FINDING)
    return [name in found for name in OBSERVATIONS]


def figures(truth: np.ndarray, found: np.ndarray, times: int = 1000) -> dict[str, Any]:
    """[reports, 14] bool each -> F1 of each observation and their mean, each with an interval."""
    drawn = np.random.default_rng(0).integers(0, len(truth), (times, len(truth)))
    samples = [np.arange(len(truth)), *drawn]
    scores = np.array([_f1(truth[rows], found[rows]) for rows in samples])  # [samples, 14]
    low, high = np.percentile(scores[1:], [2.5, 97.5], axis=0)
    per_class = {}
    for column, name in enumerate(OBSERVATIONS):
        right = int((truth[:, column] & found[:, column]).sum())
        claimed, real = int(found[:, column].sum()), int(truth[:, column].sum())
        per_class[name] = {
            "annotated": real,
            "precision": round(right / claimed, 4) if claimed else None,
            "recall": round(right / real, 4) if real else None,
            "f1": [round(float(x), 4) for x in (scores[0, column], low[column], high[column])],
        }
    macro, micro = scores.mean(1), [_micro(truth[rows], found[rows]) for rows in samples]
    return {
        "macro_f1": [round(float(x), 4) for x in (macro[0], *np.percentile(macro[1:], [2.5, 97.5]))],
        "micro_f1": [round(float(x), 4) for x in (micro[0], *np.percentile(micro[1:], [2.5, 97.5]))],
        "observations": per_class,
    }


def _f1(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    right, all_of_both = (truth & found).sum(0), truth.sum(0) + found.sum(0)
    return 2 * right / np.maximum(all_of_both, 1)


def _micro(truth: np.ndarray, found: np.ndarray) -> float:
    return float(2 * (truth & found).sum() / (truth.sum() + found.sum()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(os.environ.get("CASEINDEX_TEST_DATA", HERE.parents[1].parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default, help="the folder of the public packs")
    parser.add_argument("--result", type=Path, default=HERE / "results" / "iu_chexpert.json")
    arguments = parser.parse_args()
    with (arguments.data / "iu_reports_text" / "reports.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["MeSH"] and "No Indexing" not in row["MeSH"]]
    whole = dataclasses.replace(CHEXPERT, from_conclusion=False)
    texts = [f"FINDINGS: {row['findings']}\n\nIMPRESSION: {row['impression']}" for row in rows]
    truth = np.array([truth_of(row["MeSH"]) for row in rows])
    result: dict[str, Any] = {"reports": len(rows)}
    for name, labels in (("whole_report", whole), ("impression_alone", CHEXPERT)):
        cells = np.array([list(labels.of(text, Language.ENGLISH).values()) for text in texts])
        result[name] = {
            "positive": figures(truth, cells == "1"),
            "positive_or_uncertain": figures(truth, (cells == "1") | (cells == "-1")),
        }
    arguments.result.parent.mkdir(parents=True, exist_ok=True)
    arguments.result.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
