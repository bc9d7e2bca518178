"""Supervised contrastive loss (Khosla et al. 2020, arXiv 2004.11362, equation 2, "outside"). With two views of each
image and every image its own person it is NT-Xent (SimCLR: Chen et al. 2020, arXiv 2002.05709, equation 1)."""

from __future__ import annotations

import torch

from caseindex.train.losses.person_pairs import PersonPairs


class SupCon(torch.nn.Module):
    """``decoupled``: a positive's denominator holds itself and the strangers only, not the other images of the person,
    which then do not push each other away."""

    def __init__(self, temperature: float = 0.07, *, decoupled: bool = False) -> None:
        super().__init__()
        self.temperature = temperature
        self.decoupled = decoupled

    def forward(self, pairs: PersonPairs) -> torch.Tensor:
        """Mean over the anchors that have another image of their person; 0 without any."""
        logits = pairs.similarity / self.temperature
        floor = torch.finfo(logits.dtype).min / 4
        if self.decoupled:
            strangers = logits.masked_fill(~pairs.different, floor).logsumexp(1, keepdim=True)
            losses = torch.nn.functional.softplus(strangers - logits)
        else:
            taken = pairs.same | pairs.different
            losses = logits.masked_fill(~taken, floor).logsumexp(1, keepdim=True) - logits
        counts = pairs.same.sum(1)
        each = losses.masked_fill(~pairs.same, 0).sum(1) / counts.clamp_min(1)
        return each.sum() / (counts > 0).sum().clamp_min(1)
