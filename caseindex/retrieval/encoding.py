"""The question as vectors: by the model in use, whose missing embeddings are computed first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from caseindex.errors import ModelError, NotInArchive
from caseindex.index.archive import Archive
from caseindex.records import Float32Array, ItemKind, PixelArray
from caseindex.retrieval.notes import SOME_NOT_EMBEDDED, SOME_UNREADABLE, STUDY_NOT_EMBEDDED

if TYPE_CHECKING:
    from caseindex.encoders.model import Model

OnProgress = Callable[[str, int, int], None]

#: More missing embeddings than this are not computed on the way to an answer: it would take hours without a GPU.
MOST_ON_THE_WAY = 20_000


@dataclass(frozen=True, slots=True)
class Encoding:
    """The model that made the vectors."""

    name: str
    fingerprint: str
    dim: int


def chosen_model(archive: Archive, name: str | None) -> str:
    return name or archive.settings.models.search


def load_image_model(archive: Archive, name: str | None) -> Model:
    """The model with its image encoder. Raises :class:`~caseindex.errors.ModelError` for one without."""
    from caseindex.encoders.model import load_model
    from caseindex.index.identity_model import NAME, identity_model

    chosen = chosen_model(archive, name)
    model = identity_model(archive, NAME) if chosen == NAME else load_model(archive.models_dir, chosen)
    if model.image is None:
        raise ModelError(chosen, "this model has no image encoder", "Name another one with --model")
    return model


def image_vectors(
    archive: Archive,
    name: str | None,
    pictures: tuple[PixelArray, ...],
    study_uid: str | None,
    *,
    embed_missing: bool,
    on_progress: OnProgress | None,
    notes: list[str],
) -> tuple[Encoding, Float32Array]:
    """(the model, [n, dim]): the pictures encoded, and the embeddings of the study's images."""
    model = load_image_model(archive, name)
    if model.image is None:
        raise RuntimeError("load_image_model gave a model without an image encoder")
    if embed_missing:
        complete_embeddings(archive, model, on_progress, notes)
    parts: list[Float32Array] = []
    if pictures:
        parts.append(model.image.encode(np.stack([model.image.preprocess(picture) for picture in pictures])))
    if study_uid is not None:
        parts.append(_of_study(archive, model, study_uid, notes))
    vectors = np.concatenate(parts) if parts else np.zeros((0, model.dim), dtype=np.float32)
    return Encoding(model.name, model.fingerprint, model.dim), vectors


def complete_embeddings(archive: Archive, model: Model, on_progress: OnProgress | None, notes: list[str]) -> None:
    """Embeds the images that lack a vector of ``model``, unless they are so many that it would take hours: then the
    answer is of those that have one, which ``notes`` says, or :class:`~caseindex.errors.NotInArchive`."""
    from caseindex.index.embed import embed, missing

    lacking = missing(archive.store, model.fingerprint, ItemKind.IMAGE, all_slices=False)
    if not lacking.uids:
        return
    if len(lacking.uids) > MOST_ON_THE_WAY:
        if lacking.present == 0:
            raise NotInArchive(
                f"embeddings of {model.name}",
                f"{len(lacking.uids)} images have none yet",
                f"Run `caseindex embed --model {model.name}` first; it can be interrupted and goes on",
            )
        notes.append(SOME_NOT_EMBEDDED.format(n=len(lacking.uids)))
        return
    done = 0

    def advance(count: int, total: int) -> None:
        nonlocal done
        done += count
        if on_progress is not None:
            on_progress("embedding images", done, total)

    summary = embed(archive, model, kinds=(ItemKind.IMAGE,), on_progress=advance)
    if summary.unreadable:
        notes.append(SOME_UNREADABLE.format(n=len(summary.unreadable)))


def _of_study(archive: Archive, model: Model, study_uid: str, notes: list[str]) -> Float32Array:
    with archive.store.read() as reader:
        images = list(reader.images(study_uid=study_uid))
        stored = [reader.embedding(model.fingerprint, ItemKind.IMAGE, image.image_uid) for image in images]
    vectors = [vector for vector in stored if vector is not None]
    if images and not vectors:
        notes.append(STUDY_NOT_EMBEDDED)
    return np.stack(vectors) if vectors else np.zeros((0, model.dim), dtype=np.float32)


def text_vector(archive: Archive, name: str | None, text: str) -> tuple[Encoding, Float32Array] | None:
    """(the model, [1, dim]) of the words; ``None`` where the model has no text encoder, or knows none of the words
    (its vector is zero)."""
    from caseindex.encoders.model import load_text_encoder

    chosen = chosen_model(archive, name)
    encoder = load_text_encoder(archive.models_dir, chosen)
    if encoder is None:
        return None
    vector = encoder.encode([text])
    if not np.isfinite(vector).all() or float(np.linalg.norm(vector)) < 0.5:
        return None
    return Encoding(encoder.name, encoder.fingerprint, encoder.dim), vector
