"""Training views on the device, the whole batch at once: what :mod:`caseindex.encoders.nuisance` does picture by picture.

All random numbers of the global batch are drawn on the CPU from one generator, so that a run gives the same views on one
process and on several, and goes on exactly after an interruption.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F

_DRAWS = 24
_LETTER_MASKS = 64


def drawn(count: int, seed: int, epoch: int, number: int) -> torch.Tensor:
    """[count, 24] in [0, 1): the random numbers of batch ``number`` of ``epoch``."""
    values = np.random.default_rng([seed, epoch, number, 0xC3]).random((count, _DRAWS), np.float32)
    return torch.from_numpy(values)


def augmented(pixels: torch.Tensor, draws: torch.Tensor, strength: Literal["none", "slight", "strong"]) -> torch.Tensor:
    """``pixels``: [n, 1, side, side] in [0, 1]; ``draws``: [n, 24]. `slight`: rotation of up to 5 degrees and a zoom of up
    to 5%, as published; `strong`: also shift, aspect, exposure, local contrast, blur, blocks and letters."""
    if strength == "none":
        return pixels
    draws = draws.to(pixels.device)
    if strength == "slight":
        return _moved(pixels, draws, degrees=5.0, zoom=0.05, aspect=0.0, shift=0.0)
    moved = _moved(pixels, draws, degrees=8.0, zoom=0.14, aspect=0.06, shift=0.06)
    return _covered(_exposed(moved, draws), draws).clamp(0, 1)


def _between(draws: torch.Tensor, column: int, low: float, high: float) -> torch.Tensor:
    return draws[:, column] * (high - low) + low


def _moved(
    pixels: torch.Tensor, draws: torch.Tensor, *, degrees: float, zoom: float, aspect: float, shift: float
) -> torch.Tensor:
    angle = _between(draws, 0, -degrees, degrees) * (math.pi / 180)
    scale = torch.exp(_between(draws, 1, -zoom, zoom))
    stretch = torch.exp(_between(draws, 2, -aspect, aspect))
    rows = torch.zeros(len(pixels), 2, 3, device=pixels.device)
    rows[:, 0, 0], rows[:, 0, 1] = torch.cos(angle) * scale * stretch, -torch.sin(angle) * scale
    rows[:, 1, 0], rows[:, 1, 1] = torch.sin(angle) * scale, torch.cos(angle) * scale / stretch
    rows[:, 0, 2], rows[:, 1, 2] = _between(draws, 3, -2 * shift, 2 * shift), _between(draws, 4, -2 * shift, 2 * shift)
    grid = F.affine_grid(rows, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def _exposed(pixels: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    def column(place: int, low: float, high: float) -> torch.Tensor:
        return _between(draws, place, low, high)[:, None, None, None]

    side = pixels.shape[-1]
    out = pixels.clamp_min(1e-4) ** torch.exp(column(5, -0.5, 0.5))
    coarse = F.adaptive_avg_pool2d(out, 12)
    low = F.interpolate(coarse, size=(side, side), mode="bilinear", align_corners=False)
    local = column(6, -0.3, 1.2) * (draws[:, 7] < 0.5)[:, None, None, None]
    out = out + local * (out - low)
    out = (out - 0.5) * (1 + column(8, -0.3, 0.3)) + 0.5 + column(9, -0.15, 0.15)
    soft = F.avg_pool2d(F.pad(out, (2, 2, 2, 2), mode="replicate"), 5, 1)
    share = column(10, 0.0, 1.0) * (draws[:, 11] < 0.35)[:, None, None, None]
    return out + share * (soft - out)


def _covered(pixels: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    side = pixels.shape[-1]
    masks = _letters(side).to(pixels.device)
    chosen = (draws[:, 12] * len(masks)).long().clamp_max(len(masks) - 1)
    written = (draws[:, 13] < 0.3)[:, None, None, None]
    out = torch.maximum(pixels, masks[chosen][:, None].float() / 255 * written)
    place = torch.arange(side, device=pixels.device)
    rows = (place[None] - draws[:, 14:15] * side).abs() < _between(draws, 15, 0.03, 0.15)[:, None] * side
    columns = (place[None] - draws[:, 16:17] * side).abs() < _between(draws, 17, 0.03, 0.15)[:, None] * side
    block = rows[:, :, None] & columns[:, None, :] & (draws[:, 18] < 0.3)[:, None, None]
    return torch.where(block[:, None], draws[:, 19][:, None, None, None], out)


@cache
def _letters(side: int) -> torch.Tensor:
    """[64, side, side] uint8: marks, numbers and lines of text, as films and screens bear them."""
    generator = np.random.default_rng(0)
    masks = np.zeros((_LETTER_MASKS, side, side), np.uint8)
    signs = list("LRAPXSM0123456789:./-")
    for mask in masks:
        for _ in range(int(generator.integers(1, 4))):
            text = "".join(generator.choice(signs, generator.integers(1, 9)))
            place = (int(generator.integers(0, int(0.9 * side))), int(generator.integers(side // 20, side)))
            size, grey = generator.uniform(0.3, 1.1) * side / 224, int(generator.integers(150, 255))
            cv2.putText(mask, text, place, int(generator.integers(0, 4)), size, grey, int(generator.integers(1, 3)), 16)
    return torch.from_numpy(masks)
