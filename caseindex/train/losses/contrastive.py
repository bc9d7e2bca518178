"""Contrastive loss on pairs (Hadsell, Chopra and LeCun 2006, CVPR, equation 4; margin and square as in the archive
search that we reproduce): ``(1 - y) d^2 + y max(0, margin - d)^2``, y = 1 for different persons."""

from __future__ import annotations

import torch

from caseindex.train.losses.person_pairs import PersonPairs


def pair_contrastive(
    first: torch.Tensor, second: torch.Tensor, different: torch.Tensor, margin: float = 0.5
) -> torch.Tensor:
    """Mean over explicit pairs. ``first``, ``second``: [pairs, dim], normalised or not; ``different``: [pairs] bool."""
    # The gradient of a root at 0 is infinite, and identical images do occur.
    squared = (first - second).square().sum(1)
    distance = squared.clamp_min(1e-12).sqrt()
    return torch.where(different, (margin - distance).clamp_min(0).square(), squared).mean()


class Contrastive(torch.nn.Module):
    """The same over all pairs of a batch, L2-normalised: mean over the pairs of one person plus mean over the pairs of
    strangers within the margin."""

    def __init__(self, margin: float = 0.5) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, pairs: PersonPairs) -> torch.Tensor:
        """Scalar; 0 for a batch without pairs. ``d = sqrt(2 - 2 cosine)``."""
        squared = (2 - 2 * pairs.similarity).clamp_min(0)
        near = (self.margin - squared.clamp_min(1e-12).sqrt()).clamp_min(0).square()
        return _mean(squared, pairs.same) + _mean(near, pairs.different & (near > 0))


def _mean(values: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    return values.masked_fill(~chosen, 0).sum() / chosen.sum().clamp_min(1)
