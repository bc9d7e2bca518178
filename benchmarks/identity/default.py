"""How well the identity encoder finds persons and planted misfiled images, on two sources of chest X-rays.

    python benchmarks/identity/default.py [--train] [--write] [--work FOLDER]

Archives are made by `caseindex ingest`, figures by `caseindex bench identity` and `caseindex bench misfiled`: what a user
gets before anything is trained. The paediatric side holds the patients that benchmarks/identity/recipes.py tests on: with
the ids as the files have them, and ("persons") with those only that name a child (benchmarks/identity/shared_ids.py).
With `--train`, the same by a model that `caseindex train identity --sizes 160,224 --image-encoder grid --epochs 60` made on
the other paediatric patients (half an hour on 2 cores), compared by that command with the untrained default on the adult
archive, which it never saw.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.identity.archives import caseindex, make
from benchmarks.identity.pack import DATA
from caseindex.evaluation.cohort import with_cohort
from caseindex.evaluation.identity_protocol import identity_document
from caseindex.evaluation.identity_set import DEFAULT_EXCLUSIONS
from caseindex.index.archive import Archive
from caseindex.retrieval.identity.gallery import load_gallery

RESULTS = Path(__file__).with_name("results")
MOST = 4  # images of a patient in the smaller gallery: with sixty of one, an image has many that it may find
FEW = f"adult, {MOST} images a patient"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, help="Keep the archives here, and use those that are there.")
    parser.add_argument("--model", default="grid")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        found: dict[str, Any] = {}
        model = options.model
        if options.train:
            found["training"], model = _train(work, options.data)
        for name in ("paediatric", "paediatric persons", "adult"):
            archive, same = make(name, work, options.data)
            common = ("--archive", archive, "--model", model, *same)
            found[name] = {
                "identity": caseindex("bench", "identity", *common),
                "misfiled": caseindex("bench", "misfiled", *common),
            }
            if name == "adult":
                found[FEW] = {"identity": _with_few_images(archive, model)}
            print(name, found[name]["identity"]["top_n"], found[name]["identity"]["pair_auc"], found[name]["misfiled"]["tpr_at_fpr"], flush=True)  # fmt: skip
    output = options.output or RESULTS / ("trained.json" if options.train else "default.json")
    if options.write or options.output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _with_few_images(archive: Path, model: str | Path) -> dict[str, Any]:
    """`bench identity` on at most MOST images of each patient, drawn once."""
    gallery, _ = load_gallery(Archive.open(archive), str(model))
    data, generator = gallery.as_set(), np.random.default_rng(0)
    drawn = [generator.permutation(np.flatnonzero(data.persons == one))[:MOST] for one in np.unique(data.persons)]
    part = with_cohort(data.subset(np.sort(np.concatenate(drawn))), DEFAULT_EXCLUSIONS, filed=False)
    return identity_document(part)[0]


def _train(work: Path, data: Path) -> tuple[Any, Path]:
    """(what the command said, the model's folder)."""
    archive, same = make("paediatric persons training side", work, data)
    adult, _ = make("adult", work, data)
    how = ("--sizes", "160,224", "--image-encoder", "grid", "--epochs", "60")
    said = caseindex("train", "identity", "--archive", archive, *how, "--other", adult, *same)
    said["run"] = Path(said["run"]).name
    return said, archive / "models" / "identity"


if __name__ == "__main__":
    main()
