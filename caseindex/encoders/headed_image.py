"""An image encoder made of a trunk and a small head: whitening, or what `train` put on top of frozen features."""

from __future__ import annotations

from typing import Protocol

from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.records import Float32Array, PixelArray


class Head(Protocol):
    """[n, dim_in], L2-normalised -> [n, dim], L2-normalised; numpy only."""

    def __call__(self, vectors: Float32Array) -> Float32Array: ...


class HeadedImageEncoder:
    """``base_fingerprint`` names the encoder of the catalogue whose embeddings are this head's input, where the trunk
    was not trained: embeddings of it that an archive has already need no second forward pass (:meth:`from_base`)."""

    def __init__(
        self,
        *,
        name: str,
        fingerprint: str,
        dim: int,
        base: TorchImageEncoder,
        head: Head,
        base_fingerprint: str | None,
    ) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.dim = dim
        self.base = base
        self.head = head
        self.base_fingerprint = base_fingerprint

    def preprocess(self, pixels: PixelArray) -> Float32Array:
        """[rows, columns] or [rows, columns, 3] uint8 -> [3, height, width] float32."""
        return self.base.preprocess(pixels)

    def encode(self, batch: Float32Array) -> Float32Array:
        """[batch, 3, height, width] -> [batch, dim] float32, L2-normalised."""
        return self.head(self.base.encode(batch))

    def from_base(self, vectors: Float32Array) -> Float32Array:
        """[n, base dim], embeddings of the encoder ``base_fingerprint`` -> [n, dim], L2-normalised."""
        return self.head(vectors)
