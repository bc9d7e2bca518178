"""The networks of `train pair` before the first step, and how fast each of their parts learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.encoders.whitening import fit_whitening
from caseindex.records import Float32Array, Int64Array
from caseindex.train.closed_form import concept_directions
from caseindex.train.losses.infonce import InfoNCE
from caseindex.train.losses.siglip import SigLIP
from caseindex.train.losses.soft_infonce import SoftInfoNCE
from caseindex.train.optimisation import TRUNK
from caseindex.train.pair_data import Pairs
from caseindex.train.pair_module import ConceptTower, PairModule, TextNetwork
from caseindex.train.pair_reports import ReadTexts, asserted
from caseindex.train.pair_settings import PairSettings
from caseindex.train.pair_texts import text_tower
from caseindex.train.study_fusion import StudyFusion
from caseindex.train.towers import ProjectionHead

#: Of the fusion beside the heads.
FUSION_RATE = 10.0


def pair_module(
    settings: PairSettings,
    encoder: TorchImageEncoder,
    outside: TextNetwork | None,
    pairs: Pairs,
    features: Float32Array,
    texts: ReadTexts,
    train: Int64Array,
) -> PairModule:
    """The image tower begins as the whitening of the training ``features``, the lexicon's concepts as the directions
    there that tell them (:mod:`~caseindex.train.closed_form`). ``features``: [images, dim]; ``train``: studies."""
    images = pairs.images_in(train)
    whitening = fit_whitening(features[images], settings.whitened, shrinkage=0.1)
    head = ProjectionHead(whitening, settings.dim, 2 * settings.dim, settings.dropout)
    white = whitening(features[images])  # [images, whitened]
    head.centre(white.mean(0))
    words = text_tower(
        settings, outside, texts.start, texts.maker, [pairs.texts[text] for text in pairs.texts_in(train)]
    )
    if isinstance(words, ConceptTower) and white.shape[1] <= settings.dim:
        studies = np.array([pairs.images[image].study for image in images])
        words.network.begin_with(concept_directions(white, asserted(pairs, texts, images), studies))
    criterion = _criterion(settings)
    fusion = StudyFusion(settings.dim) if settings.fusion == "attention" else None
    trunk = None if settings.frozen else encoder.network.requires_grad_(True)
    return PairModule(trunk, head, words, criterion, fusion)


def _criterion(settings: PairSettings) -> torch.nn.Module:
    if settings.loss == "siglip":
        return SigLIP()
    if settings.soft_targets or settings.text_negatives:
        return SoftInfoNCE(settings.temperature)
    return InfoNCE(settings.temperature)


def parameter_groups(module: PairModule, settings: PairSettings) -> list[dict[str, Any]]:
    """Matrices decay, vectors and the loss's scale do not; pretrained networks learn slowly, the few weights of the
    fusion fast. As in :func:`~caseindex.train.optimisation.trunk_and_head` the order is part of a checkpoint."""
    groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            pretrained = name.startswith(TRUNK) or (
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
