"""Embeddings of past batches as further references (XBM: Wang et al. 2020, CVPR, arXiv 1912.06798): a small batch sees
thousands of strangers, because an encoder that learns slowly makes yesterday's embeddings nearly today's."""

from __future__ import annotations

import torch


class CrossBatchMemory(torch.nn.Module):
    """A ring of ``size`` embeddings; its buffers are part of the checkpoint, so that a resumed run goes on exactly.
    ``warmup``: steps before it gives anything, while the encoder still moves fast."""

    embeddings: torch.Tensor
    persons: torch.Tensor
    families: torch.Tensor
    images: torch.Tensor
    place: torch.Tensor
    steps: torch.Tensor

    def __init__(self, size: int, dim: int, warmup: int = 0) -> None:
        super().__init__()
        self.warmup = warmup
        self.register_buffer("embeddings", torch.zeros(size, dim))
        for name in ("persons", "families", "images"):
            self.register_buffer(name, torch.full((size,), -1, dtype=torch.int64))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def references(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(embeddings [k, dim], persons [k], families [k]) of what was seen and is not one of ``images``: an older
        embedding of the same picture teaches nothing."""
        usable = (self.images >= 0) & ~torch.isin(self.images, images)
        if int(self.steps) < self.warmup:
            usable = torch.zeros_like(usable)
        return self.embeddings[usable], self.persons[usable], self.families[usable]

    @torch.no_grad()
    def add(
        self, embeddings: torch.Tensor, persons: torch.Tensor, families: torch.Tensor, images: torch.Tensor
    ) -> None:
        """The newest take the places of the oldest; of a batch larger than the ring the last ones stay."""
        size = len(self.embeddings)
        count = min(len(embeddings), size)
        where = (self.place + torch.arange(count, device=self.place.device)) % size
        self.embeddings[where] = embeddings[-count:].detach().to(self.embeddings.dtype)
        self.persons[where], self.families[where], self.images[where] = (
            persons[-count:],
            families[-count:],
            images[-count:],
        )
        self.place.copy_((self.place + count) % size)
        self.steps += 1
