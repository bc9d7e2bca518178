"""Additive angular margin with sub-centres (ArcFace: Deng et al. 2019, arXiv 1801.07698, equation 3; sub-centres: Deng et
al. 2020, ECCV): each person has several learned directions, so that views of one person need not meet in one."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

_APART = 0.1  # of a direction's length, so that a person's sub-centres do not stay one


class SubCenterArcFace(torch.nn.Module):
    """``persons``: how many; ``margin``: radians; ``scale``: of the logits; ``centers`` = 1: plain ArcFace.

    The directions begin at random. A network that knows something already should begin with :meth:`start_from`: drawn to
    random directions at this scale, all of its embeddings meet in one.
    """

    def __init__(self, persons: int, dim: int, *, margin: float = 0.3, scale: float = 32.0, centers: int = 3) -> None:
        super().__init__()
        self.margin, self.scale, self.centers = margin, scale, centers
        self.weight = torch.nn.Parameter(torch.nn.init.xavier_uniform_(torch.empty(persons * centers, dim)))

    @torch.no_grad()
    def start_from(self, embeddings: torch.Tensor, persons: torch.Tensor, *, seed: int = 0) -> None:
        """Each person's directions become the mean of its images, a little apart. ``embeddings``, ``persons``: as in
        :meth:`forward`; a person without an image keeps its random directions."""
        known = persons >= 0
        chosen = persons[known]
        sums = torch.zeros(len(self.weight) // self.centers, embeddings.shape[1], device=self.weight.device)
        sums.index_add_(0, chosen, embeddings[known].to(sums))
        there = torch.bincount(chosen, minlength=len(sums)) > 0
        apart = torch.randn(self.weight.shape, generator=torch.Generator().manual_seed(seed)).to(self.weight)
        directions = F.normalize(sums, dim=1).repeat_interleave(self.centers, 0)
        directions += _APART * F.normalize(apart, dim=1)
        each = there.repeat_interleave(self.centers)
        self.weight[each] = F.normalize(directions, dim=1)[each]

    def forward(
        self, embeddings: torch.Tensor, persons: torch.Tensor, ignored: torch.Tensor | None = None
    ) -> torch.Tensor:
        """``embeddings``: [n, dim], L2-normalised; ``persons``: [n], those that are negative are left out; ``ignored``:
        [n, persons], true where a person is no stranger to an image though not known to be its own. Mean cross entropy;
        0 where nobody is left."""
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
        logits = self.scale * cosine.scatter(1, target[:, None], shifted)
        if ignored is not None:
            logits = logits.masked_fill(ignored[known].scatter(1, target[:, None], False), -torch.inf)
        return F.cross_entropy(logits, target)
