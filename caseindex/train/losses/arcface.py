"""Additive angular margin with sub-centres (ArcFace: Deng et al. 2019, arXiv 1801.07698, equation 3; sub-centres: Deng et
al. 2020, ECCV): each person has several learned directions, so that views of one person need not meet in one."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F


class SubCenterArcFace(torch.nn.Module):
    """``persons``: how many; ``margin``: radians; ``scale``: of the logits; ``centers`` = 1: plain ArcFace."""

    def __init__(self, persons: int, dim: int, *, margin: float = 0.3, scale: float = 32.0, centers: int = 3) -> None:
        super().__init__()
        self.margin, self.scale, self.centers = margin, scale, centers
        self.weight = torch.nn.Parameter(torch.nn.init.xavier_uniform_(torch.empty(persons * centers, dim)))

    def forward(self, embeddings: torch.Tensor, persons: torch.Tensor) -> torch.Tensor:
        """``embeddings``: [n, dim], L2-normalised; ``persons``: [n], those that are negative are left out. Mean cross
        entropy; 0 where nobody is left."""
        known = persons >= 0
        if not known.any():
            return embeddings.sum() * 0
        cosine = embeddings[known] @ F.normalize(self.weight, dim=1).T
        cosine = cosine.view(len(cosine), -1, self.centers).amax(2)  # [n, persons]
        target = persons[known]
        own = cosine.gather(1, target[:, None])
        angle = own.clamp(-1 + 1e-7, 1 - 1e-7).acos()
        # Beyond pi - margin the cosine would rise again; the linear part keeps the loss monotone.
        shifted = torch.where(
            angle <= math.pi - self.margin, (angle + self.margin).cos(), own - self.margin * math.sin(self.margin)
        )
        return F.cross_entropy(self.scale * cosine.scatter(1, target[:, None], shifted), target)
