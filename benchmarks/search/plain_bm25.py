"""What plain BM25 (`bm25s` with its defaults, lower-cased words, no languages, no negation) answers to the same questions.

python benchmarks/search/plain_bm25.py MANIFEST QUESTIONS.tsv [--body-part HEAD]
"""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

import bm25s

from caseindex.evaluation import ranking
from caseindex.evaluation.bootstrap import interval_of_mean

MEASURES = ("precision@1", "precision@5", "ndcg@10")
_WORD = re.compile(r"[\u4e00-\u9fff]|\w+")


def measure(manifest: Path, questions: Path, body_part: str | None) -> dict[str, dict[str, Any]]:
    """language -> precision@1, precision@5 and nDCG@10 at patient level, with their intervals over questions."""
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if body_part in (None, row["body_part"])]
    scorer = bm25s.BM25()
    scorer.index([_WORD.findall(row["report"].lower()) for row in rows], show_progress=False)
    found: dict[str, dict[str, list[float]]] = {}
    with questions.open(encoding="utf-8", newline="") as file:
        for question in csv.DictReader(file, delimiter="\t"):
            words = [word for word in _WORD.findall(question["query"].lower()) if word in scorer.vocab_dict]
            scores = scorer.get_scores(words) if words else [0.0] * len(rows)
            order = sorted((i for i in range(len(rows)) if scores[i] > 0), key=lambda i: -scores[i])
            patients = list(dict.fromkeys(rows[i]["patient_id"] for i in order))[:10]
            relevant = question["patients"].split(";")
            right = [float(patient in relevant) for patient in patients]
            values = found.setdefault(question["language"], {name: [] for name in MEASURES})
            values["precision@1"].append(float(any(right[:1])))
            values["precision@5"].append(sum(right[:5]) / 5)
            values["ndcg@10"].append(ranking.ndcg_at_k(right, [1.0] * len(relevant), 10))
    return {language: _summary(measured) for language, measured in found.items()}


def _summary(measured: dict[str, list[float]]) -> dict[str, Any]:
    intervals = {name: interval_of_mean(values, range(len(values))) for name, values in measured.items()}
    return {name: one.value for name, one in intervals.items()} | {
        "intervals": {name: [one.low, one.high] for name, one in intervals.items()}
    }


if __name__ == "__main__":
    part = sys.argv[sys.argv.index("--body-part") + 1] if "--body-part" in sys.argv else "HEAD"
    print(json.dumps(measure(Path(sys.argv[1]), Path(sys.argv[2]), part), indent=1))
