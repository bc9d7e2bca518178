"""Studies of several images found by their reports: one fused vector beside the mean and the best of the images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from caseindex.records import Float32Array, Int64Array
from caseindex.train.held_out import KS, Interval, by_patient, chance_at, hits_at
from caseindex.train.pair_task import PairTask


@dataclass(frozen=True, slots=True, kw_only=True)
class FusedRecall:
    """Text to study recall@k over the studies of the test side, by how a study's images are brought together;
    ``several``: how many of them have more than one image."""

    studies: int
    several: int
    attention: dict[str, Interval]
    mean: dict[str, Interval]
    best_image: dict[str, Interval]
    chance: dict[str, float]


def fused_recall(task: PairTask, studies: Int64Array) -> FusedRecall:
    """``task.module`` has a fusion; ``studies``: places in the task's pairs."""
    found = task.evaluated(studies)
    of_image = np.array([task.pairs.images[place].study for place in found.places])
    places = {int(study): row for row, study in enumerate(studies)}
    group = np.array([places[int(study)] for study in of_image])
    relevant = np.zeros((len(studies), found.relevant.shape[1]), bool)
    np.logical_or.at(relevant, group, found.relevant)
    text_vectors = _texts(task, found.places)
    attention = _attention(task, found.images, group, len(studies)) @ text_vectors.T
    mean = _pooled(found.images, group, len(studies)) @ text_vectors.T
    best = np.full((len(studies), found.similarity.shape[1]), -np.inf, np.float32)
    np.maximum.at(best, group, found.similarity)

    def recall(similarity: Float32Array) -> dict[str, Interval]:
        return {f"recall@{k}": by_patient(hits_at(similarity.T, relevant.T, k), found.text_patients) for k in KS}

    return FusedRecall(
        studies=len(studies),
        several=int((np.bincount(group, minlength=len(studies)) > 1).sum()),
        attention=recall(attention),
        mean=recall(mean),
        best_image=recall(best),
        chance={f"recall@{k}": chance_at(relevant.T, k) for k in KS},
    )


def _texts(task: PairTask, places: Int64Array) -> Float32Array:
    texts = sorted({text for image in places for text in task.pairs.images[image].texts})
    with torch.inference_mode():
        parts = [
            task.module.texts([task.views[text].whole for text in texts[start : start + 256]]).float().cpu().numpy()
            for start in range(0, len(texts), 256)
        ]
    return np.concatenate(parts)


def _attention(task: PairTask, images: Float32Array, group: Int64Array, count: int) -> Float32Array:
    if task.module.fusion is None:
        raise ValueError("the module has no fusion")
    with torch.inference_mode():
        vectors = torch.from_numpy(images).to(task.device)
        fused = task.module.fusion(vectors, torch.from_numpy(group).to(task.device), count)
    return np.asarray(fused.float().cpu().numpy(), np.float32)


def _pooled(images: Float32Array, group: Int64Array, count: int) -> Float32Array:
    sums = np.zeros((count, images.shape[1]), np.float32)
    np.add.at(sums, group, images)
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
