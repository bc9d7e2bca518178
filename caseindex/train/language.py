"""`train language`: a text encoder of the archive's own language by self-supervision on its reports. The recipe, from top
to bottom. After NeuroBERT (Wood et al. 2024, arXiv 2405.02782): hidden words, and tasks on whole reports.

The encoder is that of `train pair`: concepts of the lexicon beside a transformer over word pieces, read by numpy. Here the
transformer is deeper, and reads reports in full.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from caseindex.encoders import checkpoint
from caseindex.encoders.byte_pairs import BytePairs, train_tokenizer
from caseindex.encoders.concept_features import ConceptFeatures
from caseindex.encoders.concept_text import ConceptTextConfig
from caseindex.encoders.model import TEXT, load_model
from caseindex.index.archive import Archive
from caseindex.index.embed import EmbedSummary, embed
from caseindex.records import ItemKind
from caseindex.train.held_out import KS, Interval, by_patient, chance_at
from caseindex.train.language_card import language_card
from caseindex.train.language_data import read_reports, read_views
from caseindex.train.language_settings import LanguageSettings
from caseindex.train.language_task import LanguageModule, LanguageTask
from caseindex.train.lexicon_words import lexicon_names, lexicon_vocabulary
from caseindex.train.loop import LoopResult
from caseindex.train.optimisation import optimise
from caseindex.train.progress import OnProgress, silent
from caseindex.train.run_folder import close_run, digest, open_run
from caseindex.train.said import ABSENT, weights_of
from caseindex.train.split import split_studies
from caseindex.train.text_views import ViewMaker
from caseindex.train.towers import ConceptText


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Recall@k of one question on the test side, of a random order, and of the encoder before training."""

    queries: int
    recall: dict[str, Interval]
    untrained: dict[str, Interval]
    chance: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageResult:
    """``test``: by question (``other_part``, ``told_ru``, ``told_en``, ``told_zh``). ``long_reports``: how many were
    longer than the network reads at once, and were read in pieces."""

    name: str
    fingerprint: str
    run: Path
    resumed: bool
    studies: dict[str, int]
    reports: int
    long_reports: int
    loop: LoopResult
    test: dict[str, Measured]
    embedded: EmbedSummary | None


def train_language(
    archive: Archive,
    settings: LanguageSettings,
    *,
    hold_out: Collection[str] = (),
    resume: bool = True,
    tensorboard: bool = True,
    device: str | None = None,
    on_progress: OnProgress | None = None,
) -> LanguageResult:
    """Trains on the archive's reports, with or without images, saves ``models/NAME`` and embeds the reports with it.

    ``hold_out``: patients that are used for nothing. Raises :class:`~caseindex.errors.TrainingError` without data or
    for a loss that is not finite.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    progress = on_progress or silent

    # The reports, and who is on which side.
    found = read_reports(archive)
    split = split_studies("train language", found.studies, found.patients, settings, hold_out, ingest="reports")
    train, validation, test = split.rows(found.studies)

    # The run: a folder of its own, or the unfinished one of the same settings and data.
    data = digest([found.studies, found.patients, found.texts_of])
    folder, resumed = open_run(archive.runs_dir, settings, split, resume=resume, recipe="language", data=data)

    # The texts: a tokenizer of this archive, the concepts of the lexicon, every report in pieces that fit.
    torch.manual_seed(settings.seed)
    texts = sorted({text for study in train for text in found.texts_of[study]})
    content = train_tokenizer(texts + lexicon_names(), settings.vocabulary)
    features = lexicon_vocabulary()
    maker = ViewMaker(BytePairs(content, settings.max_tokens), features)
    reports, of_study = read_views(found.texts_of, maker, lambda done: progress("reports", done, len(found.studies)))
    weights = weights_of([reports[place].said for study in train for place in of_study[study]])

    # The encoder begins as the lexicon's concepts at random places, rare ones far out; words learn around them.
    network = ConceptText(
        ConceptTextConfig(
            vocabulary=len(maker.pieces),
            concepts=len(features),
            dim=settings.dim,
            width=settings.width,
            layers=settings.layers,
            heads=settings.heads,
            hidden=settings.hidden,
            max_tokens=settings.max_tokens,
            pieces=True,
        )
    )
    _scatter(network, features, weights.rarity, weights.unseen, settings.seed)
    module = LanguageModule(network, settings.temperature).to(device)
    task = LanguageTask(
        reports,
        of_study,
        [name if name is not None else f"study {found.studies[i]}" for i, name in enumerate(found.patients)],
        maker,
        module,
        weights,
        train=train,
        validation=validation,
        batch=settings.batch,
        masked=settings.masked,
        mask_weight=settings.mask_weight,
        told=settings.told,
        seed=settings.seed,
    )
    with torch.random.fork_rng():
        before = task.measured(test)
    outcome = optimise(
        task,
        _groups(module, settings),
        settings,
        folder,
        start_counts=True,
        tensorboard=tensorboard,
        on_progress=progress,
    )

    # How good it is on patients that it has not seen, beside chance and its own start.
    measured = _compared(task.measured(test), before)
    counts = split.counts()
    long_reports = sum(len(report.pieces) > 1 for report in reports)
    card = language_card(settings, counts, outcome, measured, len(reports), long_reports)
    fingerprint = _save(archive, settings, network, features, content, card, counts)
    model = load_model(archive.models_dir, settings.name, device=device)
    summary = embed(archive, model, kinds=(ItemKind.REPORT,), on_progress=partial(progress, "embedding"))
    result = LanguageResult(
        name=settings.name,
        fingerprint=fingerprint,
        run=folder,
        resumed=resumed,
        studies=counts,
        reports=len(reports),
        long_reports=long_reports,
        loop=outcome,
        test=measured,
        embedded=summary,
    )
    close_run(folder, result, card)
    return result


def _scatter(
    network: ConceptText, features: ConceptFeatures, rarity: dict[str, float], unseen: float, seed: int
) -> None:
    """Concepts at random places (Johnson & Lindenstrauss 1984): near are then the texts that share them, rare ones
    above all. What is denied stands elsewhere, and weighs less."""
    generator = np.random.default_rng([seed, 0x5C])
    count, dim = len(features), network.config.dim
    table = generator.standard_normal((2 * count, dim)) * dim**-0.5
    rare = np.array([rarity.get(concept, unseen) for concept in features.vocabulary]) / max(unseen, 1e-9)
    table[:count] *= rare[:, None]
    table[count:] *= ABSENT * rare[:, None]
    with torch.no_grad():
        network.concepts.copy_(torch.from_numpy(table.astype(np.float32)))
        network.out.weight.zero_()  # words say nothing at first: at random they would only disturb


def _groups(module: LanguageModule, settings: LanguageSettings) -> list[dict[str, Any]]:
    """Matrices decay; vectors, the concepts' places and the loss's scale do not."""
    decayed: list[torch.nn.Parameter] = []
    kept: list[torch.nn.Parameter] = []
    for name, parameter in module.named_parameters():
        plain = parameter.ndim < 2 or name.startswith("criterion.") or name == "network.concepts"
        (kept if plain else decayed).append(parameter)
    return [
        {"params": decayed, "lr": settings.learning_rate, "weight_decay": settings.weight_decay},
        {"params": kept, "lr": settings.learning_rate, "weight_decay": 0.0},
    ]


def _compared(after: Any, before: Any) -> dict[str, Measured]:
    out = {}
    for name, (hits, patients, right) in after.items():
        out[name] = Measured(
            queries=len(patients),
            recall={f"recall@{k}": by_patient(hits[k], patients) for k in KS},
            untrained={f"recall@{k}": by_patient(before[name][0][k], patients) for k in KS},
            chance={f"recall@{k}": chance_at(right, k) for k in KS},
        )
    return out


def _save(
    archive: Archive,
    settings: LanguageSettings,
    network: ConceptText,
    features: ConceptFeatures,
    tokenizer: bytes,
    card: str,
    counts: dict[str, int],
) -> str:
    config: dict[str, Any] = {
        "name": settings.name,
        "dim": settings.dim,
        "text": {"kind": "concepts", "network": asdict(network.config), "concepts": list(features.vocabulary)},
        "training": {"recipe": "language", "studies": counts, "seed": settings.seed},
    }
    arrays = {f"{TEXT}{name}": value.detach().cpu().numpy() for name, value in network.tensors().items()}
    return checkpoint.save(
        archive.models_dir / settings.name, config, arrays, extra={"tokenizer.json": tokenizer}, card=card
    )
