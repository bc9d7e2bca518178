"""The head of an image encoder in numpy: whitening, then (where trained) a linear map with a residual hidden layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from caseindex.encoders.head_in_parts import HeadInParts, is_in_parts, load_parts
from caseindex.encoders.whitening import Whitening, normalised
from caseindex.errors import ModelDamaged
from caseindex.records import Float32Array


@dataclass(frozen=True, slots=True)
class Projection:
    """x -> whitening -> W x + V relu(U x + u) + b, L2-normalised. Matrices are [out, in], as in PyTorch."""

    whitening: Whitening
    linear: Float32Array
    bias: Float32Array
    hidden: Float32Array
    hidden_bias: Float32Array
    out: Float32Array

    def __call__(self, vectors: Float32Array) -> Float32Array:
        """[n, dim_in] -> [n, dim], L2-normalised."""
        white = self.whitening(vectors)
        inner = np.maximum(white @ self.hidden.T + self.hidden_bias, 0)
        return normalised(white @ self.linear.T + inner @ self.out.T + self.bias)

    def tensors(self) -> dict[str, Float32Array]:
        return {
            **self.whitening.tensors(),
            "linear": self.linear,
            "bias": self.bias,
            "hidden": self.hidden,
            "hidden_bias": self.hidden_bias,
            "out": self.out,
        }


def load_head(tensors: Mapping[str, npt.NDArray[Any]], item: Path) -> Whitening | HeadInParts | Projection:
    """A whitening (or one for each of several parts) where that is all there is, else the trained projection on top."""
    if is_in_parts(tensors):
        return load_parts(tensors, item)
    try:
        whitening = Whitening(tensors["mean"], tensors["projection"])
        if len(tensors) == 2:
            return whitening
        return Projection(whitening, *(tensors[name] for name in ("linear", "bias", "hidden", "hidden_bias", "out")))
    except KeyError as error:
        raise ModelDamaged(item, f"the head lacks {error}", "Copy it again, or train it again") from error
