"""medpix2, an image asks for images of other patients: same body part and modality at 1, same diagnosis group in the top 5.

    python benchmarks/search/image_to_image.py ../shared/data/medpix2 [--work DIR]

Two galleries, each image asking for those of other patients, beside chance:

- ``pack``: all images of the pack, by the untrained default encoder;
- ``brain``: the brain images of each of the two halves of ``images_by_words.py``, by the default encoder and by the pair
  model that was trained without that half's patients (whose ``--work`` folder is used where it is given).

A diagnosis group is what a clinical question of ``questions.tsv`` asks for (ischaemic stroke, meningioma, ...): two cases
are of one group where one question has both relevant; cases of no group do not ask. Intervals: 95%, over patients.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from images_by_words import HERE, PART, archive_of, halves, linked, read_questions, read_rows


def groups_of(questions: list[dict[str, str]]) -> dict[str, frozenset[str]]:
    """Patient -> the questions that it answers."""
    found: dict[str, set[str]] = {}
    for question in questions:
        for patient in filter(None, question["patients"].split(";")):
            found.setdefault(patient, set()).add(question["group"])
    return {patient: frozenset(names) for patient, names in found.items()}


def measured(archive: Any, model: str, groups: dict[str, frozenset[str]], patients: set[str] | None) -> dict[str, Any]:
    """``patients``: brain images of these only; ``None`` for all images."""
    from caseindex.encoders.model import load_model
    from caseindex.evaluation.search_protocol import ImageGallery, image_to_image
    from caseindex.index.embed import embed
    from caseindex.records import ItemKind

    loaded = load_model(archive.models_dir, model)
    embed(archive, loaded, kinds=(ItemKind.IMAGE,))
    with archive.store.read() as reader:
        ids = reader.embedding_ids(loaded.fingerprint, ItemKind.IMAGE)
        pairs = [(int(item), reader.image(reader.item_uid(ItemKind.IMAGE, int(item)) or "")) for item in ids]
        kept = [
            (item, image)
            for item, image in pairs
            if image is not None and (patients is None or (image.patient_id in patients and image.body_part == PART))
        ]
        vectors = reader.embeddings_of(loaded.fingerprint, ItemKind.IMAGE, np.array([item for item, _ in kept]))
    images = [image for _, image in kept]
    respects = {
        "body_part_and_modality": [frozenset({f"{image.body_part} {image.modality}"}) for image in images],
        "diagnosis_group": [groups.get(image.patient_id or "", frozenset()) for image in images],
    }
    return image_to_image(ImageGallery(vectors, [image.patient_id or image.study_uid for image in images], respects))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pack", type=Path, help="folder of medpix2 (manifest.csv, images)")
    parser.add_argument("--work", type=Path, help="a folder to keep archives and models in; default: a temporary one")
    given = parser.parse_args()
    rows = read_rows(given.pack)
    groups = groups_of(read_questions(HERE))
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        archive = archive_of(linked(given.pack, rows, work / "source", reports=True), work / "teaching")
        parts = []
        for number, half in enumerate(halves(rows, 0)):
            name = f"half-{number}-seed-0"
            if not (archive.models_dir / name).is_dir():
                from caseindex.train.pair import train_pair
                from caseindex.train.pair_settings import PairSettings

                train_pair(archive, PairSettings(name=name), hold_out=half, use=False)
            parts.append({model: measured(archive, model, groups, set(half)) for model in ("imagenet", name)})
        document = {
            "pack": {"default": measured(archive, "imagenet", groups, None)},
            "brain": {
                "default": [part["imagenet"] for part in parts],
                "trained": [part[f"half-{number}-seed-0"] for number, part in enumerate(parts)],
            },
        }
    document["brain"]["means"] = {
        encoder: {
            name: float(np.mean([part["diagnosis_group"][name] for part in document["brain"][encoder]]))
            for name in ("at_1", "in_top_5", "chance_at_1", "chance_in_top_5")
        }
        for encoder in ("default", "trained")
    }
    (HERE / "results" / "image_to_image.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    print(json.dumps(document["brain"]["means"], indent=1))
    both = document["pack"]["default"]["body_part_and_modality"]
    print({name: round(both[name], 3) for name in ("at_1", "chance_at_1")})


if __name__ == "__main__":
    main()
