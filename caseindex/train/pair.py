"""`train pair`: image and report into one space. The recipe, from top to bottom."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from caseindex.encoders import catalogue, checkpoint
from caseindex.encoders.byte_pairs import BytePairs, train_tokenizer
from caseindex.encoders.concept_text import ConceptTextConfig
from caseindex.encoders.model import Model, load_model
from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.encoders.whitening import fit_whitening
from caseindex.errors import TrainingError
from caseindex.index.archive import Archive
from caseindex.index.embed import EmbedSummary, embed
from caseindex.records import Float32Array, Int64Array, ItemKind
from caseindex.train import loop
from caseindex.train.adopt import adopt
from caseindex.train.checkpoint import FILE
from caseindex.train.closed_form import concept_directions
from caseindex.train.comparison import Comparison, compared
from caseindex.train.language_start import LanguageStart
from caseindex.train.lexicon_words import lexicon_names, lexicon_vocabulary
from caseindex.train.losses.infonce import InfoNCE
from caseindex.train.losses.siglip import SigLIP
from caseindex.train.losses.soft_infonce import SoftInfoNCE
from caseindex.train.model_card import model_card
from caseindex.train.pair_data import Pairs, read_pairs, with_images
from caseindex.train.pair_module import ConceptTower, PairModule
from caseindex.train.pair_saving import save_pair
from caseindex.train.pair_settings import PairSettings
from caseindex.train.pair_task import ImageInput, PairTask
from caseindex.train.pair_texts import text_network, text_tower
from caseindex.train.run_folder import RESULT, digest, run_folder, write_json
from caseindex.train.said import Weights, said_in, weights_of
from caseindex.train.split import split_by_patient
from caseindex.train.study_fusion import StudyFusion
from caseindex.train.study_recall import FusedRecall, fused_recall
from caseindex.train.text_negatives import TextNegatives
from caseindex.train.text_views import ReportViews, ViewMaker
from caseindex.train.towers import ProjectionHead

#: Of the fusion beside the heads.
FUSION_RATE = 10.0

OnProgress = Callable[[str, int, int], None]  # stage, done now, total


@dataclass(frozen=True, slots=True, kw_only=True)
class PairResult:
    """``fused``: recall of studies with several images, where they are fused. ``in_use``: whether archive.toml names it for searching now; ``why`` in words."""

    name: str
    fingerprint: str
    run: Path
    resumed: bool
    studies: dict[str, int]
    loop: loop.LoopResult
    comparison: Comparison
    fused: FusedRecall | None
    embedded: EmbedSummary | None
    in_use: bool
    why: str


def train_pair(
    archive: Archive,
    settings: PairSettings,
    *,
    hold_out: Collection[str] = (),
    resume: bool = True,
    tensorboard: bool = True,
    use: bool = True,
    device: str | None = None,
    on_progress: OnProgress | None = None,
) -> PairResult:
    """Trains on the archive's studies that have both, saves ``models/NAME``, embeds with it, and puts it to use for
    searching where it beats the default on patients that it has not seen.

    ``hold_out``: patients that are used for nothing. ``device``: ``"cpu"``, ``"cuda"``; default: GPU where there is
    one. Raises :class:`~caseindex.errors.TrainingError` without data or for a loss that is not finite.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    progress = on_progress or (lambda stage, done, total: None)

    # The pairs, the images as the untrained encoder sees them, and who is on which side.
    base = load_model(archive.models_dir, settings.image_encoder, device=device)
    if not isinstance(base.image, TorchImageEncoder):
        raise TrainingError(
            settings.image_encoder, "not an image encoder that can be trained on", f"Known: {catalogue.known_names()}"
        )
    outside = text_network(settings)  # before the long work: it may not be reachable
    embed(archive, base, kinds=(ItemKind.IMAGE,), on_progress=lambda n, total: progress("image features", n, total))
    pairs, features = _with_features(archive, read_pairs(archive), base)
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
        raise TrainingError("train pair", f"{len(train)} studies to train on", "Ingest more studies with reports")

    # The run: a folder of its own, or the unfinished one of the same settings and data.
    data = digest([pairs.studies, pairs.patients, pairs.texts, [asdict(item) for item in pairs.images]])
    document = {**settings.document(), "base": base.fingerprint, "data": data, "split": digest(asdict(split))}
    folder, resumed = run_folder(archive.runs_dir, settings.name, document, resume=resume)
    write_json(folder / "split.json", asdict(split))

    # The texts: a tokenizer of this archive, the concepts of the lexicon, and every view of every report.
    torch.manual_seed(settings.seed)
    train_texts = sorted({text for i in train for image in pairs.images_of[i] for text in pairs.images[image].texts})
    vocabulary = lexicon_vocabulary()
    start = LanguageStart.of(archive, settings)
    if start is None:
        content = train_tokenizer([pairs.texts[text] for text in train_texts] + lexicon_names(), settings.vocabulary)
        maker = ViewMaker(BytePairs(content, ConceptTextConfig(vocabulary=1, concepts=1).max_tokens), vocabulary)
    else:
        content, maker = start.tokenizer, ViewMaker(BytePairs(start.tokenizer, start.config.max_tokens), start.features)
    views = []
    for text in pairs.texts:
        views.append(maker.report(text))
        progress("reports", 1, len(pairs.texts))

    # The towers.
    train_images = np.array([image for study in train for image in pairs.images_of[study]], np.int64)
    whitening = fit_whitening(features[train_images], settings.whitened, shrinkage=0.1)
    head = ProjectionHead(whitening, settings.dim, 2 * settings.dim, settings.dropout)
    white = whitening(features[train_images])  # [images, whitened]
    head.centre(white.mean(0))
    words = text_tower(settings, outside, start, maker, [pairs.texts[text] for text in train_texts])
    if isinstance(words, ConceptTower) and white.shape[1] <= settings.dim:
        studies = np.array([pairs.images[image].study for image in train_images])
        words.network.begin_with(concept_directions(white, _asserted(pairs, views, maker, train_images), studies))
    criterion = _criterion(settings)
    fusion = StudyFusion(settings.dim) if settings.fusion == "attention" else None
    trunk = None if settings.frozen else base.image.network.requires_grad_(True)
    module = PairModule(trunk, head, words, criterion, fusion).to(device)
    image_input = (
        _stored(features, device) if settings.frozen else _decoded(archive, pairs, base.image, folder, device, progress)
    )
    task = PairTask(
        pairs,
        views,
        maker,
        module,
        image_input,
        train=train,
        validation=validation,
        batch=settings.batch,
        seed=settings.seed,
        device=device,
        augment=not settings.frozen,
        soft=_weights(pairs, train) if settings.soft_targets else None,
        negatives=_negatives(settings, pairs, train, maker, progress),
        negatives_per_image=settings.text_negatives,
        views_per_study=settings.views if fusion is not None else 1,
        balance=settings.balance,
    )

    # Training.
    limits = loop.LoopSettings(
        epochs=settings.epochs,
        patience=settings.patience,
        minutes=settings.minutes,
        start_counts=settings.keep_start,
    )
    outcome = loop.run(
        task,
        torch.optim.AdamW(_groups(module, settings), betas=(0.9, 0.98)),
        limits,
        folder,
        on_step=lambda done, total: progress("training", done, total),
        tensorboard=tensorboard,
    )

    # How good it is on patients that it has not seen, beside chance and the untrained default.
    comparison = compared(task.evaluated(test), features, pairs, views)
    fused = fused_recall(task, test) if fusion is not None else None
    counts = {side: len(getattr(split, side)) for side in ("train", "validation", "test", "held_out")}
    card = model_card(settings, counts, outcome, comparison, len(train_images), len(train_texts))
    fingerprint = save_pair(archive, settings, base, module, maker, content, card, counts)
    model = load_model(archive.models_dir, settings.name, device=device)
    summary = embed(archive, model, on_progress=lambda n, total: progress("embedding", n, total))
    better, why = comparison.verdict()
    if use and better:
        adopt(archive, "search", settings.name)
    elif better:
        why += " It was not put to use, as asked"
    result = PairResult(
        name=settings.name,
        fingerprint=fingerprint,
        run=folder,
        resumed=resumed,
        studies=counts,
        loop=outcome,
        comparison=comparison,
        fused=fused,
        embedded=summary,
        in_use=use and better,
        why=why,
    )
    write_json(folder / RESULT, {**asdict(replace(result, run=Path(folder.name))), "run": folder.name})
    shutil.copyfile(archive.models_dir / settings.name / checkpoint.CARD, folder / checkpoint.CARD)
    for name in (FILE, "pixels.npy", "pixels.done", "readable.npy"):
        (folder / name).unlink(missing_ok=True)
    return result


def _criterion(settings: PairSettings) -> torch.nn.Module:
    if settings.loss == "siglip":
        return SigLIP()
    if settings.soft_targets or settings.text_negatives:
        return SoftInfoNCE(settings.temperature)
    return InfoNCE(settings.temperature)


def _weights(pairs: Pairs, studies: Int64Array) -> Weights:
    """How much each finding's statements count, from the reports of ``studies``."""
    return weights_of(
        [
            frozenset().union(
                *(said_in(pairs.texts[text]) for i in pairs.images_of[study] for text in pairs.images[i].texts)
            )
            for study in studies
        ]
    )


def _negatives(
    settings: PairSettings, pairs: Pairs, studies: Int64Array, maker: ViewMaker, progress: OnProgress
) -> TextNegatives | None:
    if not settings.text_negatives:
        return None
    used = sorted({text for study in studies for i in pairs.images_of[study] for text in pairs.images[i].texts})
    return TextNegatives(
        pairs.texts, used, maker, seed=settings.seed, on_progress=lambda n, total: progress("wrong texts", n, total)
    )


def _with_features(archive: Archive, pairs: Pairs, base: Model) -> tuple[Pairs, Float32Array]:
    """The pairs whose images could be embedded, and [images, features]."""
    with archive.store.read() as reader:
        found = [reader.embedding(base.fingerprint, ItemKind.IMAGE, image.uid) for image in pairs.images]
    kept = [place for place, vector in enumerate(found) if vector is not None]
    if not kept:
        raise TrainingError(
            "train pair",
            "no study of this archive has both an image and a report that speaks of it",
            "Ingest reports (`caseindex ingest --reports FILE.csv`)",
        )
    return with_images(pairs, kept), np.stack([vector for vector in found if vector is not None])


def _asserted(pairs: Pairs, views: Sequence[ReportViews], maker: ViewMaker, images: Int64Array) -> Float32Array:
    """[images, concepts] 0..1: how surely the texts of an image assert a concept."""
    out = np.zeros((len(images), len(maker.features)), np.float32)
    for row, image in enumerate(images):
        for text in pairs.images[image].texts:
            for place, weight in views[text].asserted:
                out[row, place] = max(out[row, place], weight)
    return out


def _stored(features: Float32Array, device: str) -> ImageInput:
    table = torch.from_numpy(features).to(device)
    return lambda places, generator: table[torch.from_numpy(places).to(device)]


def _decoded(
    archive: Archive, pairs: Pairs, encoder: TorchImageEncoder, folder: Path, device: str, progress: OnProgress
) -> ImageInput:
    from caseindex.train.pixel_cache import PixelCache, augmented

    uids = [image.uid for image in pairs.images]
    cache = PixelCache(archive, uids, encoder.preprocessing, folder, lambda n, total: progress("pictures", n, total))

    def pixels(places: Int64Array, generator: np.random.Generator | None) -> torch.Tensor:
        batch = cache.batch(places).to(device, memory_format=torch.channels_last)
        return batch if generator is None else augmented(batch, generator)

    return pixels


def _groups(module: PairModule, settings: PairSettings) -> list[dict[str, Any]]:
    """Matrices decay, vectors and the loss's scale do not; pretrained networks learn slowly, the few weights of the
    fusion fast."""
    groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            pretrained = name.startswith("trunk.") or (
                name.startswith("text.network.") and not isinstance(module.text, ConceptTower)
            )
            rate = settings.trunk_rate if pretrained else settings.learning_rate
            rate *= FUSION_RATE if name.startswith("fusion.") else 1
            decays = parameter.ndim > 1 and not name.startswith("criterion.")
            groups.setdefault((rate, decays), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": settings.weight_decay if decays else 0.0}
        for (rate, decays), parameters in sorted(groups.items(), key=lambda item: item[0])
    ]
