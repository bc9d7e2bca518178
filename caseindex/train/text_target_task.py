"""What a step of `train text-target` is: an image's vector is drawn to its report's, by mean squared error (Wood et al.,
arXiv 2405.02782)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from caseindex.records import Float32Array, Int64Array
from caseindex.train.image_input import ImageInput
from caseindex.train.pair_data import Pairs
from caseindex.train.towers import ProjectionHead, trunk_features

_BATCH = 256


class TargetModule(torch.nn.Module):
    """``trunk`` (trained, or none where features are cached) and the head: -> [n, dim], L2-normalised."""

    def __init__(self, trunk: torch.nn.Module | None, head: ProjectionHead) -> None:
        super().__init__()
        self.trunk, self.head = trunk, head

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if self.trunk is not None:
            features = trunk_features(self.trunk, features)
        return self.head(features)  # type: ignore[no-any-return]


class TargetTask:
    """Implements :class:`~caseindex.train.loop.Task`. ``targets``: [images, dim], the unit vector of what an image's reports
    say. A step takes one image of each study of the batch."""

    def __init__(
        self,
        pairs: Pairs,
        module: TargetModule,
        image_input: ImageInput,
        targets: Float32Array,
        *,
        train: Int64Array,
        validation: Int64Array,
        batch: int,
        seed: int,
        device: str,
        augment: bool,
    ) -> None:
        self.pairs, self.module, self.image_input, self.targets = pairs, module, image_input, targets
        self.train, self.validation = train, validation
        self.batch, self.seed, self.device, self.augment = batch, seed, device, augment

    def batches(self, epoch: int) -> list[Int64Array]:
        order = np.random.default_rng([self.seed, epoch]).permutation(self.train)
        return [order[start : start + self.batch] for start in range(0, len(order), self.batch)]

    def loss(self, batch: Any, epoch: int, number: int) -> torch.Tensor:
        generator = np.random.default_rng([self.seed, epoch, number])
        images = np.array([generator.choice(self.pairs.images_of[study]) for study in batch], np.int64)
        found = self.module(self.image_input(images, generator if self.augment else None))
        target = torch.from_numpy(self.targets[images]).to(self.device)
        return ((found - target) ** 2).sum(1).mean()

    def validate(self) -> dict[str, float]:
        places = self.pairs.images_in(self.validation)
        error = float(((self.vectors(places) - self.targets[places]) ** 2).sum(1).mean())
        return {"squared_error": error, "score": -error}

    def vectors(self, places: Int64Array) -> Float32Array:
        """[n, dim] of the module in evaluation mode."""
        self.module.eval()
        with torch.inference_mode():
            parts = [places[start : start + _BATCH] for start in range(0, len(places), _BATCH)]
            found = [self.module(self.image_input(part, None)).float().cpu().numpy() for part in parts]
        return np.asarray(np.concatenate(found), np.float32)
