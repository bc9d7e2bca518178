"""What a network is given for a batch: cached features, pictures, word windows or hashed words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from caseindex.encoders.classifier_networks import features, turned
from caseindex.encoders.preprocessing import Preprocessing
from caseindex.encoders.report_features import BUCKETS, GROUPS, Features, features_of
from caseindex.encoders.torch_image import TorchImageEncoder
from caseindex.encoders.word_windows import Words
from caseindex.index.archive import Archive
from caseindex.records import Float32Array, Int64Array
from caseindex.train.pixel_cache import PixelCache, augmented
from caseindex.train.progress import OnProgress

_BATCH = 32


class Inputs(Protocol):
    """``views``: how many views of an item there are to average."""

    views: int

    def training(self, places: Int64Array, generator: np.random.Generator) -> Any: ...
    def view(self, places: Int64Array, number: int) -> Any: ...


class CachedFeatures:
    """[items, views, dim] of a frozen encoder, computed once into the run's folder; each training step draws a view."""

    def __init__(self, table: Float32Array, device: str) -> None:
        self.table = torch.from_numpy(table).to(device)
        self.views = table.shape[1]

    def training(self, places: Int64Array, generator: np.random.Generator) -> torch.Tensor:
        return self.table[torch.from_numpy(places), torch.from_numpy(generator.integers(0, self.views, len(places)))]

    def view(self, places: Int64Array, number: int) -> torch.Tensor:
        return self.table[torch.from_numpy(places), number]


def cached_features(
    encoder: TorchImageEncoder, pixels: PixelCache, views: int, mirror: bool, file: Path, progress: OnProgress
) -> Float32Array:
    """[items, views, dim], float32; read from ``file`` where an interrupted run left it whole."""
    count = len(pixels.pixels)
    if file.is_file():
        return np.asarray(np.load(file), np.float32)
    out = encoded(
        encoder, pixels, np.arange(count), views, mirror, lambda done: progress("image features", done, count)
    )
    work = file.with_name("features.part.npy")
    np.save(work, out)
    work.replace(file)
    return out


def encoded(
    encoder: TorchImageEncoder,
    pixels: PixelCache,
    places: Int64Array,
    views: int,
    mirror: bool,
    on_done: Callable[[int], None],
) -> Float32Array:
    """[places, views, dim], float32. ``on_done``: is told how many more are done."""
    network = encoder.network
    device = next(iter(network.state_dict().values())).device
    out = np.zeros((len(places), views, encoder.dim), np.float32)
    with torch.inference_mode():
        for start in range(0, len(places), _BATCH):
            some = places[start : start + _BATCH]
            batch = pixels.batch(some).to(device, memory_format=torch.channels_last)
            for number in range(views):
                found = features(network, [turned(batch, number, mirror)])
                out[start : start + len(some), number] = found.cpu().numpy()
            on_done(len(some))
    return out


class Pictures:
    """Pictures for a network that is trained itself, turned, moved and mirrored at random where ``augment``."""

    def __init__(self, pixels: PixelCache, views: int, mirror: bool, augment: bool, device: str) -> None:
        self.pixels, self.views, self.mirror, self.augment, self.device = pixels, views, mirror, augment, device

    def training(self, places: Int64Array, generator: np.random.Generator) -> list[torch.Tensor]:
        batch = self._batch(places)
        if self.augment:
            batch = augmented(batch, generator)
        if self.mirror:
            flip = torch.from_numpy(generator.random(len(places)) < 0.5).to(self.device)
            batch = torch.where(flip[:, None, None, None], batch.flip(3), batch)
        return [batch]

    def view(self, places: Int64Array, number: int) -> list[torch.Tensor]:
        return [turned(self._batch(places), number, self.mirror)]

    def _batch(self, places: Int64Array) -> torch.Tensor:
        return self.pixels.batch(places).to(self.device, memory_format=torch.channels_last)


class Windows:
    """Windows of 150 words."""

    views = 1

    def __init__(self, words: Words, texts: Sequence[str], device: str) -> None:
        self.each = [words.windows([text])[0] for text in texts]
        self.device = device

    def training(self, places: Int64Array, generator: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        return self.view(places, 0)

    def view(self, places: Int64Array, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        found = [self.each[place] for place in places]
        owners = np.repeat(np.arange(len(found)), [len(rows) for rows in found])
        return torch.from_numpy(np.concatenate(found)).to(self.device), torch.from_numpy(owners).to(self.device)


class HashedWords:
    """Features of :mod:`~caseindex.encoders.report_features`. In training whole groups and single features are left out
    at random, so that no one kind of evidence ("the first finding of the conclusion") is relied on alone."""

    views = 1

    def __init__(self, texts: Sequence[str], dropout: float, device: str, progress: OnProgress) -> None:
        self.each: list[Features] = []
        for text in texts:
            self.each.append(features_of(text))
            progress("reports", 1, len(texts))
        self.dropout, self.device = dropout, device

    def training(self, places: Int64Array, generator: np.random.Generator) -> tuple[torch.Tensor, ...]:
        found = []
        for place in places:
            item = self.each[place]
            kept = generator.random(len(item.values)) >= self.dropout
            kept &= (generator.random(len(GROUPS)) >= self.dropout)[item.groups]
            found.append((item.places, item.values * kept))
        return self._bags(found)

    def view(self, places: Int64Array, number: int) -> tuple[torch.Tensor, ...]:
        return self._bags([(self.each[place].places, self.each[place].values) for place in places])

    def _bags(self, found: list[tuple[Int64Array, Float32Array]]) -> tuple[torch.Tensor, ...]:
        starts = np.cumsum([0, *(len(places) for places, _ in found)])[:-1]
        places, values = (np.concatenate(part) for part in zip(*found, strict=True))
        parts = (places, starts.astype(np.int64), values.astype(np.float32))
        return tuple(torch.from_numpy(part).to(self.device) for part in parts)


class LinearBag(torch.nn.Module):
    """The sum of the weights of a report's features, and a bias: [documents, classes]."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(BUCKETS, classes))
        self.bias = torch.nn.Parameter(torch.zeros(classes))

    def forward(self, bags: tuple[torch.Tensor, ...]) -> torch.Tensor:
        places, starts, values = bags
        summed = torch.nn.functional.embedding_bag(places, self.weight, starts, mode="sum", per_sample_weights=values)
        return summed + self.bias


def pixel_cache(
    archive: Archive, uids: Sequence[str], preprocessing: Preprocessing, folder: Path, progress: OnProgress
) -> PixelCache:
    return PixelCache(archive, uids, preprocessing, folder, partial(progress, "pictures"))
