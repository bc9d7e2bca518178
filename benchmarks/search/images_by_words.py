"""medpix2, brain cases, reports hidden: do words find the images? Precision@10 of the image channel beside the base rate.

    python benchmarks/search/images_by_words.py ../shared/data/medpix2 [--work DIR] [--questions FOLDER] [--result NAME]

The brain patients of the pack are parted into two halves. For each half a pair model is trained (`train pair`, its
defaults) on the images and reports of all other patients of the pack, of whatever body part; then the reports of the half
are taken out of the archive, and the clinical questions are asked, in three languages, of the images of the half. A case
is relevant as in ``medpix_relevance.py``. The base rate of a question is the share of relevant cases of the half, which is
what any order that knows nothing gets; questions without a relevant case in a half are not asked there. The figure is mean
precision@10 over mean base rate; its interval (95%, percentile bootstrap) draws patients of the gallery, and with each
draw cases count as often as drawn, in the ranking and in the base rate alike.

``bridge``: nothing is trained, the reports of the other patients lead to the images (``caseindex/retrieval/bridge.py``).
``trained``: the pair model alone. ``fused``: both, which is what a search does. ``untrained``: the pair model with the text
side's weights as they are before training, what is left when nothing is learned.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
PART = "HEAD"
K = 10
DRAWS = 1000
LANGUAGES = ("ru", "en", "zh")


def read_rows(pack: Path) -> list[dict[str, str]]:
    with (pack / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def linked(pack: Path, rows: Sequence[dict[str, str]], folder: Path, *, reports: bool) -> Path:
    """A source of some rows of the pack: its images, and a manifest; without reports if so asked."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for row in rows:
        if not (folder / row["image"]).exists():
            shutil.copyfile(pack / row["image"], folder / row["image"])
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, **({} if reports else {"report": "", "labels": ""})} for row in rows)
    return folder


def archive_of(source: Path, folder: Path) -> Any:
    from caseindex.index.archive import Archive
    from caseindex.ingest.pipeline import ingest
    from caseindex.reports.text.languages import detect

    if (folder / "archive.toml").is_file():
        return Archive.open(folder)
    archive, _ = Archive.create(folder)
    ingest(archive.store, [source], settings=archive.settings, rejected=archive.rejected_file, detect_language=detect)
    return archive


def halves(rows: Sequence[dict[str, str]], seed: int) -> list[list[str]]:
    patients = sorted({row["patient_id"] for row in rows if row["body_part"] == PART})
    order = np.random.default_rng(seed).permutation(len(patients))
    return [[patients[i] for i in order[start::2]] for start in (0, 1)]


def read_questions(folder: Path) -> list[dict[str, str]]:
    with (folder / "questions.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def without_reports(source: Path, folder: Path, patients: Sequence[str] | None) -> Any:
    """A copy of an archive without the reports of these patients, or of all."""
    from caseindex.index.archive import Archive

    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("models", "runs", "*.lock"))
    archive = Archive.open(folder)
    with archive.store.read() as reader:
        gone = [one.report_uid for one in reader.reports() if patients is None or one.patient_id in patients]
    archive.store.put(retired_reports=gone)
    return archive


def rankings(
    archive: Any, model: str | None, half: Sequence[str], questions: Sequence[dict[str, str]], channels: tuple[str, ...]
) -> list[dict[str, Any]]:
    """For each question the cases of the half in the order of the image channel; what it leaves out comes last, in no
    order of merit (by patient id). ``channels``: those that may have taken part."""
    from caseindex.index.filters import Filters
    from caseindex.retrieval.query import Channel, Query
    from caseindex.retrieval.search import Searcher

    with archive.store.read() as reader:
        if any(report.patient_id in half for report in reader.reports()):
            raise SystemExit("the gallery must hold no reports")
    patients = sorted(half)
    searcher = Searcher(archive, model, embed_missing=False)
    gallery = Filters(patient_ids=tuple(patients), body_part=(PART,))
    found = []
    for question in questions:
        relevant = set(question["patients"].split(";")) & set(patients)
        if not relevant:
            continue
        answer = searcher.search(Query(text=question["query"], k=1000, channel=Channel.IMAGE, filters=gallery))
        if not set(answer.channels) <= set(channels):
            raise SystemExit(f"channels {answer.channels} took part, not only {channels}")
        found.append(
            {
                "question": question["group"],
                "language": question["language"],
                "patients": patients,
                "ranked": list(dict.fromkeys(hit.patient_id or "" for hit in answer.hits)),
                "relevant": sorted(relevant),
            }
        )
    return found


def give_embeddings(archive: Any, source: str, target: str) -> None:
    """Copies the image embeddings of one model to another one whose image side is the same."""
    from caseindex.encoders.model import load_model
    from caseindex.records import ItemKind

    fingerprints = [load_model(archive.models_dir, name).fingerprint for name in (source, target)]
    with archive.store.read() as reader:
        ids = reader.embedding_ids(fingerprints[0], ItemKind.IMAGE)
        vectors = reader.embeddings_of(fingerprints[0], ItemKind.IMAGE, ids)
        uids = [reader.item_uid(ItemKind.IMAGE, int(one)) for one in ids]
    archive.store.put_embeddings(fingerprints[1], ItemKind.IMAGE, uids, vectors)


def measured(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean precision@10, mean base rate and their ratio, with intervals over the gallery's patients."""
    rng = np.random.default_rng(0)
    by_half: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for one in found:
        by_half.setdefault(tuple(one["patients"]), []).append(one)
    precisions, rates = np.zeros(DRAWS + 1), np.zeros(DRAWS + 1)
    count = 0
    for patients, part in by_half.items():
        number = {patient: place for place, patient in enumerate(patients)}
        weights = np.ones((DRAWS + 1, len(patients)))  # the first one is what was measured
        for draw in range(1, DRAWS + 1):
            weights[draw] = np.bincount(rng.integers(0, len(patients), len(patients)), minlength=len(patients))
        for one in part:
            right = np.isin(patients, one["relevant"]).astype(float)
            order = np.array([number[patient] for patient in one["ranked"]], dtype=np.int64)
            here = weights[:, order]  # [draws, ranked]
            before = np.cumsum(here, axis=1) - here
            counted = np.clip(K - before, 0.0, here)  # how much of each stands within the first ten
            precisions += (counted * right[order]).sum(axis=1) / K
            rates += (weights * right).sum(axis=1) / len(patients)
            count += 1
    precisions, rates = precisions / count, rates / count
    ratios = precisions / np.maximum(rates, 1e-9)

    def span(values: Any) -> list[float]:
        return [round(float(end), 4) for end in np.percentile(values[1:], [2.5, 97.5])]

    return {
        "questions": count,
        "precision@10": round(float(precisions[0]), 4),
        "base_rate": round(float(rates[0]), 4),
        "times_base_rate": round(float(ratios[0]), 3),
        "intervals": {"precision@10": span(precisions), "times_base_rate": span(ratios)},
    }


def by_question(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name in dict.fromkeys(one["question"] for one in found):
        part = [one for one in found if one["question"] == name]
        row = measured(part)
        table[name] = {key: row[key] for key in ("precision@10", "base_rate", "times_base_rate")}
    return table


def untrained(model: Path, target: Path) -> str:
    """A copy of a pair model whose text side is drawn at random: the projection of every concept and word piece."""
    from caseindex.encoders import checkpoint

    if not target.is_dir():
        config = checkpoint.read_config(model)
        tensors = checkpoint.read_tensors(model, "")
        rng = np.random.default_rng(0)
        for name, value in tensors.items():
            if name.startswith("text.") and value.ndim == 2:
                drawn = rng.standard_normal(value.shape).astype(np.float32)
                tensors[name] = drawn * np.float32(value.std())
        kept = {"fingerprint", "files", "format"}
        checkpoint.save(
            target,
            {key: value for key, value in config.items() if key not in kept} | {"name": target.name},
            tensors,
            extra={"tokenizer.json": (model / "tokenizer.json").read_bytes()},
            card="A control: the text side is random.\n",
        )
    return str(target)


def run(pack: Path, work: Path, questions: Path, seed: int, minutes: float | None) -> dict[str, Any]:
    from caseindex.encoders.model import load_model
    from caseindex.index.embed import embed
    from caseindex.train.pair import train_pair
    from caseindex.train.pair_settings import PairSettings

    rows = read_rows(pack)
    asked = read_questions(questions)
    teaching = archive_of(linked(pack, rows, work / "source", reports=True), work / "teaching")
    embed(teaching, load_model(teaching.models_dir, "imagenet"))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in ("bridge", "trained", "fused", "untrained")}
    seconds = []
    for number, half in enumerate(halves(rows, seed)):
        name = f"half-{number}-seed-{seed}"
        started = time.monotonic()
        if not (teaching.models_dir / name).is_dir():
            train_pair(teaching, PairSettings(name=name, seed=seed, minutes=minutes), hold_out=half, use=False)
            seconds.append(round(time.monotonic() - started, 1))
        model = str(teaching.models_dir / name)
        embed(teaching, load_model(teaching.models_dir, name))
        teaching.store.close()
        reported = without_reports(teaching.path, work / f"reported-{number}", half)
        found["bridge"] += rankings(reported, None, half, asked, ("bridge",))
        found["fused"] += rankings(reported, model, half, asked, ("bridge", "text_to_image"))
        bare = without_reports(teaching.path, work / f"bare-{number}", None)
        found["trained"] += rankings(bare, model, half, asked, ("text_to_image",))
        random = untrained(teaching.models_dir / name, work / f"random-{number}-{seed}")
        give_embeddings(bare, model, random)
        found["untrained"] += rankings(bare, random, half, asked, ("text_to_image",))
        teaching = archive_of(work / "source", work / "teaching")
    document: dict[str, Any] = {
        "gallery_patients": sum(len(half) for half in halves(rows, seed)),
        "training_seconds": seconds,
    }
    for name, one in found.items():
        document[name] = {"all": measured(one)}
        for code in LANGUAGES:
            document[name][code] = measured([row for row in one if row["language"] == code])
    return {**document, "by_question": {name: by_question(found[name]) for name in ("bridge", "trained", "fused")}}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pack", type=Path, help="folder of medpix2 (manifest.csv, images)")
    parser.add_argument("--work", type=Path, help="a folder to keep archives and models in; default: a temporary one")
    parser.add_argument("--questions", type=Path, default=HERE, help="folder with questions.tsv")
    parser.add_argument("--minutes", type=float, help="stop each training early: another result")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--result", default="images_by_words", help="name of the file in benchmarks/search/results")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        document = run(given.pack, work, given.questions, given.seed, given.minutes)
    file = HERE / "results" / f"{given.result}.json"
    file.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(json.dumps({key: document[key]["all"] for key in ("bridge", "trained", "fused", "untrained")}, indent=1))


if __name__ == "__main__":
    main()
