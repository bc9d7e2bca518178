"""Triplet loss on the hardest pair of each kind (Hermans, Beyer and Leibe 2017, arXiv 1703.07737, section 2)."""

from __future__ import annotations

import torch

from caseindex.train.losses.person_pairs import PersonPairs


class BatchHardTriplet(torch.nn.Module):
    """``margin``: of Euclidean distances; ``None``: the soft margin, ``log(1 + e^x)``."""

    def __init__(self, margin: float | None = 0.2) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, pairs: PersonPairs) -> torch.Tensor:
        """Mean over the anchors that have both kinds of pair; 0 without any."""
        distance = (2 - 2 * pairs.similarity).clamp_min(1e-12).sqrt()
        far = distance.masked_fill(~pairs.same, -1).amax(1)
        near = distance.masked_fill(~pairs.different, 3).amin(1)
        anchors = pairs.same.any(1) & pairs.different.any(1)
        gap = far - near
        losses = torch.nn.functional.softplus(gap) if self.margin is None else (gap + self.margin).clamp_min(0)
        return losses.masked_fill(~anchors, 0).sum() / anchors.sum().clamp_min(1)
