"""medpix2, brain cases: how the channels of a search by words are put together, convex against reciprocal ranks.

    python benchmarks/search/fusion.py ../shared/data/medpix2 [--work DIR]

Two kinds of archive, on the halves, models and questions of ``images_by_words.py``: ``reported``: the cases of a half, all
with their reports; ``mixed``: all brain cases, those of the half without a report. The pair model was trained on the
patients outside the half. The channels answer once; then their answers are fused in every way of the grid: convex
combination or reciprocal ranks, with weights for the report vectors, the images by words and the bridge beside 1 for the
words. The best by nDCG@10 on the tuning questions (mean of both kinds of archive), and the weights that had been set by
judgement, stand beside what `caseindex search` does (``now``), on these and on the held-out questions, with the 95%
interval of the difference (bootstrap over questions; one question in three languages is one). Writes ``benchmarks/search/results/fusion.json``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from images_by_words import PART, archive_of, halves, linked, read_questions, read_rows, without_reports

HERE = Path(__file__).resolve().parent
REPORT_VECTORS = (0.0, 0.1, 0.25, 0.5, 1.0)
TEXT_TO_IMAGE = (0.0, 0.1, 0.2, 0.35, 0.6, 1.0)
BRIDGE = (0.0, 0.05, 0.15, 0.3, 0.6, 1.0)
#: What was used before this was measured.
JUDGED = {"words": 1.0, "report_vectors": 0.25, "text_to_image": 0.35, "bridge": 0.15, "image": 1.0}
SETS = {"tuning": HERE, "held_out": HERE / "heldout"}


def answers(
    archive: Any, model: str, gallery: Sequence[str], questions: Sequence[dict[str, str]]
) -> list[dict[str, Any]]:
    """For each question what each channel says: channel -> patient -> score."""
    from caseindex.index.filters import Filters
    from caseindex.retrieval.query import Query
    from caseindex.retrieval.search import ask_channels
    from caseindex.retrieval.under_way import UnderWay

    filters = Filters(patient_ids=tuple(gallery), body_part=(PART,))
    found = []
    with archive.store.read() as reader:
        patient_of = {study.study_uid: study.patient_id for study in reader.studies()}
        for question in questions:
            relevant = set(question["patients"].split(";")) & set(gallery)
            if not relevant:
                continue
            search = UnderWay(archive, model, Query(text=question["query"], filters=filters), reader)
            ask_channels(search)
            scores: dict[str, dict[str, float]] = {}
            for candidate in search.candidates.found.values():
                for channel, score in candidate.scores.items():
                    of = scores.setdefault(channel, {})
                    patient = patient_of[candidate.study_uid]
                    of[patient] = max(of.get(patient, 0.0), score)
            found.append({"group": question["group"], "scores": scores, "relevant": relevant})
    return found


def measured(found: Sequence[dict[str, Any]], how: Any, weights: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """(nDCG@10, precision@5), each [questions]."""
    from caseindex.evaluation.ranking import ndcg_at_k, precision_at_k
    from caseindex.retrieval.fusion import fuse

    ndcg, precision = [], []
    for one in found:
        channels = {name: scores for name, scores in one["scores"].items() if weights[name] > 0}
        fused = fuse(channels, weights, how) if channels else {}
        row = [patient in one["relevant"] for patient in sorted(fused, key=lambda name: (-fused[name], name))]
        total = len(one["relevant"])
        ndcg.append(ndcg_at_k(row, [1.0] * total, 10))
        precision.append(precision_at_k(row, total, 5))
    return np.array(ndcg), np.array(precision)


def means(found: Mapping[str, Sequence[dict[str, Any]]], how: Any, weights: Mapping[str, float]) -> dict[str, Any]:
    values = {kind: measured(of_kind, how, weights) for kind, of_kind in found.items()}
    return {
        kind: {"ndcg@10": round(float(ndcg.mean()), 4), "precision@5": round(float(precision.mean()), 4)}
        for kind, (ndcg, precision) in values.items()
    }


def difference(found: Sequence[dict[str, Any]], one: tuple[Any, Any], other: tuple[Any, Any]) -> dict[str, Any]:
    """Of nDCG@10, ``one`` less ``other``."""
    gaps = measured(found, *one)[0] - measured(found, *other)[0]
    names, group = np.unique([row["group"] for row in found], return_inverse=True)
    by_group = np.bincount(group, gaps) / np.bincount(group)
    drawn = np.random.default_rng(0).integers(0, len(names), (2000, len(names)))
    low, high = np.percentile(by_group[drawn].mean(axis=1), [2.5, 97.5])
    return {"mean": round(float(by_group.mean()), 4), "interval": [round(float(low), 4), round(float(high), 4)]}


def run(pack: Path, work: Path) -> dict[str, Any]:
    from caseindex.encoders.model import load_model
    from caseindex.index.embed import embed
    from caseindex.retrieval.fusion import WEIGHTS, Fusion
    from caseindex.train.pair import train_pair
    from caseindex.train.pair_settings import PairSettings

    rows = read_rows(pack)
    brain = sorted({row["patient_id"] for row in rows if row["body_part"] == PART})
    questions = {name: read_questions(folder) for name, folder in SETS.items()}
    found: dict[str, dict[str, list[dict[str, Any]]]] = {name: {"reported": [], "mixed": []} for name in SETS}
    teaching = archive_of(linked(pack, rows, work / "source", reports=True), work / "teaching")
    embed(teaching, load_model(teaching.models_dir, "imagenet"))
    for number, half in enumerate(halves(rows, 0)):
        name = f"half-{number}-seed-0"
        if not (teaching.models_dir / name).is_dir():
            train_pair(teaching, PairSettings(name=name, seed=0), hold_out=half, use=False)
        embed(teaching, load_model(teaching.models_dir, name))
        model = str(teaching.models_dir / name)
        for key, asked in questions.items():
            found[key]["reported"] += answers(teaching, model, half, asked)
        teaching.store.close()
        mixed = without_reports(teaching.path, work / f"reported-{number}", half)
        for key, asked in questions.items():
            found[key]["mixed"] += answers(mixed, model, brain, asked)
        teaching = archive_of(work / "source", work / "teaching")
    now = (Fusion.CONVEX, WEIGHTS)
    best: dict[str, tuple[float, tuple[Any, Any]]] = {}
    for how in Fusion:
        for vectors, images, bridge in itertools.product(REPORT_VECTORS, TEXT_TO_IMAGE, BRIDGE):
            weights = {"words": 1.0, "report_vectors": vectors, "text_to_image": images, "bridge": bridge, "image": 1.0}
            got = means(found["tuning"], how, weights)
            score = (got["reported"]["ndcg@10"] + got["mixed"]["ndcg@10"]) / 2
            if how.value not in best or score > best[how.value][0] + 1e-9:
                best[how.value] = (score, (how, weights))
    words = {"words": 1.0, "report_vectors": 0.0, "text_to_image": 0.0, "bridge": 0.0, "image": 1.0}
    ways = {
        "now": now,
        "judged": (Fusion.CONVEX, JUDGED),
        "words_alone": (Fusion.CONVEX, words),
        "rrf_judged": (Fusion.RRF, JUDGED),
    }
    ways |= {f"best_{how}": pair for how, (_, pair) in best.items()}
    document: dict[str, Any] = {
        "questions": {name: {kind: len(of) for kind, of in kinds.items()} for name, kinds in found.items()},
        "channels": sorted({channel for one in found["tuning"]["mixed"] for channel in one["scores"]}),
    }
    for name, way in ways.items():
        document[name] = {
            "how": way[0].value,
            "weights": {key: value for key, value in way[1].items() if key != "image"},
            **{key: means(kinds, *way) for key, kinds in found.items()},
        }
        if name != "now":
            document[name]["less_now"] = {
                key: {kind: difference(of, way, now) for kind, of in kinds.items()} for key, kinds in found.items()
            }
    return document


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pack", type=Path, help="folder of medpix2 (manifest.csv, images)")
    parser.add_argument("--work", type=Path, help="a folder to keep archives and models in; default: a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        document = run(given.pack, work)
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    (HERE / "results" / "fusion.json").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
