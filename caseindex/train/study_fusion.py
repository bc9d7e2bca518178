"""Several images of one study as one vector, in training: attention pooling (Ilse et al. 2018, arXiv 1802.04712; several
views of a study fused into one vector: REFERS, Zhou et al. 2022, arXiv 2111.03452)."""

from __future__ import annotations

import torch
import torch.nn.functional as F


class StudyFusion(torch.nn.Module):
    """Twin of :class:`caseindex.encoders.study_fusion.AttentionFusion`: weights from each image's own vector; what is
    summed are the vectors themselves, so that a study of one image is that image, in the same space."""

    def __init__(self, dim: int, hidden: int = 64) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(dim, hidden)
        self.score = torch.nn.Linear(hidden, 1, bias=False)
        torch.nn.init.zeros_(self.score.weight)  # it begins as the mean

    def forward(self, vectors: torch.Tensor, group: torch.Tensor, groups: int) -> torch.Tensor:
        """[images, dim] and [images] the study of each, ``groups`` studies -> [groups, dim], L2-normalised."""
        # Coordinates of a unit vector are small: at their own scale nothing would be learned of them.
        scores = self.score(torch.tanh(self.inner(vectors * vectors.shape[1] ** 0.5))).squeeze(1)  # [images]
        highest = torch.full((groups,), float("-inf"), device=scores.device, dtype=scores.dtype)
        highest = highest.scatter_reduce(0, group, scores.detach(), "amax")
        weights = (scores - highest[group]).exp()
        sums = torch.zeros(groups, vectors.shape[1], device=vectors.device, dtype=vectors.dtype)
        # The sum of weights cancels in the normalisation.
        return F.normalize(sums.index_add(0, group, vectors * weights[:, None]), dim=1)

    def tensors(self) -> dict[str, torch.Tensor]:
        """By the names of :func:`caseindex.encoders.study_fusion.load_fusion`."""
        return {"inner": self.inner.weight, "inner_bias": self.inner.bias, "score": self.score.weight}
