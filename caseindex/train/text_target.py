"""`train text-target`: an image encoder that gives the vector of the report. The recipe, from top to bottom.

Wood et al. (arXiv 2405.02782): a language model of the domain gives a report its vector; an image network, one per
sequence where wanted, is regressed on it. No class label is used; query sentences score images afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from caseindex.encoders import catalogue, checkpoint
from caseindex.encoders.model import HEAD, TRUNK, Model, load_model
from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.encoders.whitening import Whitening, fit_whitening, normalised
from caseindex.errors import TrainingError
from caseindex.index.archive import Archive
from caseindex.index.embed import EmbedSummary, embed
from caseindex.records import Float32Array, Int64Array, ItemKind
from caseindex.train import loop
from caseindex.train.checkpoint import FILE
from caseindex.train.pair_data import Pairs, read_pairs, with_images
from caseindex.train.pair_task import ImageInput
from caseindex.train.pixel_cache import PixelCache, augmented
from caseindex.train.run_folder import RESULT, digest, run_folder, write_json
from caseindex.train.split import split_by_patient
from caseindex.train.text_target_card import text_target_card
from caseindex.train.text_target_results import TargetResults, target_results
from caseindex.train.text_target_settings import TextTargetSettings
from caseindex.train.text_target_space import CONCEPTS, TextSpace, concept_space, report_vectors, stored_space
from caseindex.train.text_target_task import TargetModule, TargetTask
from caseindex.train.towers import ProjectionHead

OnProgress = Callable[[str, int, int], None]  # stage, done now, total
#: Added to the diagonal of the closed-form start, in images.
RIDGE = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTargetResult:
    """``test``: on patients that nothing was fitted on."""

    name: str
    fingerprint: str
    run: Path
    resumed: bool
    studies: dict[str, int]
    loop: loop.LoopResult
    test: TargetResults
    embedded: EmbedSummary | None


def train_text_target(
    archive: Archive,
    settings: TextTargetSettings,
    *,
    hold_out: Collection[str] = (),
    resume: bool = True,
    tensorboard: bool = True,
    device: str | None = None,
    on_progress: OnProgress | None = None,
) -> TextTargetResult:
    """Trains on the archive's studies that have both, saves ``models/NAME`` with both sides, and embeds with it.

    ``hold_out``: patients that are used for nothing. ``device``: ``"cpu"``, ``"cuda"``; default: GPU where there is one.
    Raises :class:`~caseindex.errors.TrainingError` without data or for a loss that is not finite.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    progress = on_progress or (lambda stage, done, total: None)

    # The pairs, the images as the untrained encoder sees them, and who is on which side.
    base = load_model(archive.models_dir, settings.image_encoder, device=device)
    if not isinstance(base.image, TorchImageEncoder):
        raise TrainingError(
            settings.image_encoder, "not an image encoder that can be trained on", f"Known: {catalogue.known_names()}"
        )
    given = None if settings.text_encoder == CONCEPTS else stored_space(archive.models_dir, settings.text_encoder)
    embed(archive, base, kinds=(ItemKind.IMAGE,), on_progress=lambda n, total: progress("image features", n, total))
    pairs, features = _with_features(archive, _wanted(archive, read_pairs(archive), settings), base)
    split = split_by_patient(
        dict(zip(pairs.studies, pairs.patients, strict=True)),
        validation=settings.validation,
        test=settings.test,
        seed=settings.seed,
        hold_out=hold_out,
    )
    places = {study: place for place, study in enumerate(pairs.studies)}
    train, validation, test = (
        np.array([places[study] for study in side], np.int64) for side in (split.train, split.validation, split.test)
    )
    if len(train) < 2:
        raise TrainingError(
            "train text-target", f"{len(train)} studies to train on", "Ingest more studies with reports"
        )
    counts = {side: len(getattr(split, side)) for side in ("train", "validation", "test", "held_out")}

    # The run: a folder of its own, or the unfinished one of the same settings and data.
    data = digest([pairs.studies, pairs.patients, pairs.texts, [asdict(item) for item in pairs.images]])
    document = {
        **settings.document(),
        "base": base.fingerprint,
        "text": given.source if given else CONCEPTS,
        "data": data,
        "split": digest(asdict(split)),
    }
    folder, resumed = run_folder(archive.runs_dir, settings.name, document, resume=resume)
    write_json(folder / "split.json", asdict(split))

    # The targets: what the reports of an image say, as one unit vector.
    torch.manual_seed(settings.seed)
    train_images = np.array([image for study in train for image in pairs.images_of[study]], np.int64)
    texts = sorted({text for image in train_images for text in pairs.images[image].texts})
    space = given or concept_space([pairs.texts[text] for text in texts], settings.dim, settings.vocabulary)
    text_vectors = report_vectors(space.encoder, pairs.texts)
    progress("reports", len(pairs.texts), len(pairs.texts))
    targets = normalised(np.stack([text_vectors[list(image.texts)].mean(0) for image in pairs.images]))

    # The network: whitening, then a head that begins as the ridge regression of the targets.
    whitening = fit_whitening(features[train_images], settings.whitened, shrinkage=0.1)
    head = _started(whitening, features[train_images], targets[train_images], settings)
    trunk = None if settings.frozen else base.image.network.requires_grad_(True)
    module = TargetModule(trunk, head).to(device)
    task = TargetTask(
        pairs,
        module,
        _stored(features, device)
        if settings.frozen
        else _decoded(archive, pairs, base.image, folder, device, progress),
        targets,
        train=train,
        validation=validation,
        batch=settings.batch,
        seed=settings.seed,
        device=device,
        augment=not settings.frozen,
    )

    # Training.
    outcome = loop.run(
        task,
        torch.optim.AdamW(_groups(module, settings), betas=(0.9, 0.98)),
        loop.LoopSettings(
            epochs=settings.epochs, patience=settings.patience, minutes=settings.minutes, start_counts=True
        ),
        folder,
        on_step=lambda done, total: progress("training", done, total),
        tensorboard=tensorboard,
    )

    # How good it is on patients that it has not seen.
    tested = np.array([image for study in test for image in pairs.images_of[study]], np.int64)
    found = target_results(
        task.vectors(tested), tested, pairs, space.encoder, text_vectors, targets, seed=settings.seed
    )
    card = text_target_card(settings, space.encoder.dim, counts, outcome, found)
    fingerprint = _save(archive, settings, base, module, space, card, counts)
    model = load_model(archive.models_dir, settings.name, device=device)
    summary = embed(archive, model, on_progress=lambda n, total: progress("embedding", n, total))
    result = TextTargetResult(
        name=settings.name,
        fingerprint=fingerprint,
        run=folder,
        resumed=resumed,
        studies=counts,
        loop=outcome,
        test=found,
        embedded=summary,
    )
    write_json(folder / RESULT, {**asdict(replace(result, run=Path(folder.name))), "run": folder.name})
    (folder / checkpoint.CARD).write_text(card, "utf-8")
    for name in (FILE, "pixels.npy", "pixels.done", "readable.npy"):
        (folder / name).unlink(missing_ok=True)
    return result


def _wanted(archive: Archive, pairs: Pairs, settings: TextTargetSettings) -> Pairs:
    """The pairs of the modality and the sequence asked for."""
    if settings.modality is None and settings.sequence is None:
        return pairs
    modality, sequence = (settings.modality or "").strip().upper(), (settings.sequence or "").strip().casefold()
    kept = []
    with archive.store.read() as reader:
        for place, item in enumerate(pairs.images):
            image = reader.image(item.uid)
            series = reader.series(image.series_uid) if image is not None and image.series_uid else None
            described = (series.description or "") if series is not None else ""
            fits = image is not None and modality in ("", (image.modality or "").upper())
            if fits and sequence in described.casefold():
                kept.append(place)
    return with_images(pairs, kept)


def _with_features(archive: Archive, pairs: Pairs, base: Model) -> tuple[Pairs, Float32Array]:
    """The pairs whose images could be embedded, and [images, features]."""
    with archive.store.read() as reader:
        found = [reader.embedding(base.fingerprint, ItemKind.IMAGE, image.uid) for image in pairs.images]
    kept = [place for place, vector in enumerate(found) if vector is not None]
    if not kept:
        raise TrainingError(
            "train text-target",
            "no study of this archive has both an image (of what was asked for) and a report that speaks of it",
            "Ingest reports (`caseindex ingest --reports FILE.csv`)",
        )
    return with_images(pairs, kept), np.stack([vector for vector in found if vector is not None])


def _started(
    whitening: Whitening, features: Float32Array, targets: Float32Array, settings: TextTargetSettings
) -> ProjectionHead:
    """The head whose linear part is the ridge regression (Hoerl & Kennard 1970) of ``targets`` on the whitened features:
    the least squared error that a linear map can have, before the first step."""
    white = whitening(features).astype(np.float64)
    aimed = targets.astype(np.float64)
    mean, centre = white.mean(0), aimed.mean(0)
    gram = (white - mean).T @ (white - mean)
    solved = np.linalg.solve(gram + RIDGE * np.eye(len(gram)), (white - mean).T @ (aimed - centre))  # [width, dim]
    head = ProjectionHead(whitening, targets.shape[1], 2 * targets.shape[1], settings.dropout)
    with torch.no_grad():
        head.linear.weight.copy_(torch.from_numpy(solved.T.astype(np.float32)))
        head.linear.bias.copy_(torch.from_numpy((centre - mean @ solved).astype(np.float32)))
    return head


def _stored(features: Float32Array, device: str) -> ImageInput:
    table = torch.from_numpy(features).to(device)
    return lambda places, generator: table[torch.from_numpy(places).to(device)]


def _decoded(
    archive: Archive, pairs: Pairs, encoder: TorchImageEncoder, folder: Path, device: str, progress: OnProgress
) -> ImageInput:
    uids = [image.uid for image in pairs.images]
    cache = PixelCache(archive, uids, encoder.preprocessing, folder, lambda n, total: progress("pictures", n, total))

    def pixels(places: Int64Array, generator: np.random.Generator | None) -> torch.Tensor:
        batch = cache.batch(places).to(device, memory_format=torch.channels_last)
        return batch if generator is None else augmented(batch, generator)

    return pixels


def _groups(module: TargetModule, settings: TextTargetSettings) -> list[dict[str, Any]]:
    """Matrices decay, vectors do not; a pretrained trunk learns slowly."""
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        groups.setdefault((name.startswith("trunk."), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": settings.trunk_rate if pretrained else settings.learning_rate,
            "weight_decay": settings.weight_decay if decays else 0.0,
        }
        for (pretrained, decays), parameters in sorted(groups.items(), key=lambda item: item[0])
    ]


def _save(
    archive: Archive,
    settings: TextTargetSettings,
    base: Model,
    module: TargetModule,
    space: TextSpace,
    card: str,
    counts: dict[str, int],
) -> str:
    image = base.image
    if not isinstance(image, TorchImageEncoder):
        raise TypeError("a text-target model is saved from a trunk of the catalogue")
    tensors = {f"{TRUNK}{name}": value for name, value in image.network.state_dict().items()}
    tensors |= {f"{HEAD}{name}": value for name, value in module.head.tensors().items()}
    config = {
        "name": settings.name,
        "dim": space.encoder.dim,
        "image": {
            "trunk": image.spec,
            "trunk_dim": image.dim,
            "preprocessing": image.preprocessing.config(),
            "base_fingerprint": base.fingerprint if settings.frozen else None,
        },
        "text": space.config,
        "training": {
            "recipe": "text-target",
            "studies": counts,
            "seed": settings.seed,
            "modality": settings.modality,
            "sequence": settings.sequence,
        },
    }
    arrays = {name: value.detach().cpu().numpy() for name, value in tensors.items()} | space.tensors
    return checkpoint.save(archive.models_dir / settings.name, config, arrays, extra=space.extra, card=card)
