"""What a recipe begins with: an image encoder that can be trained, and the archive's pairs as it sees them untrained."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from caseindex.encoders import catalogue
from caseindex.encoders.model import Model, load_model
from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.errors import TrainingError
from caseindex.index.archive import Archive
from caseindex.index.embed import embed
from caseindex.records import Float32Array, ItemKind
from caseindex.train.pair_data import Pairs, with_images
from caseindex.train.progress import OnProgress


def trainable(models_dir: Path, name: str, device: str) -> tuple[Model, TorchImageEncoder]:
    """The model ``name`` and its image encoder; arguments as of :func:`caseindex.encoders.model.load_model`.

    Raises :class:`~caseindex.errors.TrainingError` for one whose image encoder is no single network.
    """
    model = load_model(models_dir, name, device=device)
    if not isinstance(model.image, TorchImageEncoder):
        raise TrainingError(name, "not an image encoder that can be trained on", f"Known: {catalogue.known_names()}")
    return model, model.image


def embedded_pairs(
    archive: Archive, pairs: Pairs, base: Model, recipe: str, on_progress: OnProgress, *, asked_for: str = ""
) -> tuple[Pairs, Float32Array]:
    """The pairs whose images ``base`` can embed, and [images, features] of these.

    Raises :class:`~caseindex.errors.TrainingError` in the name of ``recipe`` where none is left; ``asked_for``: what it
    takes beside, in words.
    """
    embed(archive, base, kinds=(ItemKind.IMAGE,), on_progress=partial(on_progress, "image features"))
    with archive.store.read() as reader:
        found = [reader.embedding(base.fingerprint, ItemKind.IMAGE, image.uid) for image in pairs.images]
    kept = [place for place, vector in enumerate(found) if vector is not None]
    if not kept:
        raise TrainingError(
            recipe,
            f"no study of this archive has both an image{asked_for} and a report that speaks of it",
            "Ingest reports (`caseindex ingest --reports FILE.csv`)",
        )
    return with_images(pairs, kept), np.stack([vector for vector in found if vector is not None])
