"""The offline default for similar images: three depths of EfficientNet-Lite0, pooled, with equal weight.

Middle layers tell modality and body region, the last one the pattern; a coarse grid of the stride-16 layer keeps
where it is. Each part is L2-normalised, so that none drowns the others (benchmarks/embed/levels.py compares them).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

DIM = 1280 + 320 + 4 * 112


class MultiLevel(torch.nn.Module):
    """[batch, 3, height, width] -> [batch, 2048]: head average, stage-7 average, 2 x 2 grid of stage 5."""

    def __init__(self, trunk: torch.nn.Module) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        trunk = self.trunk
        maps = trunk.bn1(trunk.conv_stem(pixels))  # type: ignore[operator]
        grid = torch.empty(0)
        for stage, block in enumerate(trunk.blocks):  # type: ignore[arg-type]
            maps = block(maps)
            if stage == 4:  # stride 16, 112 channels
                grid = F.adaptive_avg_pool2d(maps.float(), 2).flatten(1)  # [batch, 448]
        late = maps.float().mean((2, 3))  # [batch, 320]
        head = trunk.bn2(trunk.conv_head(maps)).float().mean((2, 3))  # type: ignore[operator]  # [batch, 1280]
        return torch.cat([F.normalize(part, dim=1) for part in (head, late, grid)], dim=1)


class Pooled(torch.nn.Module):
    """[batch, 3, height, width] -> [batch, 1280]: average of the last layer, as a classifier sees it."""

    def __init__(self, trunk: torch.nn.Module) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        trunk = self.trunk
        maps = trunk.blocks(trunk.bn1(trunk.conv_stem(pixels)))  # type: ignore[operator]
        return trunk.bn2(trunk.conv_head(maps)).float().mean((2, 3))  # type: ignore[operator, no-any-return]


class Grid(torch.nn.Module):
    """[batch, 3, height, width] -> [batch, cells * cells * channels]: average grids of ``stages``, one after the other,
    each row by row. The stages 3 (80 channels) and 4 (112) have stride 16.

    Where things are, rather than what they are: the signature of a person's anatomy in one projection. Two stages know
    more than either (docs/evaluation.md).
    """

    def __init__(self, trunk: torch.nn.Module, cells: int, stages: Sequence[int]) -> None:
        super().__init__()
        self.stem, self.bn, self.blocks = trunk.conv_stem, trunk.bn1, trunk.blocks[: max(stages) + 1]  # type: ignore[index]
        self.cells, self.stages = cells, tuple(stages)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        maps = self.bn(self.stem(pixels))  # type: ignore[operator]
        parts = []
        for stage, block in enumerate(self.blocks):  # type: ignore[arg-type]
            maps = block(maps)
            if stage in self.stages:
                parts.append(F.adaptive_avg_pool2d(maps.float(), self.cells).flatten(2).transpose(1, 2).flatten(1))
        return torch.cat(parts, dim=1)
