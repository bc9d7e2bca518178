"""`train pair`: image and report into one space. The recipe, from top to bottom."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from caseindex.encoders.model import load_model
from caseindex.index.archive import Archive
from caseindex.index.embed import EmbedSummary, embed
from caseindex.records import Int64Array
from caseindex.train.adopt import adopt_if_better
from caseindex.train.comparison import Comparison, compared
from caseindex.train.image_input import decoded_pictures, stored_features
from caseindex.train.loop import LoopResult
from caseindex.train.optimisation import optimise
from caseindex.train.pair_card import pair_card
from caseindex.train.pair_data import Pairs, read_pairs
from caseindex.train.pair_reports import read_texts
from caseindex.train.pair_saving import save_pair
from caseindex.train.pair_settings import PairSettings
from caseindex.train.pair_start import pair_module, parameter_groups
from caseindex.train.pair_task import PairTask
from caseindex.train.pair_texts import text_network
from caseindex.train.progress import OnProgress, silent
from caseindex.train.run_folder import close_run, open_run
from caseindex.train.said import Weights, said_in, weights_of
from caseindex.train.split import split_studies
from caseindex.train.study_recall import FusedRecall, fused_recall
from caseindex.train.text_negatives import TextNegatives
from caseindex.train.text_views import ViewMaker
from caseindex.train.untrained import embedded_pairs, trainable


@dataclass(frozen=True, slots=True, kw_only=True)
class PairResult:
    """``fused``: recall of studies with several images, where they are fused. ``in_use``: whether archive.toml names it for searching now; ``why`` in words."""

    name: str
    fingerprint: str
    run: Path
    resumed: bool
    studies: dict[str, int]
    loop: LoopResult
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
    progress = on_progress or silent

    # The pairs, the images as the untrained encoder sees them, and who is on which side.
    base, encoder = trainable(archive.models_dir, settings.image_encoder, device)
    outside = text_network(settings)  # before the long work: it may not be reachable
    pairs, features = embedded_pairs(archive, read_pairs(archive), base, "train pair", progress)
    split = split_studies(
        "train pair", pairs.studies, pairs.patients, settings, hold_out, ingest="studies with reports"
    )
    train, validation, test = split.rows(pairs.studies)

    # The run: a folder of its own, or the unfinished one of the same settings and data.
    folder, resumed = open_run(
        archive.runs_dir, settings, split, resume=resume, base=base.fingerprint, data=pairs.digest()
    )

    # The texts, the towers, and what a step is.
    torch.manual_seed(settings.seed)
    texts = read_texts(archive, pairs, settings, train, progress)
    module = pair_module(settings, encoder, outside, pairs, features, texts, train).to(device)
    if settings.frozen:
        image_input = stored_features(features, device)
    else:
        uids = [image.uid for image in pairs.images]
        image_input = decoded_pictures(archive, uids, encoder.preprocessing, folder, device, progress)
    task = PairTask(
        pairs,
        texts.views,
        texts.maker,
        module,
        image_input,
        train=train,
        validation=validation,
        batch=settings.batch,
        seed=settings.seed,
        device=device,
        augment=not settings.frozen,
        soft=_weights(pairs, train) if settings.soft_targets else None,
        negatives=_negatives(settings, pairs, train, texts.maker, progress),
        negatives_per_image=settings.text_negatives,
        views_per_study=settings.views if module.fusion is not None else 1,
        balance=settings.balance,
    )
    outcome = optimise(
        task,
        parameter_groups(module, settings),
        settings,
        folder,
        start_counts=settings.keep_start,
        tensorboard=tensorboard,
        on_progress=progress,
    )

    # How good it is on patients that it has not seen, beside chance and the untrained default.
    comparison = compared(task.evaluated(test), features, pairs, texts.views)
    fused = fused_recall(task, test) if module.fusion is not None else None
    counts = split.counts()
    learned = len(pairs.images_in(train)), len(pairs.texts_in(train))
    card = pair_card(settings, counts, outcome, comparison, *learned)
    fingerprint = save_pair(archive, settings, encoder, module, texts, card, counts)
    model = load_model(archive.models_dir, settings.name, device=device)
    summary = embed(archive, model, on_progress=partial(progress, "embedding"))
    in_use, why = adopt_if_better(archive, "search", settings.name, comparison.verdict(), wanted=use)
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
        in_use=in_use,
        why=why,
    )
    close_run(folder, result, card)
    return result


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
    return TextNegatives(
        pairs.texts,
        pairs.texts_in(studies),
        maker,
        seed=settings.seed,
        on_progress=partial(progress, "wrong texts"),
    )
