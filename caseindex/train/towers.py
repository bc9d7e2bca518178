"""The trained parts of a pair model, in PyTorch; :mod:`caseindex.encoders` runs the same arithmetic in numpy."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F

from caseindex.encoders.concept_text import ConceptTextConfig
from caseindex.encoders.whitening import Whitening
from caseindex.records import Float32Array


def trunk_features(trunk: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """[n, 3, height, width], preprocessed -> [n, trunk dim], L2-normalised, float32; in half precision on a GPU."""
    with torch.autocast(pixels.device.type, torch.bfloat16, enabled=pixels.device.type == "cuda"):
        features = trunk(pixels)
    return F.normalize(features.float(), dim=1)


class ProjectionHead(torch.nn.Module):
    """Twin of :class:`caseindex.encoders.projection.Projection`: whitened features -> [n, dim], L2-normalised."""

    def __init__(self, whitening: Whitening, dim: int, hidden: int, dropout: float) -> None:
        super().__init__()
        width = whitening.projection.shape[1]
        self.register_buffer("mean", torch.from_numpy(whitening.mean))
        self.register_buffer("projection", torch.from_numpy(whitening.projection))
        self.linear = torch.nn.Linear(width, dim)
        self.hidden = torch.nn.Linear(width, hidden)
        self.out = torch.nn.Linear(hidden, dim, bias=False)
        self.dropout = torch.nn.Dropout(dropout)
        # It begins as the whitening alone: what the untrained features know of similar images is there from the start.
        torch.nn.init.eye_(self.linear.weight)
        torch.nn.init.zeros_(self.linear.bias)
        torch.nn.init.zeros_(self.out.weight)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        white = F.normalize((features - self.get_buffer("mean")) @ self.get_buffer("projection"), dim=1)
        white = self.dropout(white)
        return F.normalize(self.linear(white) + self.out(self.dropout(F.relu(self.hidden(white)))), dim=1)

    def centre(self, mean: Float32Array) -> None:
        """Takes the mean of the whitened features [width] out of what is given out."""
        with torch.no_grad():
            self.linear.bias.copy_(-self.linear.weight @ torch.from_numpy(mean))

    def tensors(self) -> dict[str, torch.Tensor]:
        """By the names of :func:`caseindex.encoders.projection.load_head`."""
        return {
            "mean": self.get_buffer("mean"),
            "projection": self.get_buffer("projection"),
            "linear": self.linear.weight,
            "bias": self.linear.bias,
            "hidden": self.hidden.weight,
            "hidden_bias": self.hidden.bias,
            "out": self.out.weight,
        }


class ConceptText(torch.nn.Module):
    """Twin of :func:`caseindex.encoders.concept_text.forward`. In training one of the two parts is dropped now and
    then (``part_dropout``), so that each works alone: a question in a language that the archive has no reports in
    consists of concepts and unknown word pieces."""

    def __init__(self, config: ConceptTextConfig, dropout: float = 0.1, part_dropout: float = 0.25) -> None:
        super().__init__()
        self.config = config
        self.part_dropout = part_dropout
        self.tokens = torch.nn.Embedding(config.vocabulary, config.width, padding_idx=0)
        self.positions = torch.nn.Parameter(torch.randn(config.max_tokens, config.width) * 0.02)
        self.layers = torch.nn.ModuleList(_Layer(config, dropout) for _ in range(config.layers))
        self.norm = torch.nn.LayerNorm(config.width)
        self.out = torch.nn.Linear(config.width, config.dim, bias=False)
        self.concepts = torch.nn.Parameter(torch.randn(2 * config.concepts, config.dim) * config.dim**-0.5)
        torch.nn.init.normal_(self.tokens.weight, std=0.02)
        # The mean state has a norm of about sqrt(width): begin with a words' part half as long as the concepts'.
        torch.nn.init.normal_(self.out.weight, std=0.5 * (config.width * config.dim) ** -0.5)
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, tokens: torch.Tensor, concepts: torch.Tensor) -> torch.Tensor:
        """[n, length] int64 and [n, 2 * concepts] -> [n, dim], L2-normalised."""
        return self.joined(self.states(tokens), tokens, concepts)

    def states(self, tokens: torch.Tensor) -> torch.Tensor:
        """[n, length] int64, 0 = padding -> [n, length, width], normalised by layer."""
        mask = tokens != 0  # [n, length]
        states = self.dropout(self.tokens(tokens) + self.positions[: tokens.shape[1]])
        # A row of padding alone would make the softmax undefined: it attends to itself, and is masked out below.
        allowed = (mask | ~mask.any(1, keepdim=True))[:, None, None, :]
        for layer in self.layers:
            states = layer(states, allowed)
        return self.norm(states)  # type: ignore[no-any-return]

    def joined(self, states: torch.Tensor, tokens: torch.Tensor, concepts: torch.Tensor) -> torch.Tensor:
        """[n, length, width] states and the concepts of the same texts -> [n, dim], L2-normalised."""
        mask = tokens != 0
        kept = states * mask.unsqueeze(-1)
        pooled = kept.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        from_words, from_concepts = self.out(pooled), concepts @ self.concepts
        if self.training and self.part_dropout > 0:
            draw = torch.rand(len(tokens), 1, device=tokens.device)
            has_concepts = concepts.abs().sum(1, keepdim=True) > 0
            has_words = mask.any(1, keepdim=True)
            from_words = from_words * ~(has_concepts & (draw < self.part_dropout))
            from_concepts = from_concepts * ~(has_words & (draw > 1 - self.part_dropout))
        return F.normalize(from_concepts + from_words, dim=1)

    def begin_with(self, table: Float32Array) -> None:
        """``table``: [concepts, at most dim], the direction in image space of each asserted concept. Denied ones and
        words begin at nothing."""
        with torch.no_grad():
            self.concepts.zero_()
            self.concepts[: len(table), : table.shape[1]] = torch.from_numpy(table)
            self.out.weight.zero_()

    def tensors(self) -> dict[str, torch.Tensor]:
        """By the names that :func:`caseindex.encoders.concept_text.forward` reads."""
        return {_SHORT.get(name, name): value for name, value in self.state_dict().items()}

    def load_tensors(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """The inverse of :meth:`tensors`."""
        long = {short: name for name, short in _SHORT.items()}
        self.load_state_dict({long.get(name, name): value for name, value in tensors.items()})


_SHORT = {"tokens.weight": "tokens", "out.weight": "out"}


class _Layer(torch.nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, config: ConceptTextConfig, dropout: float) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm1 = torch.nn.LayerNorm(config.width)
        self.qkv = torch.nn.Linear(config.width, 3 * config.width)
        self.mix = torch.nn.Linear(config.width, config.width)
        self.norm2 = torch.nn.LayerNorm(config.width)
        self.up = torch.nn.Linear(config.width, config.hidden)
        self.down = torch.nn.Linear(config.hidden, config.width)
        self.dropout = torch.nn.Dropout(dropout)
        # Each block begins as the identity (ReZero in spirit, Bachlechner et al. 2020): with few reports the network
        # is at first a bag of words, which learns fast, and the order of words comes in as far as the data carry it.
        for last in (self.mix, self.down):
            torch.nn.init.zeros_(last.weight)
            torch.nn.init.zeros_(last.bias)

    def forward(self, states: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
        n, length, width = states.shape
        joint = self.qkv(self.norm1(states)).view(n, length, 3, self.heads, width // self.heads)
        query, key, value = joint.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
        states = states + self.dropout(self.mix(mixed.transpose(1, 2).reshape(n, length, width)))
        inner = F.gelu(self.up(self.norm2(states)), approximate="tanh")
        return states + self.dropout(self.down(inner))
