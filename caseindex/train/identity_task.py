"""What one step of identity training does, and how far it has come: the task that the loop runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from caseindex.encoders.preprocessing import Preprocessing
from caseindex.encoders.whitening import Whitening
from caseindex.evaluation.identity_ranking import ranked
from caseindex.evaluation.identity_set import IdentitySet
from caseindex.evaluation.pair_scores import measured, pair_scores
from caseindex.records import Float32Array, Int64Array, PixelArray
from caseindex.train import distributed
from caseindex.train.collapse import check_collapse
from caseindex.train.cross_batch_memory import CrossBatchMemory
from caseindex.train.hard_negatives import hard_negatives
from caseindex.train.identity_settings import IdentitySettings
from caseindex.train.identity_views import augmented, drawn
from caseindex.train.losses.arcface import SubCenterArcFace
from caseindex.train.losses.batch_hard_triplet import BatchHardTriplet
from caseindex.train.losses.contrastive import Contrastive, pair_contrastive
from caseindex.train.losses.multi_similarity import MultiSimilarity
from caseindex.train.losses.person_pairs import person_pairs
from caseindex.train.losses.sup_con import SupCon
from caseindex.train.samplers.pairs import pairs_of_images
from caseindex.train.samplers.persons_by_images import persons_by_images

MINED = 8  # strangers that a round keeps for each image
_BATCH = 64  # of a forward pass without gradients


@dataclass(frozen=True, slots=True, eq=False)
class IdentityImages:
    """Row-aligned. ``pixels``: [n, side, side] uint8, framed and aligned, an array or a memory map; ``persons``: [n],
    negative where unknown, one number per patient and kind of picture; ``families``: [n], equal for what may be one
    person; ``kinds``, ``studies``, ``copies``: [n] as in :class:`~caseindex.evaluation.identity_set.IdentitySet`."""

    pixels: PixelArray
    persons: Int64Array
    families: Int64Array
    kinds: Int64Array
    studies: Int64Array
    copies: Int64Array

    def as_set(self, vectors: Float32Array, rows: Int64Array) -> IdentitySet:
        persons, families = self.persons[rows], self.families[rows]
        pairs = set()
        for family in np.unique(families[persons >= 0]).tolist():
            members = np.unique(persons[(families == family) & (persons >= 0)]).tolist()
            pairs |= {(one, two) for one in members for two in members if one < two}
        return IdentitySet(vectors, persons, self.kinds[rows], self.studies[rows], self.copies[rows], frozenset(pairs))


class IdentityModule(torch.nn.Module):
    """``trunk`` (shared by all images: the Siamese network), and a linear head that begins as a fitted one."""

    mean: torch.Tensor

    def __init__(self, trunk: torch.nn.Module, head: Whitening, settings: IdentitySettings, persons: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.register_buffer("mean", torch.from_numpy(head.mean))
        # Unit length on average, so that the loss starts at its own scale.
        self.weight = torch.nn.Parameter(torch.from_numpy(head.projection))
        self.criterion = _criterion(settings, persons, head.projection.shape[1])
        self.memory = (
            CrossBatchMemory(settings.memory, head.projection.shape[1], warmup=20) if settings.memory else None
        )

    def train(self, mode: bool = True) -> IdentityModule:
        """Batch normalisation keeps its statistics: batches of few persons would not carry them."""
        super().train(mode)
        for part in self.trunk.modules():
            if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
                part.eval()
        return self

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """[n, trunk dim], L2-normalised, float32."""
        return F.normalize(self.trunk(pixels).float(), dim=1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """[n, 3, side, side], preprocessed -> [n, dim], L2-normalised."""
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=pixels.is_cuda):
            features = self.features(pixels)
        return F.normalize((features - self.mean) @ self.weight, dim=1)


def _criterion(settings: IdentitySettings, persons: int, dim: int) -> torch.nn.Module | None:
    if settings.loss == "pairs":
        return None
    if settings.loss == "contrastive":
        return Contrastive(settings.margin)
    if settings.loss == "triplet":
        return BatchHardTriplet(settings.margin)
    if settings.loss == "multi-similarity":
        return MultiSimilarity()
    if settings.loss == "arcface":
        return SubCenterArcFace(persons, dim, margin=settings.margin)
    return SupCon(settings.temperature, decoupled=True)


class IdentityTask:
    """``train``, ``validation``: rows of ``images``. ``folder``: where hard-negative rounds are kept, so that a resumed
    run goes on with the same ones."""

    def __init__(
        self,
        images: IdentityImages,
        module: IdentityModule,
        settings: IdentitySettings,
        preprocessing: Preprocessing,
        folder: Path,
        *,
        train: Int64Array,
        validation: Int64Array,
        device: str,
        on_mined: Callable[[int, int], None] | None = None,
    ) -> None:
        self.preprocessing = preprocessing
        self._images = images
        self._module = module
        self._settings = settings
        self._folder = folder
        self._train = train
        self._validation = validation
        self._device = device
        self._on_mined = on_mined or (lambda done, total: None)
        self._mean = torch.tensor(preprocessing.mean, device=device)[None, :, None, None]
        self._std = torch.tensor(preprocessing.std, device=device)[None, :, None, None]
        # Persons of the training side by consecutive numbers, for the class-based loss.
        known = np.unique(images.persons[train][images.persons[train] >= 0])
        self._class_of = np.full(int(images.persons.max(initial=-1)) + 2, -1, np.int64)
        self._class_of[known] = np.arange(len(known))
        family = dict(zip(images.persons[train].tolist(), images.families[train].tolist(), strict=True))
        self._class_families = np.array([family[person] for person in known.tolist()], np.int64)
        self._rounds: dict[int, Int64Array] = {}

    @property
    def module(self) -> torch.nn.Module:
        return self._module

    def batches(self, epoch: int) -> Sequence[Any]:
        settings = self._settings
        persons, families = self._images.persons[self._train], self._images.families[self._train]
        number = settings.round_of(epoch)
        mined = self._mined(number) if number else None
        if settings.loss == "pairs":
            chosen = pairs_of_images(
                persons,
                families,
                batch=settings.batch_persons * settings.images // 2,
                seed=settings.seed,
                epoch=epoch,
                mined=None if mined is None else mined[:, 0],
            )
            return [(self._train[pairs], different) for pairs, different in chosen]
        rows = persons_by_images(
            persons,
            batch_persons=settings.batch_persons,
            images=settings.images,
            seed=settings.seed,
            epoch=epoch,
            singletons=settings.singletons,
            neighbours=None if mined is None else _neighbours(persons, mined),
        )
        return [self._train[batch] for batch in rows]

    def loss(self, batch: Any, epoch: int, number: int) -> torch.Tensor:
        pairs = self._settings.loss == "pairs"
        rows = batch[0].T.ravel() if pairs else batch
        own = distributed.own_rows(len(rows))
        draws = drawn(len(rows), self._settings.seed, epoch, number)
        pixels = self._resized(rows[own], self._settings.size_of(epoch))
        pixels = self._scaled(augmented(pixels, draws[own], self._settings.augmentation))
        for parameter in self._module.trunk.parameters():
            parameter.requires_grad_(epoch >= self._settings.frozen_epochs)
        embeddings = distributed.gathered(self._module(pixels), len(rows))
        if pairs:
            half = len(rows) // 2
            different = torch.from_numpy(batch[1]).to(self._device).bool()
            return pair_contrastive(embeddings[:half], embeddings[half:], different, self._settings.margin)
        return self._batch_loss(embeddings, rows)

    def _batch_loss(self, embeddings: torch.Tensor, rows: Int64Array) -> torch.Tensor:
        persons = torch.from_numpy(self._images.persons[rows]).to(self._device)
        families = torch.from_numpy(self._images.families[rows]).to(self._device)
        criterion = self._module.criterion
        if isinstance(criterion, SubCenterArcFace):
            ignored = families[:, None] == torch.from_numpy(self._class_families).to(self._device)[None, :]
            return criterion(embeddings, self.classes(rows), ignored)
        memory = self._module.memory
        if memory is None or criterion is None:
            return _applied(criterion, person_pairs(embeddings, persons, families=families))
        images = torch.from_numpy(rows).to(self._device)
        past, past_persons, past_families = memory.references(images)
        pairs = person_pairs(
            embeddings,
            persons,
            families=families,
            memory=past,
            memory_persons=past_persons,
            memory_families=past_families,
        )
        memory.add(embeddings, persons, families, images)
        return _applied(criterion, pairs)

    def classes(self, rows: Int64Array) -> torch.Tensor:
        """[rows] consecutive numbers of the training side's persons, -1 for others."""
        return torch.from_numpy(self._class_of[self._images.persons[rows]]).to(self._device)

    def validate(self) -> dict[str, float]:
        vectors = self.embedded(self._validation)
        data = self._images.as_set(vectors, self._validation)
        margin = self._settings.margin if self._settings.loss in ("pairs", "contrastive") else None
        check_collapse(vectors, data.persons, self._folder.name, margin=margin)
        found = ranked(data)
        curve = measured(pair_scores(data))
        top_1 = float(found.top(1).mean()) if len(found.first) else 0.0
        auc = 0.5 if np.isnan(curve.auc) else curve.auc
        # The Siamese recipe chooses by AUC, as published; ours also by what a search shows first.
        score = auc if self._settings.loss == "pairs" else (auc + top_1) / 2
        return {"score": score, "pair_auc": auc, "top_1": top_1, "queries": float(len(found.first))}

    @torch.no_grad()
    def embedded(self, rows: Int64Array, *, features: bool = False) -> Float32Array:
        """[rows, dim], L2-normalised: without views, at the last size; ``features``: of the trunk, before the head."""
        side = self._settings.sizes[-1]
        self._module.eval()
        parts = []
        for start in range(0, len(rows), _BATCH):
            pixels = self._scaled(self._resized(rows[start : start + _BATCH], side))
            if features:
                with torch.autocast(pixels.device.type, torch.bfloat16, enabled=pixels.is_cuda):
                    parts.append(self._module.features(pixels).cpu().numpy())
            else:
                parts.append(self._module(pixels).float().cpu().numpy())
        return np.concatenate(parts) if parts else np.empty((0, self._module.weight.shape[1]), np.float32)

    @torch.no_grad()
    def embedded_pictures(self, pictures: PixelArray) -> Float32Array:
        """[n, trunk dim] of pictures [n, side, side] uint8 that are not among the images (views)."""
        self._module.eval()
        parts = []
        for start in range(0, len(pictures), _BATCH):
            pixels = self._on_device(pictures[start : start + _BATCH], self._settings.sizes[-1])
            with torch.autocast(pixels.device.type, torch.bfloat16, enabled=pixels.is_cuda):
                parts.append(self._module.features(self._scaled(pixels)).cpu().numpy())
        return np.concatenate(parts)

    def _mined(self, number: int) -> Int64Array:
        """[training images, MINED] places in the training side; of a round that was mined before, from its file."""
        if number not in self._rounds:
            file = self._folder / f"round-{number}.npy"
            # All processes hold the same weights and would find the same strangers: the first one looks.
            if distributed.start()[0] == 0 and not file.is_file():
                work = file.with_suffix(".tmp")
                with work.open("wb") as stream:
                    np.save(stream, self._mine())
                work.replace(file)
            distributed.wait()
            self._rounds = {number: np.load(file)}
        return self._rounds[number]

    def _mine(self) -> Int64Array:
        was = self._module.training
        vectors = self.embedded(self._train)
        self._module.train(was)
        self._on_mined(len(self._train), len(self._train))
        return hard_negatives(
            vectors,
            self._images.persons[self._train],
            self._images.families[self._train],
            anchors=np.arange(len(self._train)),
            count=MINED,
            positive_aware=self._settings.positive_aware or None,
            seed=self._settings.seed,
        ).rows

    def _resized(self, rows: Int64Array, side: int) -> torch.Tensor:
        """[n, 1, side, side] in [0, 1], on the device."""
        order = np.argsort(rows, kind="stable")  # a memory map is read in its own order
        read = np.empty((len(rows), *self._images.pixels.shape[1:]), np.uint8)
        read[order] = self._images.pixels[rows[order]]
        return self._on_device(read, side)

    def _on_device(self, pictures: PixelArray, side: int) -> torch.Tensor:
        pixels = torch.from_numpy(pictures).to(self._device)[:, None].float() / 255
        if pixels.shape[-1] != side:
            pixels = F.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
        return pixels

    def _scaled(self, pixels: torch.Tensor) -> torch.Tensor:
        return ((pixels - self._mean) / self._std).contiguous(memory_format=torch.channels_last)


def _applied(criterion: torch.nn.Module | None, pairs: Any) -> torch.Tensor:
    if criterion is None:
        raise ValueError("a loss over pairs of a batch is needed")
    value: torch.Tensor = criterion(pairs)
    return value


def _neighbours(persons: Int64Array, mined: npt.NDArray[np.int64]) -> Mapping[int, Int64Array]:
    """Person -> persons whose images were mined for its images, most often first."""
    found: dict[int, Int64Array] = {}
    for person in np.unique(persons[persons >= 0]).tolist():
        rows = mined[persons == person]
        others = persons[rows[rows >= 0]]
        names, counts = np.unique(others[others >= 0], return_counts=True)
        found[person] = names[np.argsort(-counts, kind="stable")]
    return found
