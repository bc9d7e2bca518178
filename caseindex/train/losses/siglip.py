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
        self, images: torch.Tensor, texts: torch.Tensor, positive: torch.Tensor, ignored: torch.Tensor | None = None
    ) -> torch.Tensor:
        """``images``, ``texts``: [n, dim], L2-normalised; ``positive``: [n, n] bool; ``ignored``: [n, n] bool, pairs
        that are left out. Sum over pairs, mean over images."""
        logits = images @ texts.T * self.log_scale.exp() + self.bias
        signs = positive.to(logits.dtype) * 2 - 1
        losses = -torch.nn.functional.logsigmoid(signs * logits)
        if ignored is not None:
            losses = losses.masked_fill(ignored & ~positive, 0.0)
        return losses.sum() / len(images)
