"""The space that images are regressed into: of a trained text encoder, or of the lexicon's concepts alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from caseindex.encoders import checkpoint
from caseindex.encoders.byte_pairs import BytePairs, train_tokenizer
from caseindex.encoders.concept_features import ConceptFeatures
from caseindex.encoders.concept_text import ConceptTextConfig, ConceptTextEncoder
from caseindex.encoders.model import TEXT, load_text_encoder, model_folder
from caseindex.errors import ModelNotFound
from caseindex.protocols import TextEncoder
from caseindex.records import Float32Array

CONCEPTS = "concepts"


@dataclass(frozen=True, slots=True)
class TextSpace:
    """``config``: the ``text`` part of a model's configuration; ``tensors`` and ``extra`` as
    :func:`caseindex.encoders.checkpoint.save` takes them; ``source``: what identifies it."""

    encoder: TextEncoder
    config: dict[str, Any]
    tensors: dict[str, Any]
    extra: dict[str, bytes]
    source: str


def stored_space(models_dir: Path, name: str) -> TextSpace:
    """Of a model of the archive; everything of its text side goes into the new model too.

    Raises :class:`~caseindex.errors.ModelNotFound` for one without a text side.
    """
    folder = model_folder(models_dir, name)
    encoder = load_text_encoder(models_dir, name) if folder is not None else None
    if folder is None or encoder is None:
        raise ModelNotFound(
            name, "no model of this archive with a text encoder", "Train one (`caseindex train language`), or: concepts"
        )
    config = checkpoint.read_config(folder)
    tensors = {f"{TEXT}{key}": value for key, value in checkpoint.read_tensors(folder, TEXT).items()}
    extra = {file: (folder / file).read_bytes() for file in checkpoint.EXTRA_FILES if (folder / file).is_file()}
    return TextSpace(encoder, config["text"], tensors, extra, config["fingerprint"])


def concept_space(texts: Sequence[str], dim: int, vocabulary: int) -> TextSpace:
    """What reports state, in ``dim`` dimensions: findings asserted and denied, weighted by how rare they are, projected on
    the directions in which the reports ``texts`` differ most (latent semantic analysis, Deerwester et al. 1990). It is a
    :mod:`~caseindex.encoders.concept_text` encoder without layers, whose words have no say."""
    from caseindex.reports.lexicon import load_lexicon

    concepts = load_lexicon().concepts
    features = ConceptFeatures(tuple(concepts))
    stated = np.stack([features(text) for text in texts]).astype(np.float64)  # [texts, 2 * concepts]
    rarity = np.log((1 + len(texts)) / (1 + (stated > 0).sum(0))) * (stated > 0).any(0)
    weighted = stated * rarity
    _, lengths, axes = np.linalg.svd(weighted, full_matrices=False)
    kept = min(dim, int((lengths > 1e-6 * max(lengths[0], 1e-12)).sum()))
    signs = np.where(axes[np.arange(len(axes)), np.abs(axes).argmax(1)] < 0, -1, 1)
    names = [name for concept in concepts.values() for group in concept.names.values() for name in group]
    tokenizer = train_tokenizer([*texts, *names, *names], vocabulary)
    width = 4
    config = ConceptTextConfig(
        vocabulary=len(BytePairs(tokenizer, 1)),
        concepts=len(features),
        dim=max(kept, 1),
        width=width,
        layers=0,
        heads=1,
        hidden=width,
    )
    zeros = np.zeros
    weights = {
        "tokens": zeros((config.vocabulary, width), np.float32),
        "positions": zeros((config.max_tokens, width), np.float32),
        "norm.weight": np.ones(width, np.float32),
        "norm.bias": zeros(width, np.float32),
        "out": zeros((config.dim, width), np.float32),
        "concepts": (rarity[:, None] * (axes * signs[:, None])[: config.dim].T).astype(np.float32),
    }
    encoder = ConceptTextEncoder(
        name=CONCEPTS,
        fingerprint="",
        config=config,
        weights=weights,
        pieces=BytePairs(tokenizer, config.max_tokens),
        features=features,
    )
    return TextSpace(
        encoder,
        {"kind": "concepts", "network": asdict(config), "concepts": list(features.vocabulary)},
        {f"{TEXT}{name}": value for name, value in weights.items()},
        {"tokenizer.json": tokenizer},
        CONCEPTS,
    )


def report_vectors(encoder: TextEncoder, texts: Sequence[str]) -> Float32Array:
    """[texts, dim]; a report that says nothing that the encoder knows has a zero row."""
    found = encoder.encode(list(texts))
    known = np.isfinite(found).all(1) & (np.linalg.norm(found, axis=1) > 0.5)
    return np.asarray(np.where(known[:, None], found, 0), np.float32)
