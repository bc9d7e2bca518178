"""A trained pair model into its folder."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from caseindex.encoders import checkpoint
from caseindex.encoders.model import TEXT
from caseindex.encoders.study_fusion import FUSION
from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.index.archive import Archive
from caseindex.train.image_saving import image_side
from caseindex.train.pair_module import ConceptTower, OutsideTower, PairModule
from caseindex.train.pair_reports import ReadTexts
from caseindex.train.pair_settings import PairSettings
from caseindex.train.towers import ConceptText, ProjectionHead


def save_pair(
    archive: Archive,
    settings: PairSettings,
    image: TorchImageEncoder,
    module: PairModule,
    texts: ReadTexts,
    card: str,
    counts: dict[str, int],
) -> str:
    """Writes ``models/NAME``; gives the fingerprint. ``image``: the encoder that was begun with; its network was trained
    in place, or stayed as it was."""
    head, text = module.image, module.text
    if not isinstance(head, ProjectionHead):
        raise TypeError("a pair model is saved from a trunk and a projection head")
    described, tensors = image_side(image, head, frozen=settings.frozen)
    if module.fusion is not None:
        tensors |= {f"{FUSION}{name}": value for name, value in module.fusion.tensors().items()}
    files: dict[str, bytes] = {}
    config: dict[str, Any] = {
        "name": settings.name,
        "dim": settings.dim,
        "image": described,
        "training": {"recipe": "pair", "studies": counts, "seed": settings.seed},
    }
    if isinstance(text, ConceptTower) and isinstance(text.network, ConceptText):
        config["text"] = {
            "kind": "concepts",
            "network": asdict(text.network.config),
            "concepts": list(texts.maker.features.vocabulary),
        }
        tensors |= {f"{TEXT}{name}": value for name, value in text.network.tensors().items()}
        files = {"tokenizer.json": texts.tokenizer}
    elif isinstance(text, OutsideTower) and isinstance(text.head, ProjectionHead):
        config["text"], files = text.loaded.stored()
        tensors |= {f"{TEXT}trunk.{name}": value for name, value in text.network.state_dict().items()}
        tensors |= {f"{TEXT}head.{name}": value for name, value in text.head.tensors().items()}
    arrays = {name: value.detach().cpu().numpy() for name, value in tensors.items()}
    return checkpoint.save(archive.models_dir / settings.name, config, arrays, extra=files, card=card)
