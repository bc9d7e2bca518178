"""What an image network is given for a batch of images: features that were computed once, or their pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from caseindex.encoders.preprocessing import Preprocessing
from caseindex.index.archive import Archive
from caseindex.records import Float32Array, Int64Array
from caseindex.train.pixel_cache import PixelCache, augmented
from caseindex.train.progress import OnProgress

#: [n] places of images, what draws the changes of augmentation (``None``: as they are) -> [n, ...]
ImageInput = Callable[[Int64Array, np.random.Generator | None], torch.Tensor]


def stored_features(features: Float32Array, device: str) -> ImageInput:
    """Rows of ``features``, [images, dim]; of a network that is not trained."""
    table = torch.from_numpy(features).to(device)
    return lambda places, generator: table[torch.from_numpy(places).to(device)]


def decoded_pictures(
    archive: Archive,
    uids: Sequence[str],
    preprocessing: Preprocessing,
    folder: Path,
    device: str,
    on_progress: OnProgress,
) -> ImageInput:
    """The pictures of the images ``uids``, preprocessed, [n, 3, height, width]; decoded once into ``folder``."""
    cache = PixelCache(archive, uids, preprocessing, folder, partial(on_progress, "pictures"))

    def pixels(places: Int64Array, generator: np.random.Generator | None) -> torch.Tensor:
        batch = cache.batch(places).to(device, memory_format=torch.channels_last)
        return batch if generator is None else augmented(batch, generator)

    return pixels
