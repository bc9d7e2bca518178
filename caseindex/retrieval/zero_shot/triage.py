"""A triage list by query sentences: which images, or cases, show most likely what the sentences say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from caseindex.encoders.model import Model, load_model
from caseindex.encoders.prompts import margins, pair_softmax, prompt_vectors, prompts_of
from caseindex.errors import ModelError, NotInArchive, UsageError
from caseindex.evaluation.label_table import LabelTable
from caseindex.index.archive import Archive
from caseindex.index.filters import Filters, allowed_ids
from caseindex.index.trained_on import unseen_studies
from caseindex.protocols import RecordReader
from caseindex.records import Float32Array, Image, ItemKind
from caseindex.retrieval.encoding import OnProgress, complete_embeddings
from caseindex.retrieval.query import Level
from caseindex.retrieval.zero_shot.calibrated import SentenceCalibration, calibrate

if TYPE_CHECKING:
    from caseindex.ingest.decode import Decoded

DEFAULT_MODEL = "text-target"
_BLOCK = 65536


@dataclass(frozen=True, slots=True)
class Sentence:
    """``negatives``: what it is compared with; ``calibration``: ``None`` where too few unseen cases say whether it is so,
    for which ``why`` gives the reason."""

    text: str
    negatives: tuple[str, ...]
    calibration: SentenceCalibration | None
    why: str


@dataclass(frozen=True, slots=True)
class SentenceScore:
    """``margin``: cosine with the sentence minus cosine with its denial; ``score``: softmax over the two, 0..1, which
    orders alike and is no probability; ``probability``: calibrated, or ``None``."""

    margin: float
    score: float
    probability: float | None


@dataclass(frozen=True, slots=True)
class Scored:
    """``scores``: in the order of the sentences; ``best``: the place of the sentence that ranks it. ``reported``: whether
    its study has a report."""

    rank: int
    study_uid: str
    image_uid: str
    file: str
    patient_id: str | None
    modality: str | None
    reported: bool
    best: int
    scores: tuple[SentenceScore, ...]


@dataclass(frozen=True, slots=True)
class Triage:
    """``searched``: images that were scored."""

    sentences: tuple[Sentence, ...]
    model_name: str
    model_fingerprint: str
    searched: int
    cases: tuple[Scored, ...]
    notes: tuple[str, ...]


def triage(
    archive: Archive,
    texts: Sequence[str],
    *,
    negatives: Sequence[str] = (),
    model: str | None = None,
    pictures: Sequence[Decoded] = (),
    labels: LabelTable | None = None,
    filters: Filters | None = None,
    unreported: bool = False,
    level: Level = Level.CASE,
    k: int = 50,
    on_progress: OnProgress | None = None,
) -> Triage:
    """The ``k`` images (or cases, by their highest image) for which one of ``texts`` is most likely.

    ``pictures``: of files, which are scored instead of the archive's images (each file by its highest picture); the
    archive's calibrate them. ``negatives``: the denial of each text, in their order, instead of ours. ``labels``: says of
    images or studies whether a sentence, or its finding, is so, instead of the reports. ``unreported``: only images whose
    study has no report. The order is by the highest calibrated probability where every sentence has one, else by the highest margin.

    Raises :class:`~caseindex.errors.UsageError`, :class:`~caseindex.errors.ModelError` for a model without both sides,
    :class:`~caseindex.errors.NotInArchive` where nothing is left to score.
    """
    if negatives and len(negatives) != len(texts):
        raise UsageError("--negative", f"{len(negatives)} for {len(texts)} texts", "Give one for each --text, or none")
    loaded = scoring_model(archive, model)
    notes: list[str] = []
    complete_embeddings(archive, loaded, on_progress, notes)
    wanted = _scope(loaded, filters or Filters(), notes)
    known, known_vectors, reported = _embedded(archive, loaded, wanted)
    images, vectors = known, known_vectors
    if pictures:
        images, vectors, reported = _given(archive, loaded, pictures)
    if not images:
        raise NotInArchive("score", "no embedded image passes the filters", "Ingest images, or filter less")
    unseen = unseen_studies(archive, loaded.fingerprint)
    found: list[Sentence] = []
    columns, probabilities = [], []
    for number, text in enumerate(texts):
        prompts = prompts_of(text, negatives[number] if negatives else None)
        pair = prompt_vectors(loaded.text, prompts) if loaded.text is not None else None
        if pair is None:
            raise UsageError(
                "--text", f"the model knows none of the words of sentence {number + 1}", "Say it otherwise"
            )
        margin = margins(vectors, *pair)
        fitted, why = calibrate(archive, loaded, text, known, margins(known_vectors, *pair), unseen, labels)
        found.append(Sentence(text, prompts.negatives, fitted, why))
        columns.append(margin)
        probabilities.append(None if fitted is None else fitted.probability(margin))
    order = np.stack(columns, 1)  # [images, sentences]
    if all(column is not None for column in probabilities):
        order = np.stack([column for column in probabilities if column is not None], 1) + 1e-6 * order
    best = order.argmax(1)
    ranked = np.argsort(-order.max(1), kind="stable")
    cases: list[Scored] = []
    seen: set[str] = set()
    for row in ranked.tolist():
        image = images[row]
        key = image.study_uid if level is Level.CASE else image.image_uid
        key = image.file if pictures else key
        if key in seen or (unreported and reported[row]):
            continue
        seen.add(key)
        cases.append(_scored(len(cases) + 1, image, reported[row], int(best[row]), row, columns, probabilities))
        if len(cases) == k:
            break
    return Triage(tuple(found), loaded.name, loaded.fingerprint, len(images), tuple(cases), tuple(notes))


def scoring_model(archive: Archive, name: str | None) -> Model:
    """The model ``name``; without one the archive's `text-target`, else its search model, where it has both sides."""
    own = DEFAULT_MODEL if (archive.models_dir / DEFAULT_MODEL).is_dir() else archive.settings.models.search
    model = load_model(archive.models_dir, name or own)
    if model.image is None or model.text is None:
        raise ModelError(
            model.name,
            "it has no image and text encoder in one space",
            "Train one: `caseindex train text-target` or `caseindex train pair`",
        )
    return model


def _scope(model: Model, filters: Filters, notes: list[str]) -> Filters:
    """A model of one modality scores that one, unless asked otherwise."""
    only = (model.config.get("training") or {}).get("modality")
    if not only or filters.modality:
        return filters
    notes.append(f"the model was trained on {only} images and scores these alone")
    names = filters.__slots__
    return Filters(**{**{name: getattr(filters, name) for name in names}, "modality": (str(only),)})


def _embedded(archive: Archive, model: Model, filters: Filters) -> tuple[list[Image], Float32Array, list[bool]]:
    """The images that pass, in the order of their ids, their vectors [n, dim], and which studies have a report."""
    allowed = allowed_ids(archive, ItemKind.IMAGE, filters)
    images: list[Image] = []
    parts: list[Float32Array] = []
    with archive.store.read() as reader:
        for block in reader.embedding_blocks(model.fingerprint, ItemKind.IMAGE, _BLOCK):
            passing = np.ones(len(block.ids), bool) if allowed is None else np.isin(block.ids, allowed)
            for place in np.flatnonzero(passing).tolist():
                uid = reader.item_uid(ItemKind.IMAGE, int(block.ids[place]))
                image = reader.image(uid) if uid is not None else None
                if image is not None:
                    images.append(image)
                    parts.append(block.vectors[place])
        return images, np.stack(parts) if parts else np.zeros((0, model.dim), np.float32), _reported(reader, images)


def _given(archive: Archive, model: Model, pictures: Sequence[Decoded]) -> tuple[list[Image], Float32Array, list[bool]]:
    """As :func:`_embedded`, of pictures that need not be in the archive; one at a time, so that many frames fit."""
    if model.image is None:
        raise RuntimeError("scoring_model gave a model without an image encoder")
    rows = [model.image.encode(model.image.preprocess(item.pixels)[None]) for item in pictures]
    images = [item.image for item in pictures]
    with archive.store.read() as reader:
        return images, np.concatenate(rows), _reported(reader, images)


def _reported(reader: RecordReader, images: Sequence[Image]) -> list[bool]:
    known: dict[str, bool] = {}
    for image in images:
        if image.study_uid not in known:
            reports = reader.reports(study_uid=image.study_uid)
            known[image.study_uid] = any(report.text.strip() for report in reports)
    return [known[image.study_uid] for image in images]


def _scored(
    rank: int,
    image: Image,
    reported: bool,
    best: int,
    row: int,
    columns: Sequence[Float32Array],
    probabilities: Sequence[Float32Array | None],
) -> Scored:
    scores = tuple(
        SentenceScore(
            float(column[row]),
            float(pair_softmax(column[row : row + 1])[0]),
            None if probability is None else float(probability[row]),
        )
        for column, probability in zip(columns, probabilities, strict=True)
    )
    return Scored(
        rank,
        image.study_uid,
        image.image_uid,
        image.file,
        image.patient_id,
        image.modality,
        reported,
        best,
        scores,
    )
