"""medpix2: precision of the search over reports in three languages, beside plain BM25.

    python benchmarks/search/reports.py ../shared/data/medpix2 [--questions FOLDER] [--result NAME] [--all]

ingests the brain images of the pack (``--all``: all of it) into a new archive in a temporary folder, asks the questions of ``questions.tsv``
(of FOLDER, as they stand there; without it they are written anew from ``medpix_relevance.py``) with
`caseindex bench search`, and writes ``benchmarks/search/results/NAME.json`` (``reports`` unless another is named); a ``NAME_first_run.json`` that lies there is
set beside it.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from plain_bm25 import measure
from questions import write_questions

HERE = Path(__file__).resolve().parent
PART = "HEAD"


def caseindex(*arguments: str) -> str:
    command = [sys.executable, "-m", "caseindex", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def cut_down(pack: Path, folder: Path, part: str | None) -> None:
    """The pack's manifest and images of one body part, or all of them."""
    with (pack / "manifest.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = [row for row in reader if part in (None, row["body_part"])]
        names = list(reader.fieldnames or ())
    (folder / "images").mkdir(parents=True)
    for row in rows:
        (folder / row["image"]).write_bytes((pack / row["image"]).read_bytes())
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def main(pack: Path, folder_of_questions: Path | None, result: str, part: str | None) -> None:
    questions = folder_of_questions / "questions.tsv" if folder_of_questions else None
    if questions is None:
        questions = write_questions(pack / "manifest.csv", HERE, part)
    with tempfile.TemporaryDirectory() as work:
        folder, archive = Path(work) / "cases", Path(work) / "archive"
        cut_down(pack, folder, part)
        caseindex("init", str(archive))
        caseindex("ingest", str(folder), "--archive", str(archive))
        asked = ["--queries", str(questions), "--channel", "report", "--protocol", "words", "--details"]
        measured = json.loads(caseindex("bench", "search", *asked, "--archive", str(archive), "--format", "json"))
    document = {
        "command": "python benchmarks/search/reports.py ../shared/data/medpix2"
        + (
            f" --questions benchmarks/search/{folder_of_questions.name} --result {result}"
            if folder_of_questions
            else ""
        )
        + ("" if part else " --all"),
        "cases": measured["words"]["cases"],
        "caseindex": measured["words"]["by_channel"]["report"],
        "plain_bm25": measure(pack / "manifest.csv", questions, part),
    }
    first = HERE / "results" / f"{result}_first_run.json"
    if first.exists():  # the run before anything was fixed for these questions
        document["first_run"] = json.loads(first.read_text("utf-8"))["caseindex"]
        document["first_run"].pop("details")
    (HERE / "results").mkdir(exist_ok=True)
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    (HERE / "results" / f"{result}.json").write_text(text, "utf-8")
    for language in ("en", "ru", "zh"):
        ours, plain = document["caseindex"][language], document["plain_bm25"][language]
        figures = {name: round(ours[name], 3) for name in ("precision@1", "precision@5", "ndcg@10")}
        print(language, figures, f"precision@5 within {ours['intervals']['precision@5']}, plain BM25", plain)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="Search over reports in three languages beside plain BM25.")
    options.add_argument("pack", type=Path, help="folder of medpix2 (manifest.csv, images)")
    options.add_argument("--questions", type=Path, help="folder with questions.tsv, e.g. benchmarks/search/heldout")
    options.add_argument("--result", default="reports", help="name of the file in benchmarks/search/results")
    options.add_argument("--all", action="store_true", help="all body parts, not the head alone")
    given = options.parse_args()
    main(given.pack, given.questions, given.result, None if given.all else PART)
