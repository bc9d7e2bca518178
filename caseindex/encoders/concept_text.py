"""The text side of a pair model, in numpy: concepts of the lexicon plus a small transformer over word pieces.

Concepts are the same in every language, so that a question in one finds reports and images of another; word pieces
carry what the lexicon does not know. Runs without torch: a search by words must not wait seconds for an import.
The twin that is trained is :class:`caseindex.train.towers.ConceptText`; a test compares the two by value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from caseindex.encoders import checkpoint
from caseindex.encoders.byte_pairs import BytePairs
from caseindex.encoders.concept_features import ConceptFeatures
from caseindex.encoders.whitening import normalised
from caseindex.errors import ModelDamaged
from caseindex.records import Float32Array, Int64Array

TEXT = "text."


@dataclass(frozen=True, slots=True, kw_only=True)
class ConceptTextConfig:
    """``width`` of the transformer, its ``layers`` and ``heads``; ``hidden`` units of each feed-forward block;
    ``max_tokens`` per text; ``dim`` of the embedding. ``pieces``: a longer text is read in pieces (whole sections or
    sentences), whose vectors are averaged by their length; else it is cut."""

    vocabulary: int
    concepts: int
    dim: int = 256
    width: int = 128
    layers: int = 1
    heads: int = 4
    hidden: int = 256
    max_tokens: int = 96
    pieces: bool = False


@dataclass(frozen=True, slots=True)
class TextBatch:
    """Padded inputs. ``tokens``: [n, length] int64, 0 = padding; ``concepts``: [n, 2 * concepts] float32, asserted
    then denied, rows scaled to unit length (or zero)."""

    tokens: Int64Array
    concepts: Float32Array


def text_batch(token_ids: Sequence[Sequence[int]], concepts: Float32Array) -> TextBatch:
    length = max(1, *(len(ids) for ids in token_ids)) if token_ids else 1
    tokens = np.zeros((len(token_ids), length), np.int64)
    for row, ids in enumerate(token_ids):
        tokens[row, : len(ids)] = ids
    return TextBatch(tokens, concepts)


def forward(weights: Mapping[str, npt.NDArray[Any]], config: ConceptTextConfig, batch: TextBatch) -> Float32Array:
    """[n, dim], L2-normalised: the transformer's mean state and the concepts' sum, each projected, added.

    Pre-norm transformer (Xiong et al. 2020) with GELU; a text without tokens or concepts has only the other part.
    """
    tokens = batch.tokens
    mask = tokens != 0  # [n, length]
    bias = np.where(mask, np.float32(0), np.float32(-1e9))[:, None, None, :]
    states = weights["tokens"][tokens] + weights["positions"][: tokens.shape[1]]  # [n, length, width]
    for layer in range(config.layers):
        name = f"layers.{layer}."
        states = states + _attention(weights, name, config.heads, _norm(weights, f"{name}norm1", states), bias)
        inner = _gelu(_linear(weights, f"{name}up", _norm(weights, f"{name}norm2", states)))
        states = states + _linear(weights, f"{name}down", inner)
    states = _norm(weights, "norm", states) * mask[..., None]
    pooled = states.sum(1) / np.maximum(mask.sum(1, keepdims=True), 1)  # [n, width]
    out = batch.concepts @ weights["concepts"] + pooled.astype(np.float32) @ weights["out"].T
    return normalised(out)


def _linear(weights: Mapping[str, npt.NDArray[Any]], name: str, x: Float32Array) -> Float32Array:
    return np.asarray(x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"], np.float32)


def _norm(weights: Mapping[str, npt.NDArray[Any]], name: str, x: Float32Array) -> Float32Array:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + np.float32(1e-5))
    return np.asarray(scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"], np.float32)


def _gelu(x: Float32Array) -> Float32Array:
    """The tanh form (Hendrycks & Gimpel 2016), which needs no error function."""
    return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))), np.float32)


def _attention(
    weights: Mapping[str, npt.NDArray[Any]], name: str, heads: int, x: Float32Array, bias: Float32Array
) -> Float32Array:
    n, length, width = x.shape
    joint = _linear(weights, f"{name}qkv", x).reshape(n, length, 3, heads, width // heads)
    query, key, value = np.moveaxis(joint, 2, 0).transpose(0, 1, 3, 2, 4)  # each [n, heads, length, width / heads]
    scores = query @ key.transpose(0, 1, 3, 2) / math.sqrt(width // heads) + bias
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = (scores / scores.sum(-1, keepdims=True)) @ value
    return _linear(weights, f"{name}mix", mixed.transpose(0, 2, 1, 3).reshape(n, length, width))


class ConceptTextEncoder:
    """Implements :class:`~caseindex.protocols.TextEncoder`."""

    def __init__(
        self,
        *,
        name: str,
        fingerprint: str,
        config: ConceptTextConfig,
        weights: Mapping[str, npt.NDArray[Any]],
        pieces: BytePairs,
        features: ConceptFeatures,
    ) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.dim = config.dim
        self._config = config
        self._weights = weights
        self._pieces = pieces
        self._features = features

    def encode(self, texts: Sequence[str]) -> Float32Array:
        """n texts -> [n, dim] float32, L2-normalised; the result of one text does not depend on the others."""
        if not texts:
            return np.empty((0, self.dim), np.float32)
        if not self._config.pieces:
            return self._encode(texts)
        parts = [self._parts(text) for text in texts]
        vectors = self._encode([part for group in parts for part in group])
        sizes = np.array([max(1, self._pieces.count(part)) for group in parts for part in group], np.float32)
        ends = np.cumsum([len(group) for group in parts])
        weighted = vectors * sizes[:, None]
        sums = np.add.reduceat(weighted, np.concatenate([[0], ends[:-1]]), axis=0)
        return np.where((np.diff(ends, prepend=0) > 1)[:, None], normalised(sums), vectors[ends - 1])

    def _parts(self, text: str) -> list[str]:
        from caseindex.reports.text.pieces import pieces

        return [text[start:end] for start, end in pieces(text, self._pieces.count, self._config.max_tokens)]

    def _encode(self, texts: Sequence[str]) -> Float32Array:
        out = np.empty((len(texts), self.dim), np.float32)
        ids = self._pieces.ids(texts)
        order = sorted(range(len(texts)), key=lambda place: len(ids[place]))  # little padding
        for start in range(0, len(order), 32):
            places = order[start : start + 32]
            concepts = np.stack([self._features(texts[place]) for place in places])
            batch = text_batch([ids[place] for place in places], concepts)
            out[places] = forward(self._weights, self._config, batch)
        return out


def load_concept_encoder(folder: Path, name: str, config: dict[str, Any]) -> ConceptTextEncoder:
    """The text side of the model in ``folder``; reads only its own tensors."""
    part = config["text"]
    try:
        settings = ConceptTextConfig(**part["network"])
        features = ConceptFeatures(tuple(part["concepts"]))
        weights = checkpoint.read_tensors(folder, TEXT)
        pieces = BytePairs((folder / "tokenizer.json").read_bytes(), settings.max_tokens)
        shapes = {"tokens": (settings.vocabulary, settings.width), "concepts": (2 * settings.concepts, settings.dim)}
        if any(weights[key].shape != shape for key, shape in shapes.items()) or len(pieces) != settings.vocabulary:
            raise ValueError("sizes that contradict its configuration")
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise ModelDamaged(folder, f"its text encoder cannot be read ({error})", "Train it again") from error
    return ConceptTextEncoder(
        name=name,
        fingerprint=config["fingerprint"],
        config=settings,
        weights=weights,
        pieces=pieces,
        features=features,
    )
