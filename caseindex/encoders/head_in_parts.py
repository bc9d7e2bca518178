"""A head of several: each maps its own part of an embedding, and the parts count alike.

For networks side by side (:mod:`caseindex.encoders.side_by_side`). One head over all of them is worse: the directions of
largest variance are then those in which the networks agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from caseindex.encoders.whitening import Whitening, normalised
from caseindex.encoders.within_class import fit_within_class
from caseindex.errors import ModelDamaged
from caseindex.records import Float32Array

_PREFIX = "part."  # in the names of a checkpoint's tensors


@dataclass(frozen=True, slots=True)
class HeadInParts:
    """``parts``: of consecutive columns, as many as each takes."""

    parts: tuple[Whitening, ...]

    @property
    def dim(self) -> int:
        return sum(part.dim for part in self.parts)

    def __call__(self, vectors: Float32Array) -> Float32Array:
        """[n, sum of the parts' dim_in] -> [n, sum of their dim], L2-normalised."""
        columns = _columns([len(part.mean) for part in self.parts])
        mapped = [part(vectors[:, own]) for part, own in zip(self.parts, columns, strict=True)]
        return normalised(np.concatenate(mapped, axis=1))

    def tensors(self) -> dict[str, Float32Array]:
        named = ((number, part.tensors()) for number, part in enumerate(self.parts))
        return {f"{_PREFIX}{number}.{name}": value for number, part in named for name, value in part.items()}


def is_in_parts(tensors: Mapping[str, Any]) -> bool:
    """Whether the tensors of a checkpoint's head are of :class:`HeadInParts`."""
    return any(name.startswith(_PREFIX) for name in tensors)


def load_parts(tensors: Mapping[str, npt.NDArray[Any]], item: Path) -> HeadInParts:
    """The inverse of :meth:`HeadInParts.tensors`; :class:`~caseindex.errors.ModelDamaged` names ``item``."""
    try:
        return HeadInParts(
            tuple(
                Whitening(tensors[f"{_PREFIX}{number}.mean"], tensors[f"{_PREFIX}{number}.projection"])
                for number in range(len(tensors) // 2)
            )
        )
    except KeyError as error:
        raise ModelDamaged(item, f"the head lacks {error}", "Copy it again, or train it again") from error


def fit_in_parts(
    vectors: Float32Array,
    deviations: Float32Array,
    person_deviations: Float32Array | None,
    widths: Sequence[int],
    *,
    dim: int,
) -> Whitening | HeadInParts:
    """As :func:`~caseindex.encoders.within_class.fit_within_class`, each of the ``widths`` columns on their own, with an
    equal share of ``dim``; one width is no parts."""
    if len(widths) < 2:
        return fit_within_class(vectors, deviations, person_deviations, dim=dim)
    return HeadInParts(
        tuple(
            fit_within_class(
                vectors[:, own],
                deviations[:, own],
                None if person_deviations is None else person_deviations[:, own],
                dim=dim // len(widths),
            )
            for own in _columns(widths)
        )
    )


def _columns(widths: Sequence[int]) -> list[slice]:
    edges = np.cumsum([0, *widths]).tolist()
    return [slice(start, stop) for start, stop in pairwise(edges)]
