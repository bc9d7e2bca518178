"""What a step of `train pair` is: a batch of studies, one image and one text of each, and which pairs fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from caseindex.records import Float32Array, Int64Array
from caseindex.train.held_out import KS, recalls
from caseindex.train.image_input import ImageInput
from caseindex.train.pair_data import Pairs
from caseindex.train.pair_module import PairModule
from caseindex.train.said import Weights, said_in, truth
from caseindex.train.samplers.one_per_patient import one_per_patient
from caseindex.train.samplers.repeat_factor import repeat_factors, repeated
from caseindex.train.text_negatives import TextNegatives
from caseindex.train.text_views import ReportViews, View, ViewMaker


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Similarities [images, texts] of one side of the split, and which pairs belong together."""

    similarity: Float32Array
    relevant: npt.NDArray[np.bool_]
    image_patients: tuple[str, ...]
    text_patients: tuple[str, ...]
    images: Float32Array  # [images, dim]
    places: Int64Array  # [images], in Pairs.images


class PairTask:
    """Implements :class:`~caseindex.train.loop.Task`. Every random choice of a batch is a function of the seed, the
    epoch and the batch's number. ``views[i]``: of ``pairs.texts[i]``."""

    def __init__(
        self,
        pairs: Pairs,
        views: Sequence[ReportViews],
        maker: ViewMaker,
        module: PairModule,
        image_input: ImageInput,
        *,
        train: Int64Array,
        validation: Int64Array,
        batch: int,
        seed: int,
        device: str,
        augment: bool,
        soft: Weights | None = None,
        negatives: TextNegatives | None = None,
        negatives_per_image: int = 0,
        views_per_study: int = 1,
        balance: float = 0.0,
    ) -> None:
        """``soft``: weights of statements, for soft targets; ``negatives``: wrong texts, so many of them for an image;
        ``views_per_study``: images of a study that are fused; ``balance``: see :mod:`.samplers.repeat_factor`."""
        self.pairs, self.views, self.maker = pairs, views, maker
        self.module = module
        self.image_input = image_input
        self.train, self.validation = train, validation
        self.batch, self.seed, self.device, self.augment = batch, seed, device, augment
        self.patients = [
            name if name is not None else f"study {pairs.studies[i]}" for i, name in enumerate(pairs.patients)
        ]
        self._implied = [frozenset().union(*(views[text].implied for text in image.texts)) for image in pairs.images]
        self._rarity = self._rarities()
        self.soft, self.negatives, self.negatives_per_image = soft, negatives, negatives_per_image
        self.views_per_study = views_per_study
        self._said = (
            [frozenset().union(*(said_in(pairs.texts[text]) for text in i.texts)) for i in pairs.images] if soft else []
        )
        asserted = [frozenset().union(*(self._implied[i] for i in pairs.images_of[study])) for study in train]
        self._factors = repeat_factors(asserted, balance) if balance > 0 else None

    def _rarities(self) -> Float32Array:
        counts = np.ones(len(self.maker.features), np.float32)
        for study in self.train:
            for image in self.pairs.images_of[study][:1]:
                for text in self.pairs.images[image].texts:
                    counts[list(self.views[text].askable)] += 1
        return np.asarray(counts**-0.5, np.float32)

    def batches(self, epoch: int) -> list[Int64Array]:
        studies = self.train
        if self._factors is not None:
            studies = studies[repeated(self._factors, self.seed, epoch)]
        patients = [self.patients[study] for study in studies]
        return [studies[places] for places in one_per_patient(patients, self.batch, self.seed, epoch)]

    def loss(self, batch: Any, epoch: int, number: int) -> torch.Tensor:
        generator = np.random.default_rng([self.seed, epoch, number])
        images, views, texts = self.drawn(batch, generator)
        groups: list[tuple[int, ...]] = [(int(image),) for image in images]
        if self.views_per_study > 1:
            groups = [self._with_others(image, generator) for image in images.tolist()]
        positive, ignored = self.fits(groups, views, texts)
        flat = np.array([image for group in groups for image in group], np.int64)
        features = self.image_input(flat, generator if self.augment else None)
        group_of = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        pixels = self.module.studies(features, torch.from_numpy(group_of).to(self.device), len(groups))
        given = [torch.from_numpy(item).to(self.device) for item in (positive, ignored)]
        if self.negatives is None:
            return self.module.criterion(pixels, self.module.texts(views), *given)  # type: ignore[no-any-return]
        wrong, wrong_of = self._wrong(views, texts, generator)
        words = self.module.texts([*views, *wrong])
        of = torch.tensor(wrong_of, dtype=torch.int64, device=self.device)
        return self.module.criterion(pixels, words[: len(views)], *given, words[len(views) :], of)  # type: ignore[no-any-return]

    def _with_others(self, image: int, generator: np.random.Generator) -> tuple[int, ...]:
        """``image`` and a random number of the other images of its study."""
        others = [other for other in self.pairs.images_of[self.pairs.images[image].study] if other != image]
        count = int(generator.integers(0, min(len(others), self.views_per_study - 1) + 1))
        return (image, *sorted(generator.choice(others, count, replace=False).tolist() if count else []))

    def _wrong(
        self, views: Sequence[View], texts: Sequence[int], generator: np.random.Generator
    ) -> tuple[list[View], list[int]]:
        """Wrong texts, and the row that each is one for. Only where the whole report was drawn: beside a question, a
        long text would be told by its length."""
        wrong: list[View] = []
        rows: list[int] = []
        for row, (view, text) in enumerate(zip(views, texts, strict=True)):
            if self.negatives is not None and view is self.views[text].whole:
                drawn = self.negatives.draw(text, self.negatives_per_image, generator)
                wrong += drawn
                rows += [row] * len(drawn)
        return wrong, rows

    def drawn(self, studies: Int64Array, generator: np.random.Generator) -> tuple[Int64Array, list[View], list[int]]:
        """For each study one of its images, one view of one of that image's texts, and which text it is of."""
        images, views, texts = [], [], []
        for study in studies:
            own = self.pairs.images_of[study]
            image = own[int(generator.integers(len(own)))]
            spoken = self.pairs.images[image].texts
            text = spoken[int(generator.integers(len(spoken)))]
            images.append(image)
            texts.append(text)
            views.append(self.maker.draw(self.views[text], generator, self._rarity))
        return np.array(images, np.int64), views, texts

    def fits(
        self, groups: Sequence[tuple[int, ...]], views: Sequence[View], texts: Sequence[int]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """[n, n] positive and ignored; a group holds the images of one study that are seen as one. Group i fits text j
        where they are of one study, where its reports hold the same text, or assert every finding that text j asserts.
        With soft targets positive is the share of text j's statements that are true of its reports. Other studies of
        one patient are neither."""
        studies = np.array([self.pairs.images[group[0]].study for group in groups])
        positive = studies[:, None] == studies[None, :]
        for place, group in enumerate(groups):
            spoken = {text for image in group for text in self.pairs.images[image].texts}
            positive[place] |= np.array([text in spoken for text in texts])
        patients = np.array([self.patients[study] for study in studies])
        of_one_patient = patients[:, None] == patients[None, :]
        if self.soft is not None:
            reports = [frozenset().union(*(self._said[image] for image in group)) for group in groups]
            soft = truth([view.said() for view in views], reports, self.soft).T
            return np.where(positive, np.float32(1), soft), of_one_patient & ~positive
        n = len(groups)
        findings = np.zeros((n, len(self.maker.features)), np.float32)
        lacking = np.ones_like(findings)
        for place, (group, view) in enumerate(zip(groups, views, strict=True)):
            findings[place, list(view.findings)] = 1
            lacking[place, list(frozenset().union(*(self._implied[image] for image in group)))] = 0
        positive |= (lacking @ findings.T == 0) & (findings.sum(1) > 0)[None, :]
        return positive, of_one_patient & ~positive

    def validate(self) -> dict[str, float]:
        found = self.evaluated(self.validation)
        metrics = recalls(found.similarity, found.relevant)
        metrics["margin"] = _margin(found)
        recall = float(np.mean([metrics[f"{way}_recall@{k}"] for way in WAYS for k in KS]))
        metrics["score"] = recall + TIE * metrics["margin"]
        return metrics

    def evaluated(self, studies: Int64Array) -> Evaluated:
        """All images and whole texts of ``studies``, embedded and compared."""
        places = np.array([image for study in studies for image in self.pairs.images_of[study]], np.int64)
        texts = sorted({text for image in places for text in self.pairs.images[image].texts})
        column = {text: number for number, text in enumerate(texts)}
        relevant = np.zeros((len(places), len(texts)), bool)
        text_studies: list[int] = [0] * len(texts)
        for row, image in enumerate(places):
            for text in self.pairs.images[image].texts:
                relevant[row, column[text]] = True
                text_studies[column[text]] = self.pairs.images[image].study
        image_studies = np.array([self.pairs.images[image].study for image in places])
        # An image also fits the texts that its study has for its other images.
        relevant |= image_studies[:, None] == np.array(text_studies)[None, :]
        self.module.eval()
        with torch.inference_mode():
            images = [self.module.images(self.image_input(part, None)) for part in _parts(places)]
            words = [self.module.texts([self.views[text].whole for text in part]) for part in _parts(texts)]
            pixels = torch.cat(images).float().cpu().numpy()
            similarity = pixels @ torch.cat(words).float().cpu().numpy().T
        return Evaluated(
            similarity,
            relevant,
            tuple(self.patients[study] for study in image_studies),
            tuple(self.patients[study] for study in text_studies),
            pixels,
            places,
        )


WAYS = ("text_to_image", "image_to_text")


#: Of a few validation patients many epochs find equally many: the one that tells them apart best is kept.
TIE = 1e-5


def _margin(found: Evaluated) -> float:
    """How much more similar what belongs together is than what does not, on average."""
    apart = ~found.relevant
    if not apart.any():
        return 0.0
    return float(found.similarity[found.relevant].mean() - found.similarity[apart].mean())


def _parts(items: Any, size: int = 256) -> list[Any]:
    return [items[start : start + size] for start in range(0, len(items), size)]
