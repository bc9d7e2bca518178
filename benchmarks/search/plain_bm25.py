"""What plain BM25 (`bm25s` with its defaults, lower-cased words, no languages, no negation) answers to the same questions.

python benchmarks/search/plain_bm25.py MANIFEST QUESTIONS.tsv [--body-part HEAD]
"""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path

import bm25s

_WORD = re.compile(r"[\u4e00-\u9fff]|\w+")


def measure(manifest: Path, questions: Path, body_part: str) -> dict[str, dict[str, float]]:
    """language -> precision@1 and precision@5 at patient level."""
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["body_part"] == body_part]
    scorer = bm25s.BM25()
    scorer.index([_WORD.findall(row["report"].lower()) for row in rows], show_progress=False)
    found: dict[str, list[tuple[float, float]]] = {}
    with questions.open(encoding="utf-8", newline="") as file:
        for question in csv.DictReader(file, delimiter="\t"):
            words = [word for word in _WORD.findall(question["query"].lower()) if word in scorer.vocab_dict]
            scores = scorer.get_scores(words) if words else [0.0] * len(rows)
            order = sorted((i for i in range(len(rows)) if scores[i] > 0), key=lambda i: -scores[i])
            patients = list(dict.fromkeys(rows[i]["patient_id"] for i in order))[:5]
            right = [patient in question["patients"].split(";") for patient in patients]
            found.setdefault(question["language"], []).append((float(any(right[:1])), sum(right) / 5))
    return {
        language: {
            "precision@1": sum(first for first, _ in values) / len(values),
            "precision@5": sum(five for _, five in values) / len(values),
        }
        for language, values in found.items()
    }


if __name__ == "__main__":
    part = sys.argv[sys.argv.index("--body-part") + 1] if "--body-part" in sys.argv else "HEAD"
    print(json.dumps(measure(Path(sys.argv[1]), Path(sys.argv[2]), part), indent=1))
