"""Sigmoid loss for image-text pairs (SigLIP: Zhai et al. 2023, arXiv 2303.15343, algorithm 1)."""

from __future__ import annotations

import math

import torch


class SigLIP(torch.nn.Module):
    """Every pair is its own binary question; start values of scale (10) and bias (-10) are the paper's."""

    def __init__(self, scale: float = 10.0, bias: float = -10.0) -> None:
        super().__init__()
        self.log_scale = torch.nn.Parameter(torch.tensor(math.log(scale)))
        self.bias = torch.nn.Parameter(torch.tensor(float(bias)))

    def forward(
        self,
        images: torch.Tensor,
        texts: torch.Tensor,
        positive: torch.Tensor,
        ignored: torch.Tensor | None = None,
        wrong: torch.Tensor | None = None,
        wrong_of: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """``images``, ``texts``: [n, dim], L2-normalised; ``positive``: [n, n] bool, or float 0..1, how well text j fits
        image i (a soft answer to the pair's question); ``ignored``: [n, n] bool, pairs that are left out; ``wrong``:
        [m, dim], further texts that do not fit the image ``wrong_of`` [m]. Sum over pairs, mean over images."""
        scale = self.log_scale.exp()
        logits = images @ texts.T * scale + self.bias
        if positive.dtype == torch.bool:
            signs = positive.to(logits.dtype) * 2 - 1
            losses = -torch.nn.functional.logsigmoid(signs * logits)
        else:
            losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, positive, reduction="none")
        if ignored is not None:
            losses = losses.masked_fill(ignored & (positive == 0), 0.0)
        total = losses.sum()
        if wrong is not None and wrong_of is not None and len(wrong):
            own = (images[wrong_of] * wrong).sum(1) * scale + self.bias  # [m]
            total = total - torch.nn.functional.logsigmoid(-own).sum()
        return total / len(images)
