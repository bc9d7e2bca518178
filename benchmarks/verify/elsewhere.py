"""The line drawn on one archive, used on others, without fitting again: false alarms, what is said, and retrieval.

    python benchmarks/verify/elsewhere.py [--work DIR] [--patients N]

Fitted on the synthetic brain CT archive (seed 0). Asked: right reports of N other synthetic persons (seed 2, one
examination each, the published mix of classes); of those among them whose report is of a stroke or a haemorrhage, and as
many of normal ones as make a twentieth (another mix); of real teaching files of all body parts, and of slices cut from
papers on lung disease (both packs unlike the archive). Every flagged right report is a false alarm. On the first, which
nothing was learned from, also recall@1/5/10 in pools of 100 and 1,000 patients, both ways.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from planted import archive_of
from unseen import draw

from caseindex.evaluation.bootstrap import interval_of_mean
from caseindex.evaluation.report_errors import pool_recall
from caseindex.index.archive import Archive
from caseindex.records import Float32Array
from caseindex.retrieval.verify.claims import claims_of
from caseindex.retrieval.verify.expectation import standardised
from caseindex.retrieval.verify.opened import Opened, open_verifier
from caseindex.retrieval.verify.verdict import Ruling, Verdict
from caseindex.retrieval.verify.verify import lines, shifted, verify_all

RESULT = Path(__file__).parent / "results" / "elsewhere.json"
DATA = Path(os.environ.get("CASEINDEX_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
RATES = (0.05, 0.1)
POOLS = (100, 1000)
FLAGGED = (Ruling.DOUBTFUL, Ruling.CONTRADICTS)
STROKES = frozenset({"Ишемический инсульт", "Геморрагический инсульт", "Субарахноидальное кровоизлияние"})
NORMAL = "Патологии не выявлено"


def asked(opened: Opened, other: Archive, chosen: Callable[[Verdict], bool] = lambda one: True) -> dict[str, Any]:
    """Of the ``chosen`` cases of another archive: the share that is flagged, at each rate, and what is said."""
    there = dataclasses.replace(opened, archive=other)
    document: dict[str, Any] = {"false_alarms": {}, "flagged_if_unlike_were_judged": {}}
    found: list[Verdict] = []
    for rate in RATES:
        found = [one for one in verify_all(there, rate) if chosen(one)]
        patients = [one.filed.patient for one in found]
        flags = [float(one.ruling in FLAGGED) for one in found]
        span = interval_of_mean(flags, patients)
        line = lines(opened, rate).threshold
        document["false_alarms"][f"{rate:g}"] = {
            "value": round(span.value, 4),
            "low": round(span.low or 0.0, 4),
            "high": round(span.high or 0.0, 4),
            "expected": [round(line.low, 4), round(line.high, 4)],
        }
        below = float(np.mean([one.agreement < line.value for one in found]))
        document["flagged_if_unlike_were_judged"][f"{rate:g}"] = round(below, 4)
    said = shifted(opened, found)
    return {
        "cases": len(found),
        "patients": len({one.filed.patient for one in found}),
        **document,
        "unlike": round(float(np.mean([one.unlike for one in found])), 4),
        "says_not_promised": bool(said),
        "odd_images": round(said.images, 4),
        "findings_that_differ": [[name, round(here, 3), round(then, 3)] for name, here, then in said.findings[:5]],
    }


def other_mix(found: Sequence[Verdict]) -> Callable[[Verdict], bool]:
    """Strokes and haemorrhages, and one normal case for nineteen of them."""
    strokes = [one for one in found if STROKES & set(one.filed.images[0].labels)]
    normal = [one for one in found if NORMAL in one.filed.images[0].labels][: len(strokes) // 19]
    kept = {one.filed.report.report_uid for one in (*strokes, *normal)}
    return lambda one: one.filed.report.report_uid in kept


def recall(opened: Opened, other: Archive) -> dict[str, Any]:
    there = dataclasses.replace(opened, archive=other)
    found = verify_all(there)
    filed = [one.filed for one in found]
    with other.store.read() as reader:
        vectors = np.stack([vector for vector in there.vectors(reader, filed)[0] if vector is not None])
    expectation = opened.verifier.witnesses.expectation
    seen = expectation.seen(vectors, np.array([one.fold for one in filed], np.int64)).deviations
    told = standardised(
        expectation.targets.rows([claims_of(one.report.text, one.report.language) for one in filed]), expectation.base
    )
    matrix = _unit(seen) @ _unit(told).T
    texts, patients = [one.report.text for one in filed], [one.patient for one in filed]
    return {"pools": [pool_recall(matrix, texts, patients, pool) for pool in POOLS]}


def _unit(rows: Float32Array) -> Float32Array:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)


def run(work: Path, patients: int) -> dict[str, Any]:
    from caseindex.demo.source import Recipe, make_source

    make_source(work / "synthetic", Recipe())
    opened = open_verifier(archive_of(work / "synthetic", work / "synthetic-archive"))
    unseen = archive_of(draw(work / "unseen", patients), work / "unseen-archive")
    found = verify_all(dataclasses.replace(opened, archive=unseen))
    document = {
        "fitted_on": {"reports": opened.verifier.reports},
        "same_kind": asked(opened, unseen),
        "other_mix": asked(opened, unseen, other_mix(found)),
        "retrieval": recall(opened, unseen),
    }
    for name in ("medpix2", "covid_ct"):
        if (DATA / name).is_dir():
            document[name] = asked(opened, archive_of(DATA / name, work / f"{name}-archive"))
    return document


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, help="a folder to keep archives in; default: a temporary one")
    parser.add_argument("--patients", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = (given.work or Path(temporary)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        document = run(work, given.patients)
    RESULT.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(json.dumps(document, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
