"""Networks side by side: one embedding of several, each of which keeps its own part of it.

A network that was trained on persons stands beside the one that it began as. What it learned belongs to the house that it
learned in, what the other knows belongs to none: together they are better in both (docs/adr/0009-identity-is-fitted-to-the-archive.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F


class SideBySide(torch.nn.Module):
    """[batch, 3, height, width] -> [batch, sum of widths]: the networks' embeddings, each L2-normalised."""

    def __init__(self, networks: Sequence[torch.nn.Module]) -> None:
        super().__init__()
        self.networks = torch.nn.ModuleList(networks)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.cat([F.normalize(network(pixels).float(), dim=1) for network in self.networks], dim=1)
