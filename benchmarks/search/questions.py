"""Writes the questions with their relevance as the TSV that `caseindex bench search --queries` reads.

    python benchmarks/search/questions.py MANIFEST FOLDER [--body-part HEAD]

makes ``FOLDER/questions_{ru,en,zh}.tsv`` and ``FOLDER/questions.tsv`` with all three.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from medpix_relevance import QUESTIONS, cases, relevant_patients

COLUMNS = ("query", "language", "group", "patients")


def write_questions(manifest: Path, folder: Path, body_part: str | None) -> Path:
    """Returns the file of all questions."""
    found = cases(manifest, body_part)
    rows: dict[str, list[dict[str, str]]] = {"ru": [], "en": [], "zh": []}
    for question in QUESTIONS:
        patients = ";".join(sorted(relevant_patients(question, found)))
        texts = {"ru": question.russian, "en": question.english, "zh": question.chinese}
        for language, text in texts.items():
            row = {"query": text, "language": language, "group": question.name, "patients": patients}
            rows[language].append(row)
    folder.mkdir(parents=True, exist_ok=True)
    for language, part in rows.items():
        _write(folder / f"questions_{language}.tsv", part)
    _write(folder / "questions.tsv", [row for part in rows.values() for row in part])
    return folder / "questions.tsv"


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    part = sys.argv[sys.argv.index("--body-part") + 1] if "--body-part" in sys.argv else "HEAD"
    print(write_questions(Path(sys.argv[1]), Path(sys.argv[2]), part))
