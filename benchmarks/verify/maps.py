"""Whether the region maps of `verify --html` show where the finding is, and what their deletion test is worth.

    python benchmarks/verify/maps.py [--work DIR] [--each N]

True statements about synthetic brain CT of persons that nothing was learned from (seed 2), whose lesions' places are known
to the drawing. Up to N statements of each finding. Hit: the map's strongest cell has its centre in the lesion's box
(pointing game, Zhang et al. 2018); by chance: the share of the head's cells that have. Covered: the lesion's centre is in the
fifth of the cells that speak most; by chance: if they were drawn from the head's cells. Intervals: 95%, by patient.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
from planted import archive_of
from unseen import draw

from caseindex.demo.source import MANIFEST
from caseindex.evaluation.bootstrap import interval_of_mean
from caseindex.records import Language, PixelArray, Polarity
from caseindex.retrieval.verify.claims import claims_of, is_of_now
from caseindex.retrieval.verify.filed import fold_of
from caseindex.retrieval.verify.opened import open_verifier
from caseindex.retrieval.verify.regions import CELLS, Region, regions

RESULT = Path(__file__).parent / "results" / "maps.json"
#: Findings of reports -> what was drawn. Diffuse ones (atrophy, hydrocephalus) have no place.
DRAWN: Final = {
    "ischemic_stroke": "infarct",
    "brain_hemorrhage": "hematoma",
    "sah": "subarachnoid",
    "small_vessel_disease": "leukoaraiosis",
    "brain_edema": "edema",
    "arachnoid_cyst": "cyst",
    "intracranial_aneurysm": "aneurysm",
    "brain_mass": "tumor",
    "lacunar_stroke": "lacune",
}
_DARK = 20  # grey value below which a picture shows nothing
_FIFTH = 10  # cells

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Asked:
    file: Path
    patient: str
    concept: str
    box: Box


def asked(folder: Path, each: int) -> Iterator[Asked]:
    counts = dict.fromkeys(DRAWN, 0)
    with (folder / MANIFEST).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            kinds = [part.split(":")[0] for part in row["findings"].split(";") if part]
            boxes = [tuple(map(int, part.split(","))) for part in row["boxes"].split(";") if part]
            told = {
                one.finding
                for one in claims_of(row["report"], Language(row["language"])).statements
                if is_of_now(one) and one.polarity is Polarity.PRESENT
            }
            for concept, kind in DRAWN.items():
                if concept in told and kinds.count(kind) == 1 and counts[concept] < each:
                    counts[concept] += 1
                    yield Asked(folder / row["image"], row["patient_id"], concept, boxes[kinds.index(kind)])  # type: ignore[arg-type]


def judged(one: Region, picture: PixelArray, box: Box) -> dict[str, float]:
    rows, columns = picture.shape[:2]
    y, x = (np.indices((CELLS, CELLS)) + 0.5) * np.array([rows, columns])[:, None, None] / CELLS
    left, top, right, bottom = box
    inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    means = picture[: rows // CELLS * CELLS, : columns // CELLS * CELLS].reshape(CELLS, rows // CELLS, CELLS, -1)
    head = means.mean((1, 3)) > _DARK
    if not inside.any():  # smaller than a cell: the cell that holds its centre
        inside[int((top + bottom) / 2 * CELLS / rows), int((left + right) / 2 * CELLS / columns)] = True
    centre = int((top + bottom) / 2 * CELLS / rows), int((left + right) / 2 * CELLS / columns)
    best = np.argsort(-one.map, axis=None)
    return {
        "hit": float(inside.flat[best[0]]),
        "hit_by_chance": float(inside[head].mean()),
        "covered": float(centre[0] * CELLS + centre[1] in best[:_FIFTH].tolist()),
        "covered_by_chance": min(1.0, _FIFTH / int(head.sum())),
        "passed": float(one.holds),
    }


def summary(found: list[dict[str, float]], patients: list[str]) -> dict[str, Any]:
    out: dict[str, Any] = {"statements": len(found)}
    for name in ("hit", "hit_by_chance", "covered", "covered_by_chance", "passed"):
        out[name] = _span([one[name] for one in found], patients)
    for name in ("hit", "covered"):
        out[f"{name}_above_chance"] = _span([one[name] - one[f"{name}_by_chance"] for one in found], patients)
    for name, passed in (("where_passed", 1.0), ("where_not_passed", 0.0)):
        rows = [n for n, one in enumerate(found) if one["passed"] == passed]
        if rows:
            own = [patients[n] for n in rows]
            out[name] = {
                "statements": len(rows),
                **{key: _span([found[n][key] for n in rows], own) for key in ("hit", "covered")},
            }
    return out


def _span(values: list[float], patients: list[str]) -> dict[str, float | None]:
    span = interval_of_mean(values, patients)
    low, high = (None if part is None else round(part, 3) for part in (span.low, span.high))
    return {"value": round(span.value, 3), "low": low, "high": high}


def run(work: Path, each: int) -> dict[str, Any]:
    from caseindex.demo.source import Recipe, make_source
    from caseindex.retrieval.verify.verify import read_images

    make_source(work / "synthetic", Recipe())
    archive = archive_of(work / "synthetic", work / "synthetic-archive")
    opened = open_verifier(archive)
    draw(work / "unseen", 1000)
    encoder = opened.model.image
    if encoder is None:
        raise SystemExit("no image encoder")
    found: dict[str, list[dict[str, float]]] = {}
    patients: dict[str, list[str]] = {}
    for one in asked(work / "unseen", each):
        _, (picture,) = read_images(archive, one.file)
        made = regions(
            encoder, opened.verifier.witnesses.expectation, picture, fold_of(one.patient), [(one.concept, None)]
        )
        for region in made:
            found.setdefault(one.concept, []).append(judged(region, picture, one.box))
            patients.setdefault(one.concept, []).append(one.patient)
    everything = [one for part in found.values() for one in part]
    document = {"all": summary(everything, [one for part in patients.values() for one in part])}
    return {**document, "findings": {name: summary(part, patients[name]) for name, part in found.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, help="a folder to keep archives in; default: a temporary one")
    parser.add_argument("--each", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = (given.work or Path(temporary)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        document = run(work, given.each)
    RESULT.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(json.dumps(document["all"], indent=1))


if __name__ == "__main__":
    main()
