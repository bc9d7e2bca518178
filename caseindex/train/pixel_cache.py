"""Pictures at the network's size, decoded once for a run of full training: a memory-mapped file, derived data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from caseindex.encoders.preprocessing import Preprocessing
from caseindex.index.archive import Archive
from caseindex.index.embed import decoded
from caseindex.records import Float32Array, Int64Array, PixelArray

if TYPE_CHECKING:
    import torch


class PixelCache:
    """[n, height, width] uint8, grey, in the order of ``uids``; ``readable``: [n] bool."""

    def __init__(
        self,
        archive: Archive,
        uids: Sequence[str],
        preprocessing: Preprocessing,
        folder: Path,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.preprocessing = preprocessing
        file = folder / "pixels.npy"
        shape = (len(uids), preprocessing.height, preprocessing.width)
        done = folder / "pixels.done"
        if done.exists() and file.exists():
            self.pixels: PixelArray = np.load(file, mmap_mode="r")
            self.readable: npt.NDArray[np.bool_] = np.load(folder / "readable.npy")
            return
        place = {uid: number for number, uid in enumerate(uids)}
        pixels = np.lib.format.open_memmap(file, "w+", np.uint8, shape)
        self.readable = np.zeros(len(uids), bool)

        def grey(picture: PixelArray) -> Float32Array:
            import cv2

            flat = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
            return preprocessing.resized(np.asarray(flat, np.uint8)).astype(np.float32)

        for uid, picture in decoded(archive, uids, grey, 0, {}):
            pixels[place[uid]] = picture.astype(np.uint8)
            self.readable[place[uid]] = True
            if on_progress:
                on_progress(1, len(uids))
        pixels.flush()
        np.save(folder / "readable.npy", self.readable)
        done.touch()
        self.pixels = pixels

    def batch(self, places: Int64Array) -> torch.Tensor:
        """[n, 3, height, width] float32, preprocessed."""
        import torch

        return torch.from_numpy(np.stack([self.preprocessing.scaled(self.pixels[place]) for place in places]))


def augmented(pixels: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
    """Small rotations (up to 8 degrees), zooms (0.9 to 1.1), shifts (5%) and brightness changes, one set per picture.

    No mirroring: left and right mean something in a report.
    """
    import torch
    import torch.nn.functional as F

    n = len(pixels)
    angle = np.deg2rad(generator.uniform(-8, 8, n))
    zoom = generator.uniform(0.9, 1.1, n)
    shift = generator.uniform(-0.05, 0.05, (n, 2))
    rows = np.stack(
        [
            np.stack([np.cos(angle) / zoom, -np.sin(angle) / zoom, shift[:, 0]], 1),
            np.stack([np.sin(angle) / zoom, np.cos(angle) / zoom, shift[:, 1]], 1),
        ],
        1,
    ).astype(np.float32)
    grid = F.affine_grid(torch.from_numpy(rows).to(pixels.device), list(pixels.shape), align_corners=False)
    moved = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    gain = torch.from_numpy(generator.uniform(0.9, 1.1, (n, 1, 1, 1)).astype(np.float32)).to(pixels.device)
    low = moved.amin((1, 2, 3), keepdim=True)
    return (moved - low) * gain + low
