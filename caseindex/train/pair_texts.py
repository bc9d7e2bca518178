"""The text side of `train pair`: begun anew, with what `train language` learned, or with a network from outside."""

from __future__ import annotations

import torch

from caseindex.encoders.concept_text import ConceptTextConfig
from caseindex.encoders.whitening import fit_whitening
from caseindex.train.language_start import LanguageStart
from caseindex.train.pair_module import ConceptTower, OutsideTower, TextNetwork, plain_vectors
from caseindex.train.pair_settings import PairSettings
from caseindex.train.text_views import ViewMaker
from caseindex.train.towers import ConceptText, ProjectionHead


def text_network(settings: PairSettings) -> TextNetwork | None:
    """A text encoder from outside."""
    family, _, what = settings.text_encoder.partition(":")
    if family == "hf":
        from caseindex.encoders import huggingface_text

        return huggingface_text.load(what)
    if family == "ruclip":
        from caseindex.encoders import ruclip_towers

        return ruclip_towers.load_text(what)
    if family == "open_clip":
        from caseindex.encoders import open_clip_text

        return open_clip_text.load_text(what)
    return None


def text_tower(
    settings: PairSettings, loaded: TextNetwork | None, start: LanguageStart | None, maker: ViewMaker, texts: list[str]
) -> torch.nn.Module:
    if start is not None:
        return ConceptTower(start.network())
    if loaded is None:
        config = ConceptTextConfig(
            vocabulary=len(maker.pieces),
            concepts=len(maker.features),
            dim=settings.dim,
            max_tokens=maker.pieces.max_tokens,
        )
        return ConceptTower(ConceptText(config))
    whitening = fit_whitening(plain_vectors(loaded, texts[:2000]), settings.whitened, shrinkage=0.1)
    head = ProjectionHead(whitening, settings.dim, 2 * settings.dim, settings.dropout)
    return OutsideTower(loaded, head, full=not settings.frozen)
