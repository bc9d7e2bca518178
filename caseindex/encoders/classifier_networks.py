"""The networks of `train classifier`, in PyTorch: the published image and text classifiers, and a head on an encoder.

The published pair (a five-layer convolutional network after AlexNet for the picture, an LSTM for the report) is kept as it
was, to be compared with.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from caseindex.encoders.whitening import Whitening


class PublishedCnn(torch.nn.Module):
    """Five convolutional layers with ReLU, pooled after the first, second and fifth as in AlexNet (Krizhevsky et al.
    2012), and one linear layer. The publication gives the number of layers and the activation; the widths are ours.

    [batch, 3, side, side] -> [batch, classes]; grey pictures: the first channel is read.
    """

    WIDTHS = (32, 64, 96, 96, 64)
    GRID = 6  # cells of the last maps, as in AlexNet

    def __init__(self, classes: int) -> None:
        super().__init__()
        one, two, three, four, five = self.WIDTHS
        self.layers = torch.nn.Sequential(
            *(torch.nn.Conv2d(1, one, 11, stride=4, padding=2), torch.nn.ReLU(), torch.nn.MaxPool2d(3, 2)),
            *(torch.nn.Conv2d(one, two, 5, padding=2), torch.nn.ReLU(), torch.nn.MaxPool2d(3, 2)),
            *(torch.nn.Conv2d(two, three, 3, padding=1), torch.nn.ReLU()),
            *(torch.nn.Conv2d(three, four, 3, padding=1), torch.nn.ReLU()),
            *(torch.nn.Conv2d(four, five, 3, padding=1), torch.nn.ReLU()),
        )
        self.out = torch.nn.Linear(five * self.GRID**2, classes)

    def forward(self, views: Sequence[torch.Tensor]) -> torch.Tensor:
        maps = self.layers(views[0][:, :1])
        return self.out(F.adaptive_max_pool2d(maps, self.GRID).flatten(1))  # type: ignore[no-any-return]


class PublishedLstm(torch.nn.Module):
    """Words as indices in windows of 150, embedding, LSTM with 64 units, two sub-sampling layers (maximum over pairs of
    positions), a dense layer. A longer report has several windows, whose outputs are averaged.

    windows [windows, 150] int64 (0: no word), owners [windows] int64 -> [documents, classes].
    """

    WINDOW, UNITS, EMBEDDING = 150, 64, 64

    def __init__(self, vocabulary: int, classes: int) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(vocabulary, self.EMBEDDING, padding_idx=0)
        self.lstm = torch.nn.LSTM(self.EMBEDDING, self.UNITS, batch_first=True)
        self.out = torch.nn.Linear(self.UNITS * (self.WINDOW // 4), classes)

    def forward(self, given: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        windows, owners = given
        states, _ = self.lstm(self.embedding(windows))  # [windows, 150, 64]
        sampled = F.max_pool1d(F.max_pool1d(states.transpose(1, 2), 2), 2)  # [windows, 64, 37]
        each = self.out(sampled.flatten(1))
        documents = int(owners.max()) + 1
        sums = each.new_zeros(documents, each.shape[1]).index_add_(0, owners, each)
        return sums / torch.bincount(owners, minlength=documents)[:, None]


class EncoderHead(torch.nn.Module):
    """Whitening, then a linear map with a residual hidden layer: features [batch, dim] -> logits [batch, classes]."""

    def __init__(self, whitening: Whitening, classes: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        width = whitening.projection.shape[1]
        self.register_buffer("mean", torch.from_numpy(whitening.mean))
        self.register_buffer("projection", torch.from_numpy(whitening.projection))
        self.linear = torch.nn.Linear(width, classes)
        self.hidden = torch.nn.Linear(width, hidden)
        self.out = torch.nn.Linear(hidden, classes, bias=False)
        self.dropout = torch.nn.Dropout(dropout)
        # It begins knowing nothing, as a linear classifier: with few images the hidden layer comes in as they carry it.
        for layer in (self.linear, self.out):
            torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(self.linear.bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        white = F.normalize((features - self.get_buffer("mean")) @ self.get_buffer("projection"), dim=1)
        white = self.dropout(white * white.shape[1] ** 0.5)  # unit variance, so that one learning rate suits any width
        return self.linear(white) + self.out(self.dropout(F.relu(self.hidden(white))))  # type: ignore[no-any-return]


class EncoderClassifier(torch.nn.Module):
    """An image encoder's trunk and a head on it. Several views of a picture (whole, cut to its content) go through the
    same trunk; their L2-normalised features stand side by side.

    views, each [batch, 3, height, width] -> [batch, classes].
    """

    def __init__(self, trunk: torch.nn.Module, head: EncoderHead) -> None:
        super().__init__()
        self.trunk, self.head = trunk, head

    def forward(self, views: Sequence[torch.Tensor]) -> torch.Tensor:
        return self.head(features(self.trunk, views))  # type: ignore[no-any-return]


def features(trunk: torch.nn.Module, views: Sequence[torch.Tensor]) -> torch.Tensor:
    """[batch, views * dim], each view's part L2-normalised."""
    parts = []
    for view in views:
        with torch.autocast(view.device.type, torch.bfloat16, enabled=view.device.type == "cuda"):
            part = trunk(view)
        parts.append(F.normalize(part.float(), dim=1))
    return torch.cat(parts, dim=1)


def turned(pixels: torch.Tensor, number: int, mirror: bool) -> torch.Tensor:
    """Test-time view ``number`` of pictures [batch, 3, height, width]: 0 the pictures themselves, then (with ``mirror``,
    for labels that know no side) mirrored, then turned by 5, -5, 10, ... degrees, mirrored and not."""
    if mirror:
        number, flipped = divmod(number, 2)
        pixels = pixels.flip(3) if flipped else pixels
    if number == 0:
        return pixels
    angle = torch.deg2rad(torch.tensor(5.0 * ((number + 1) // 2) * (1 if number % 2 else -1)))
    zero = torch.zeros(())
    rows = torch.stack([torch.stack([angle.cos(), -angle.sin(), zero]), torch.stack([angle.sin(), angle.cos(), zero])])
    places = rows.expand(len(pixels), 2, 3).to(pixels.device)
    grid = F.affine_grid(places, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
