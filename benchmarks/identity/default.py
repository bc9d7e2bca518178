"""How well the untrained identity encoder finds persons and planted misfiled images, on two sources of chest X-rays.

    python benchmarks/identity/default.py [--write] [--work FOLDER]

Archives are made by `caseindex ingest`, figures by `caseindex bench identity` and `caseindex bench misfiled`: what a user
gets before anything is trained. The paediatric side holds the patients that benchmarks/identity/recipes.py tests on.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.identity.archives import caseindex, make
from benchmarks.identity.pack import DATA

RESULTS = Path(__file__).with_name("results") / "default.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, help="Keep the archives here, and use those that are there.")
    parser.add_argument("--model", default="grid")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        found = {}
        for name in ("paediatric", "adult"):
            archive, same = make(name, work, options.data)
            common = ("--archive", archive, "--model", options.model, *same)
            found[name] = {
                "identity": caseindex("bench", "identity", *common),
                "misfiled": caseindex("bench", "misfiled", *common),
            }
            print(name, found[name]["identity"]["top_n"], found[name]["identity"]["pair_auc"], found[name]["misfiled"]["tpr_at_fpr"], flush=True)  # fmt: skip
    if options.write or options.output != RESULTS:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
