"""InfoNCE with soft targets (MedCLIP, Wang et al. 2022, arXiv 2210.10163, in the form of SupCon, arXiv 2004.11362,
equation 2): how far two texts say the same decides how much a pair counts as a positive, and how little as a negative."""

from __future__ import annotations

import math

import torch

from caseindex.train.losses.infonce import MAX_SCALE

#: Below this agreement a pair is no positive; it is still a weaker negative.
LEAST = 0.5


class SoftInfoNCE(torch.nn.Module):
    """``temperature``: the start of the learned temperature (CLIP: 0.07)."""

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        self.log_scale = torch.nn.Parameter(torch.tensor(math.log(1 / temperature)))

    def forward(
        self,
        images: torch.Tensor,
        texts: torch.Tensor,
        positive: torch.Tensor,
        ignored: torch.Tensor | None = None,
        wrong: torch.Tensor | None = None,
        wrong_of: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """``images``, ``texts``: [n, dim], L2-normalised; ``positive``: [n, n] float 0..1 or bool, how well text j
        fits image i; ``ignored``: [n, n] bool, pairs that are neither. ``wrong``: [m, dim], further texts, each a
        negative of the one image ``wrong_of`` [m] and of no other. Mean over both directions.

        With ``positive`` of zeros and ones and nothing wrong this is :class:`~caseindex.train.losses.infonce.InfoNCE`.
        """
        scale = self.log_scale.exp().clamp(max=MAX_SCALE)
        weight = positive.to(images.dtype)
        apart = 1 - weight if ignored is None else (1 - weight).masked_fill(ignored & (weight == 0), 0.0)
        logits = images @ texts.T * scale  # [n, n]
        extra = None
        if wrong is not None and wrong_of is not None and len(wrong):
            floor = torch.finfo(logits.dtype).min / 4
            own = wrong_of[None, :] == torch.arange(len(images), device=images.device)[:, None]
            extra = (images @ wrong.T * scale).masked_fill(~own, floor)  # [n, m]
        return 0.5 * (_direction(logits, weight, apart, extra) + _direction(logits.T, weight.T, apart.T, None))


def _direction(
    logits: torch.Tensor, weight: torch.Tensor, apart: torch.Tensor, extra: torch.Tensor | None
) -> torch.Tensor:
    # A finite floor, because the gradient of logsumexp over a row without negatives would be NaN with -inf.
    floor = torch.finfo(logits.dtype).min / 4
    negatives = torch.where(apart > 0, logits + apart.clamp(min=1e-9).log(), floor)
    if extra is not None:
        negatives = torch.cat([negatives, extra], dim=1)
    losses = torch.nn.functional.softplus(negatives.logsumexp(1, keepdim=True) - logits)  # [n, n]
    shares = torch.where(weight >= LEAST, weight, 0.0)
    shares = shares / shares.sum(1, keepdim=True).clamp(min=1e-9)
    return (losses.masked_fill(shares == 0, 0.0) * shares).sum(1).mean()
