"""The text tower of a CLIP as a text encoder: as it is, or with a trained head on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from caseindex.records import Float32Array


class TowerText(Protocol):
    """``network`` holds the weights; ``width`` of the vectors."""

    @property
    def network(self) -> Any: ...
    @property
    def width(self) -> int: ...
    def states(self, texts: Sequence[str]) -> Any:
        """[n, width] float32 torch tensor, not normalised."""
        ...


class TowerTextEncoder:
    """Implements :class:`~caseindex.protocols.TextEncoder`. ``head``: [n, width] -> [n, dim], numpy."""

    def __init__(
        self,
        name: str,
        fingerprint: str,
        text: TowerText,
        *,
        dim: int | None = None,
        head: Any = None,
        device: str | None = None,
    ) -> None:
        import torch

        self.name = name
        self.fingerprint = fingerprint
        self.dim = dim or text.width
        self._text, self._head = text, head
        text.network.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))

    @property
    def network(self) -> Any:
        return self._text.network

    def encode(self, texts: Sequence[str]) -> Float32Array:
        """n texts -> [n, dim] float32, L2-normalised."""
        import torch
        import torch.nn.functional as F

        if not texts:
            return np.empty((0, self.dim), np.float32)
        out = []
        for start in range(0, len(texts), 64):
            with torch.inference_mode():
                out.append(F.normalize(self._text.states(texts[start : start + 64]), dim=1).cpu().numpy())
        vectors = np.concatenate(out)
        return vectors if self._head is None else np.asarray(self._head(vectors), np.float32)
