"""The vectors of a study's images as one vector, in numpy: attention pooling that a pair model was trained with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from caseindex.encoders import checkpoint
from caseindex.encoders.whitening import normalised
from caseindex.errors import ModelDamaged
from caseindex.records import Float32Array

#: Of the tensors in `model.safetensors`.
FUSION = "image.fusion."


@dataclass(frozen=True, slots=True)
class AttentionFusion:
    """``inner``: [hidden, dim], ``inner_bias``: [hidden], ``score``: [1, hidden]."""

    inner: Float32Array
    inner_bias: Float32Array
    score: Float32Array

    def weights(self, vectors: Float32Array) -> Float32Array:
        """[images] that sum to 1: how much each image of a study counts."""
        scaled = vectors * np.float32(vectors.shape[1] ** 0.5)
        scores = (np.tanh(scaled @ self.inner.T + self.inner_bias) @ self.score.T)[:, 0]
        shares = np.exp(scores - scores.max())
        return np.asarray(shares / shares.sum(), np.float32)

    def __call__(self, vectors: Float32Array) -> Float32Array:
        """[images, dim] of one study -> [dim], L2-normalised. One image is itself."""
        return normalised(self.weights(vectors)[None] @ vectors)[0]


def load_fusion(folder: Path) -> AttentionFusion | None:
    """Of the pair model in ``folder``; ``None`` where it was trained without."""
    tensors = checkpoint.read_tensors(folder, FUSION)
    if not tensors:
        return None
    try:
        return AttentionFusion(tensors["inner"], tensors["inner_bias"], tensors["score"])
    except KeyError as error:
        raise ModelDamaged(folder, f"its fusion lacks {error}", "Copy it again, or train it again") from error
