"""Multi-similarity loss with its miner (Wang et al. 2019, CVPR, arXiv 1904.06627, equations 9 to 11)."""

from __future__ import annotations

import torch

from caseindex.train.losses.person_pairs import PersonPairs


class MultiSimilarity(torch.nn.Module):
    """``alpha``, ``beta``: weights of pairs of one person and of strangers; ``base``: lambda; ``epsilon``: of the miner,
    ``None`` to keep every pair."""

    def __init__(self, alpha: float = 2.0, beta: float = 50.0, base: float = 0.5, epsilon: float | None = 0.1) -> None:
        super().__init__()
        self.alpha, self.beta, self.base, self.epsilon = alpha, beta, base, epsilon

    def forward(self, pairs: PersonPairs) -> torch.Tensor:
        """Mean over all anchors, those without pairs counted as 0."""
        similarity, same, different = pairs.similarity, pairs.same, pairs.different
        if self.epsilon is not None:
            hardest_stranger = similarity.masked_fill(~different, -2).amax(1, keepdim=True)
            weakest_own = similarity.masked_fill(~same, 2).amin(1, keepdim=True)
            # Of one person: less similar than the hardest stranger; of strangers: more than the weakest of the person.
            same, different = (
                same & (similarity - self.epsilon < hardest_stranger),
                different & (similarity + self.epsilon > weakest_own),
            )
        pull = _log_sum(-self.alpha * (similarity - self.base), same) / self.alpha
        push = _log_sum(self.beta * (similarity - self.base), different) / self.beta
        return (pull + push).mean()


def _log_sum(values: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """[n]: log(1 + sum of e^value over the chosen)."""
    floor = torch.finfo(values.dtype).min / 4  # finite: the gradient of an empty row is 0, not NaN
    return torch.nn.functional.softplus(values.masked_fill(~chosen, floor).logsumexp(1)) * chosen.any(1)
