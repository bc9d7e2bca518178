"""`train text-target`: an image encoder that gives the vector of the report. The recipe, from top to bottom.

Wood et al. (arXiv 2405.02782): a language model of the domain gives a report its vector; an image network, one per
sequence where wanted, is regressed on it. No class label is used; query sentences score images afterwards.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from caseindex.encoders import checkpoint
from caseindex.encoders.model import load_model
from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.encoders.whitening import Whitening, fit_whitening, normalised
from caseindex.index.archive import Archive
from caseindex.index.embed import EmbedSummary, embed
from caseindex.records import Float32Array
from caseindex.train.image_input import decoded_pictures, stored_features
from caseindex.train.image_saving import image_side
from caseindex.train.loop import LoopResult
from caseindex.train.optimisation import optimise, trunk_and_head
from caseindex.train.pair_data import Pairs, read_pairs, with_images
from caseindex.train.progress import OnProgress, silent
from caseindex.train.run_folder import close_run, open_run
from caseindex.train.split import split_studies
from caseindex.train.text_target_card import text_target_card
from caseindex.train.text_target_results import TargetResults, target_results
from caseindex.train.text_target_settings import TextTargetSettings
from caseindex.train.text_target_space import CONCEPTS, TextSpace, concept_space, report_vectors, stored_space
from caseindex.train.text_target_task import TargetModule, TargetTask
from caseindex.train.towers import ProjectionHead
from caseindex.train.untrained import embedded_pairs, trainable

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
    loop: LoopResult
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
    progress = on_progress or silent

    # The pairs, the images as the untrained encoder sees them, and who is on which side.
    base, encoder = trainable(archive.models_dir, settings.image_encoder, device)
    given = None if settings.text_encoder == CONCEPTS else stored_space(archive.models_dir, settings.text_encoder)
    wanted = _wanted(archive, read_pairs(archive), settings)
    pairs, features = embedded_pairs(
        archive, wanted, base, "train text-target", progress, asked_for=" (of what was asked for)"
    )
    split = split_studies(
        "train text-target", pairs.studies, pairs.patients, settings, hold_out, ingest="studies with reports"
    )
    train, validation, test = split.rows(pairs.studies)

    # The run: a folder of its own, or the unfinished one of the same settings and data.
    source = given.source if given else CONCEPTS
    folder, resumed = open_run(
        archive.runs_dir, settings, split, resume=resume, base=base.fingerprint, text=source, data=pairs.digest()
    )

    # The targets: what the reports of an image say, as one unit vector.
    torch.manual_seed(settings.seed)
    space = given or concept_space(
        [pairs.texts[text] for text in pairs.texts_in(train)], settings.dim, settings.vocabulary
    )
    text_vectors = report_vectors(space.encoder, pairs.texts)
    progress("reports", len(pairs.texts), len(pairs.texts))
    targets = normalised(np.stack([text_vectors[list(image.texts)].mean(0) for image in pairs.images]))

    # The network: whitening, then a head that begins as the ridge regression of the targets.
    learned = pairs.images_in(train)
    whitening = fit_whitening(features[learned], settings.whitened, shrinkage=0.1)
    head = _started(whitening, features[learned], targets[learned], settings)
    trunk = None if settings.frozen else encoder.network.requires_grad_(True)
    module = TargetModule(trunk, head).to(device)
    if settings.frozen:
        image_input = stored_features(features, device)
    else:
        uids = [image.uid for image in pairs.images]
        image_input = decoded_pictures(archive, uids, encoder.preprocessing, folder, device, progress)
    task = TargetTask(
        pairs,
        module,
        image_input,
        targets,
        train=train,
        validation=validation,
        batch=settings.batch,
        seed=settings.seed,
        device=device,
        augment=not settings.frozen,
    )
    outcome = optimise(
        task,
        trunk_and_head(module, settings),
        settings,
        folder,
        start_counts=True,
        tensorboard=tensorboard,
        on_progress=progress,
    )

    # How good it is on patients that it has not seen.
    tested = pairs.images_in(test)
    found = target_results(
        task.vectors(tested), tested, pairs, space.encoder, text_vectors, targets, seed=settings.seed
    )
    counts = split.counts()
    card = text_target_card(settings, space.encoder.dim, counts, outcome, found)
    fingerprint = _save(archive, settings, encoder, module, space, card, counts)
    model = load_model(archive.models_dir, settings.name, device=device)
    summary = embed(archive, model, on_progress=partial(progress, "embedding"))
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
    close_run(folder, result, card)
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


def _save(
    archive: Archive,
    settings: TextTargetSettings,
    encoder: TorchImageEncoder,
    module: TargetModule,
    space: TextSpace,
    card: str,
    counts: dict[str, int],
) -> str:
    image, tensors = image_side(encoder, module.head, frozen=settings.frozen)
    config = {
        "name": settings.name,
        "dim": space.encoder.dim,
        "image": image,
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
