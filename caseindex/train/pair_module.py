"""The networks of `train pair`: a trunk where it is trained, an image tower, a text tower, the loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch

from caseindex.encoders.concept_text import text_batch
from caseindex.records import Float32Array
from caseindex.train.study_fusion import StudyFusion
from caseindex.train.text_views import View
from caseindex.train.towers import ConceptText, trunk_features

#: Texts per forward pass of the text network: small enough to save padding, large enough for matrix products.
LENGTH_GROUP = 32


class PairModule(torch.nn.Module):
    """``trunk`` (trained, or none where features are cached), the two towers, the loss, and what fuses the images of a
    study, if anything does."""

    def __init__(
        self,
        trunk: torch.nn.Module | None,
        image: torch.nn.Module,
        text: torch.nn.Module,
        criterion: torch.nn.Module,
        fusion: StudyFusion | None = None,
    ) -> None:
        super().__init__()
        self.trunk, self.image, self.text, self.criterion, self.fusion = trunk, image, text, criterion, fusion

    def studies(self, features: torch.Tensor, group_of: torch.Tensor, groups: int) -> torch.Tensor:
        """[images, ...] and the study of each -> [groups, dim], L2-normalised."""
        images = self.images(features)
        return images if self.fusion is None else self.fusion(images, group_of, groups)

    def images(self, features: torch.Tensor) -> torch.Tensor:
        if self.trunk is not None:
            features = trunk_features(self.trunk, features)
        return self.image(features)  # type: ignore[no-any-return]

    def texts(self, views: Sequence[View]) -> torch.Tensor:
        return self.text(views)  # type: ignore[no-any-return]


class ConceptTower(torch.nn.Module):
    """:class:`~caseindex.train.towers.ConceptText` fed with views."""

    def __init__(self, network: ConceptText) -> None:
        super().__init__()
        self.network: ConceptText = network

    def forward(self, views: Sequence[View]) -> torch.Tensor:
        device = next(self.network.parameters()).device
        # Long and short texts apart: questions of three tokens are not padded to the length of reports.
        order = sorted(range(len(views)), key=lambda place: len(views[place].tokens))
        out = []
        for start in range(0, len(order), LENGTH_GROUP):
            group = [views[place] for place in order[start : start + LENGTH_GROUP]]
            batch = text_batch([view.tokens for view in group], np.stack([view.concepts for view in group]))
            out.append(
                self.network(torch.from_numpy(batch.tokens).to(device), torch.from_numpy(batch.concepts).to(device))
            )
        back = torch.from_numpy(np.argsort(order))
        return torch.cat(out)[back.to(device)]


class TextNetwork(Protocol):
    """A text network from outside (:mod:`caseindex.encoders`): ``network`` holds its weights."""

    @property
    def network(self) -> Any: ...
    @property
    def width(self) -> int: ...
    def states(self, texts: Sequence[str]) -> Any:
        """[n, width] float32 torch tensor."""
        ...

    def stored(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """(configuration, files) to make it again from, weights aside."""
        ...


def plain_vectors(loaded: TextNetwork, texts: Sequence[str]) -> Float32Array:
    """[n, width], L2-normalised: what the network gives as it is."""
    loaded.network.eval()
    with torch.inference_mode():
        parts = [
            torch.nn.functional.normalize(loaded.states(part), dim=1).cpu()
            for part in (texts[start : start + 32] for start in range(0, len(texts), 32))
        ]
    return np.asarray(torch.cat(parts).numpy(), np.float32)


class OutsideTower(torch.nn.Module):
    """A text network from outside and a projection head; the network is trained only with ``--full``."""

    def __init__(self, loaded: TextNetwork, head: torch.nn.Module, full: bool) -> None:
        super().__init__()
        self.loaded = loaded
        self.network: Any = loaded.network
        self.head, self.full = head, full
        self.network.requires_grad_(full)

    def forward(self, views: Sequence[View]) -> torch.Tensor:
        with torch.set_grad_enabled(self.full and torch.is_grad_enabled()):
            states = self.loaded.states([view.text for view in views])
        return self.head(torch.nn.functional.normalize(states, dim=1))  # type: ignore[no-any-return]

    def train(self, mode: bool = True) -> OutsideTower:
        super().train(mode)
        if not self.full:
            self.network.eval()  # no dropout in what is not trained
        return self
