"""Which pairs of a batch are of one person, and which of strangers: the input that all identity losses share."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class PersonPairs:
    """``similarity``: [n, m] cosines of the batch against its references (itself, or itself and a memory);
    ``same``, ``different``: [n, m] bool. A pair may be neither: an image with itself, an unknown person, persons that
    may be one."""

    similarity: torch.Tensor
    same: torch.Tensor
    different: torch.Tensor


def person_pairs(
    embeddings: torch.Tensor,
    persons: torch.Tensor,
    *,
    families: torch.Tensor | None = None,
    memory: torch.Tensor | None = None,
    memory_persons: torch.Tensor | None = None,
    memory_families: torch.Tensor | None = None,
) -> PersonPairs:
    """``embeddings``: [n, dim], L2-normalised; ``persons``: [n] int64, negative where unknown; ``families``: [n] int64,
    equal for persons that may be one (default: the persons). ``memory``: [k, dim], appended as references."""
    families = persons if families is None else families
    references, names, groups = embeddings, persons, families
    if memory is not None and memory_persons is not None and len(memory):
        references = torch.cat([embeddings, memory])
        names = torch.cat([persons, memory_persons])
        groups = torch.cat([families, memory_persons if memory_families is None else memory_families])
    known = (persons[:, None] >= 0) & (names[None, :] >= 0)
    same = known & (persons[:, None] == names[None, :])
    different = known & (families[:, None] != groups[None, :])
    own = torch.arange(len(embeddings), device=embeddings.device)
    same[own, own] = False
    return PersonPairs(embeddings @ references.T, same, different)
