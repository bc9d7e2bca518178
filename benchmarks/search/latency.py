"""`caseindex search --text` on an archive of 10,000 cases, a new process for each question: seconds, and where they go.

    python benchmarks/search/latency.py [--cases 10000] [--runs 7]

The archive is synthetic (``ten_thousand.py``), in three languages, with its word index built as `ingest` builds it. Each
question is asked in a process of its own; the bare interpreter runs in alternation, because the machine's speed drifts.
Bytecode of the program is cached, as in any installation. ``profile`` breaks one process down, from inside it: seconds of
the imports, of reading the lexicon and the question, of opening the index, of scoring, and of the hits with what matched.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ten_thousand import make_archive

RESULT = Path(__file__).resolve().parent / "results" / "latency.json"
QUESTIONS = ("ишемический инсульт", "subarachnoid hemorrhage", "脑积水")

#: Run in a new process with the archive and a question as arguments.
PROFILE = """
import time
began = time.perf_counter()
def lap(name):
    global began
    now = time.perf_counter(); laps[name] = now - began; began = now
laps = {}
import json, sys
from pathlib import Path
import caseindex.cli.main, typer._adapters, caseindex.cli.search
lap("imports_command_line")
import numpy
lap("imports_numpy")
from caseindex.index.archive import Archive
from caseindex.index.filters import Filters
from caseindex.retrieval.query import Channel, Query, as_document
from caseindex.retrieval.search import Searcher
import caseindex.reports.statements, caseindex.index.store
lap("imports_search")
archive = Archive.find(Path(sys.argv[1]))
archive.store
lap("open_archive")
from caseindex.reports.lexicon import load_lexicon
load_lexicon()
lap("lexicon")
from caseindex.retrieval.question import read_question
question = read_question(sys.argv[2])
lap("read_question")
from caseindex.retrieval.word_index import open_word_index
index = open_word_index(archive)
lap("open_word_index")
from caseindex.retrieval.words import score_reports
score_reports(index, question)
lap("score")
answer = Searcher(archive).search(Query(text=sys.argv[2]))
assert len(answer.hits) == 10, "too few hits"
lap("hits_and_all_again")
print(json.dumps(laps))
"""


def environment(cache: Path) -> dict[str, str]:
    """Ours, with bytecode cached."""
    own = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**own, "PYTHONPYCACHEPREFIX": str(cache)}


def timed(words: list[str], env: dict[str, str]) -> tuple[float, float]:
    """(wall seconds, processor seconds) of a process."""
    before = os.times()
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], capture_output=True, check=True, env=env)
    wall = time.perf_counter() - start
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, spent


def build_seconds(archive: Any) -> float:
    from caseindex.retrieval.word_index import open_word_index

    start = time.perf_counter()
    open_word_index(archive)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "archive"
        archive = make_archive(folder, given.cases)
        built = build_seconds(archive)
        archive.store.close()
        env = environment(Path(temporary) / "bytecode")
        command = ["-m", "caseindex", "search", "--archive", str(folder), "--format", "json", "--text"]
        for question in QUESTIONS:  # bytecode, and the files in the page cache
            timed([*command, question], env)
        runs: dict[str, list[tuple[float, float]]] = {name: [] for name in (*QUESTIONS, "bare_interpreter")}
        for _ in range(given.runs):
            for question in QUESTIONS:
                runs[question].append(timed([*command, question], env))
            runs["bare_interpreter"].append(timed(["-c", "pass"], env))
        profiles = []
        for _ in range(given.runs):
            words = [sys.executable, "-c", PROFILE, str(folder), QUESTIONS[0]]
            profiles.append(json.loads(subprocess.run(words, capture_output=True, check=True, env=env).stdout))
    together = [one for question in QUESTIONS for one in runs[question]]
    document: dict[str, Any] = {
        "cases": given.cases,
        "runs": given.runs,
        "load_average": round(os.getloadavg()[0], 1),
        "cores": len(os.sched_getaffinity(0)),
        "word_index_build_s": round(built, 2),
        "search": _figures(together),
        "by_question": {question: _figures(runs[question]) for question in QUESTIONS},
        "bare_interpreter": _figures(runs["bare_interpreter"]),
        "profile": {name: round(statistics.median(one[name] for one in profiles), 4) for name in profiles[0]},
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(json.dumps(document, ensure_ascii=False, indent=1))


def _figures(values: list[tuple[float, float]]) -> dict[str, float]:
    walls, spent = [wall for wall, _ in values], [cpu for _, cpu in values]
    return {
        "median_s": round(statistics.median(walls), 3),
        "min_s": round(min(walls), 3),
        "max_s": round(max(walls), 3),
        "processor_median_s": round(statistics.median(spent), 3),
    }


if __name__ == "__main__":
    main()
