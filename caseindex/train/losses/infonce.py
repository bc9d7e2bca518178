"""Symmetric InfoNCE (van den Oord et al. 2018, arXiv 1807.03748; CLIP, Radford et al. 2021, arXiv 2103.00020) with
several positives per query (SupCon, "outside" form: Khosla et al. 2020, arXiv 2004.11362, equation 2)."""

from __future__ import annotations

import math

import torch

#: CLIP clips the learned scale here, so that training stays stable.
MAX_SCALE = 100.0


class InfoNCE(torch.nn.Module):
    """``temperature``: the start of the learned temperature (CLIP: 0.07)."""

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        self.log_scale = torch.nn.Parameter(torch.tensor(math.log(1 / temperature)))

    def forward(
        self, images: torch.Tensor, texts: torch.Tensor, positive: torch.Tensor, ignored: torch.Tensor | None = None
    ) -> torch.Tensor:
        """``images``, ``texts``: [n, dim], L2-normalised; ``positive``: [n, n] bool, image i fits text j, true on the
        diagonal; ``ignored``: [n, n] bool, pairs that are neither. Mean over both directions of -log p(positive),
        averaged over a query's positives.

        A positive's denominator holds the positive itself and the negatives, not the other positives: texts that
        say the same do not push each other away.
        """
        logits = images @ texts.T * self.log_scale.exp().clamp(max=MAX_SCALE)  # [n, n]
        spared = positive if ignored is None else positive | ignored
        return 0.5 * (_direction(logits, positive, spared) + _direction(logits.T, positive.T, spared.T))


def _direction(logits: torch.Tensor, positive: torch.Tensor, spared: torch.Tensor) -> torch.Tensor:
    # A finite floor, because the gradient of logsumexp over a row without negatives would be NaN with -inf.
    floor = torch.finfo(logits.dtype).min / 4
    negatives = logits.masked_fill(spared, floor).logsumexp(1, keepdim=True)  # [n, 1]
    losses = torch.nn.functional.softplus(negatives - logits)  # -log(e^p / (e^p + sum e^n)), [n, n]
    weights = positive / positive.sum(1, keepdim=True)
    return (losses.masked_fill(~positive, 0.0) * weights).sum(1).mean()
