"""What a step of `train classifier` is, and what the classifier says of one side of the split."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from caseindex.encoders.classifier import probabilities
from caseindex.evaluation.classification import lrap
from caseindex.records import Float32Array, Int64Array
from caseindex.train.classifier_inputs import Inputs

_BATCH = 128
_TIE = 1e-3  # weight of the likelihood: one item more or less in the right place outweighs it


class ClassifierTask:
    """Implements :class:`~caseindex.train.loop.Task`. Every random choice of a batch is a function of the seed, the epoch
    and the batch's number. ``truth``: [items, classes] 1, 0 or NaN."""

    def __init__(
        self,
        module: torch.nn.Module,
        inputs: Inputs,
        truth: Float32Array,
        *,
        train: Int64Array,
        validation: Int64Array,
        batch: int,
        seed: int,
        loss: str,
        many: bool,
        device: str,
    ) -> None:
        self.module, self.inputs, self.truth = module, inputs, truth
        self.train, self.validation = train, validation
        self.batch, self.seed, self.loss_name, self.many, self.device = batch, seed, loss, many, device

    def batches(self, epoch: int) -> list[Int64Array]:
        order = np.random.default_rng([self.seed, epoch]).permutation(self.train)
        return [order[start : start + self.batch] for start in range(0, len(order), self.batch)]

    def loss(self, batch: Any, epoch: int, number: int) -> torch.Tensor:
        generator = np.random.default_rng([self.seed, epoch, number])
        logits = self.module(self.inputs.training(batch, generator))
        truth = torch.from_numpy(self.truth[batch]).to(self.device)
        return criterion(logits, truth, self.loss_name, self.many)

    def validate(self) -> dict[str, float]:
        """LRAP decides, and where it ties (it soon does on easy labels) the likelihood."""
        truth = self.truth[self.validation]
        logits = self.logits(self.validation)
        found = averaged(logits, 1.0, self.many)
        ranked = lrap(found, truth)
        known = ~np.isnan(truth)
        if self.many:
            accuracy = float(((found >= 0.5) == (truth > 0.5))[known].mean())
        else:
            accuracy = float((found.argmax(1) == np.nan_to_num(truth).argmax(1)).mean())
        score = float(np.nanmean(ranked)) if (~np.isnan(ranked)).any() else accuracy
        loss = likelihood(logits, truth, 1.0, self.many)
        return {"lrap": score, "accuracy": accuracy, "loss": loss, "score": score - _TIE * loss}

    def logits(self, places: Int64Array, views: int | None = None) -> Float32Array:
        """[views, items, classes] of the module in evaluation mode."""
        self.module.eval()
        out = []
        with torch.inference_mode():
            for number in range(views or self.inputs.views):
                parts = [places[start : start + _BATCH] for start in range(0, len(places), _BATCH)]
                rows = [self.module(self.inputs.view(part, number)).float().cpu().numpy() for part in parts]
                out.append(np.concatenate(rows))
        return np.stack(out)


def criterion(logits: torch.Tensor, truth: torch.Tensor, name: str, many: bool) -> torch.Tensor:
    """Scalar. ``mse``: of the probabilities, as published; unknown cells (NaN) count nothing."""
    known = ~torch.isnan(truth)
    target = torch.nan_to_num(truth)
    if name == "mse":
        found = torch.sigmoid(logits) if many else torch.softmax(logits, 1)
        return ((found - target) ** 2 * known).sum() / known.sum().clamp(min=1)
    if many:
        each = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return (each * known).sum() / known.sum().clamp(min=1)
    return F.cross_entropy(logits, target.argmax(1))


def averaged(logits: Float32Array, temperature: float, many: bool) -> Float32Array:
    """[views, items, classes] logits -> [items, classes] probabilities."""
    return np.mean([probabilities(view / temperature, many) for view in logits], axis=0, dtype=np.float32)


def likelihood(logits: Float32Array, truth: Float32Array, temperature: float, many: bool) -> float:
    """Mean negative log-likelihood of what is known."""
    found = np.clip(averaged(logits, temperature, many).astype(np.float64), 1e-7, 1 - 1e-7)
    if many:
        return float(-np.nanmean(np.where(truth > 0.5, np.log(found), np.log(1 - found)) + 0 * truth))
    return float(-np.log(np.take_along_axis(found, np.nan_to_num(truth).argmax(1)[:, None], 1)).mean())


def fitted_temperature(logits: Float32Array, truth: Float32Array, many: bool) -> float:
    """The temperature (Guo et al. 2017) of the least negative log-likelihood, within 1/10 to 10, by golden section."""
    low, high, golden = np.log(0.1), np.log(10.0), (5**0.5 - 1) / 2
    for _ in range(40):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if likelihood(logits, truth, np.exp(left), many) <= likelihood(logits, truth, np.exp(right), many):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))
