"""What a step of `train language` is: of each report two texts that belong together, some of whose words are hidden.

Tasks, all in one batch: guess the hidden tokens (BERT, Devlin et al. 2019, arXiv 1810.04805); tell which two parts are of
one report, and which reports are of one study (in-batch contrast); and find the report that states what a text in another
language states (the lexicon's concepts link them). Reports that state the same are no negatives of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from caseindex.encoders.concept_text import text_batch
from caseindex.records import Float32Array, Int64Array, Language
from caseindex.train.held_out import KS, hits_at
from caseindex.train.language_data import ReadReport, told_view
from caseindex.train.losses.soft_infonce import SoftInfoNCE
from caseindex.train.said import Said, Weights, same_meaning
from caseindex.train.samplers.one_per_patient import one_per_patient
from caseindex.train.text_views import View, ViewMaker
from caseindex.train.towers import ConceptText

#: What a hidden token is shown as: the tokenizer's own mark of the unknown.
HIDDEN = 1
#: Of the pairs that are not told in another language: shares of another report of the study, and of two parts.
SAME_STUDY, PARTS = 0.3, 0.6
LANGUAGES = tuple(Language)


class LanguageModule(torch.nn.Module):
    """The encoder, the bias of the guesses, and the loss."""

    def __init__(self, network: ConceptText, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.guess_bias = torch.nn.Parameter(torch.zeros(network.config.vocabulary))
        self.criterion = SoftInfoNCE(temperature)

    def embed(self, views: Sequence[View]) -> torch.Tensor:
        """[n, dim], L2-normalised."""
        tokens, concepts = self.inputs(views)
        return self.network(tokens, concepts)  # type: ignore[no-any-return]

    def inputs(self, views: Sequence[View]) -> tuple[torch.Tensor, torch.Tensor]:
        batch = text_batch([view.tokens for view in views], np.stack([view.concepts for view in views]))
        device = self.guess_bias.device
        return torch.from_numpy(batch.tokens).to(device), torch.from_numpy(batch.concepts).to(device)

    def guessed(self, states: torch.Tensor, tokens: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of the true ``tokens`` where ``hidden``, the output layer tied to the input's."""
        logits = states[hidden] @ self.network.tokens.weight.T + self.guess_bias
        return torch.nn.functional.cross_entropy(logits, tokens[hidden])


class LanguageTask:
    """Implements :class:`~caseindex.train.loop.Task`. Every random choice of a batch is a function of the seed, the
    epoch and the batch's number."""

    def __init__(
        self,
        reports: Sequence[ReadReport],
        of_study: Sequence[tuple[int, ...]],
        patients: Sequence[str],
        maker: ViewMaker,
        module: LanguageModule,
        weights: Weights,
        *,
        train: Int64Array,
        validation: Int64Array,
        batch: int,
        masked: float,
        mask_weight: float,
        told: float,
        seed: int,
    ) -> None:
        self.reports, self.of_study, self.patients = reports, of_study, patients
        self.maker, self.module, self.weights = maker, module, weights
        self.train, self.validation = train, validation
        self.batch, self.masked, self.mask_weight, self.told, self.seed = batch, masked, mask_weight, told, seed

    def batches(self, epoch: int) -> list[Int64Array]:
        patients = [self.patients[study] for study in self.train]
        return [self.train[places] for places in one_per_patient(patients, self.batch, self.seed, epoch)]

    def loss(self, batch: Any, epoch: int, number: int) -> torch.Tensor:
        generator = np.random.default_rng([self.seed, epoch, number])
        pairs = [self.drawn(int(study), generator) for study in batch]
        first, second = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        tokens, concepts = self.module.inputs(first)
        hidden = self._hidden(tokens.cpu().numpy(), generator)
        mask = torch.from_numpy(hidden).to(tokens.device)
        states = self.module.network.states(tokens.masked_fill(mask, HIDDEN))
        one = self.module.network.joined(states, tokens, concepts)
        other = self.module.embed(second)
        fits, ignored = self.fits([view.said() for view in first], [view.said() for view in second], batch)
        loss: torch.Tensor = self.module.criterion(
            one, other, torch.from_numpy(fits).to(one.device), torch.from_numpy(ignored).to(one.device)
        )
        if self.mask_weight > 0 and hidden.any():
            loss = loss + self.mask_weight * self.module.guessed(states, tokens, mask)
        return loss

    def drawn(self, study: int, generator: np.random.Generator) -> tuple[View, View]:
        """Two texts of one study that belong together."""
        own = self.of_study[study]
        report = self.reports[own[int(generator.integers(len(own)))]]
        piece = report.pieces[int(generator.integers(len(report.pieces)))]
        if generator.random() < self.told:
            language = LANGUAGES[int(generator.integers(len(LANGUAGES)))]
            other = told_view(report.statements, language, self.maker, generator)
            if other is not None:
                return piece.whole, other
        if len(own) > 1 and generator.random() < SAME_STUDY:
            sibling = self.reports[own[int(generator.integers(len(own)))]]
            return piece.whole, sibling.pieces[int(generator.integers(len(sibling.pieces)))].whole
        if len(piece.sentences) < 2 or generator.random() > PARTS:
            return piece.whole, piece.whole  # apart by the hidden words and by dropout (SimCSE)
        cut = int(generator.integers(1, len(piece.sentences)))
        parts = self.maker.joined(piece.sentences[:cut]), self.maker.joined(piece.sentences[cut:])
        return parts if generator.random() < 0.5 else parts[::-1]

    def _hidden(self, tokens: Int64Array, generator: np.random.Generator) -> npt.NDArray[np.bool_]:
        return np.asarray((tokens > HIDDEN) & (generator.random(tokens.shape) < self.masked))

    def fits(
        self, first: Sequence[Said], second: Sequence[Said], studies: Int64Array
    ) -> tuple[Float32Array, npt.NDArray[np.bool_]]:
        """[n, n] how far text i and text j say the same (1 on the diagonal), and pairs of one patient."""
        weight = same_meaning(first, second, self.weights)
        np.fill_diagonal(weight, 1.0)
        patients = np.array([self.patients[study] for study in studies])
        return weight, patients[:, None] == patients[None, :]

    def validate(self) -> dict[str, float]:
        found = self.measured(self.validation)
        metrics = {f"{name}_recall@{k}": _mean(hits[k]) for name, (hits, _, _) in found.items() for k in KS}
        metrics["score"] = float(np.mean(list(metrics.values())))
        return metrics

    def measured(
        self, studies: Int64Array
    ) -> dict[str, tuple[dict[int, npt.NDArray[np.float64]], list[str], npt.NDArray[np.bool_]]]:
        """By question (``other_part``, ``told_ru``, ``told_en``, ``told_zh``): {k: [queries] hit or not}, the queries'
        patients, and [queries, gallery] what is right. The gallery is every report (or part) of ``studies``; a told text
        finds any report that states just the same."""
        places = [report for study in studies for report in self.of_study[study]]
        reports = [self.reports[place] for place in places]
        patients = [self.patients[report.study] for report in reports]
        whole = self._whole(reports)
        out = {}
        split = [number for number, report in enumerate(reports) if len(report.pieces[0].sentences) > 1]
        if split:
            halves = [_halves(self.maker, reports[number]) for number in split]
            first, second = (self._embedded([half[side] for half in halves]) for side in (0, 1))
            texts = [half[1].text for half in halves]
            right = np.array([[one == other for other in texts] for one in texts])
            similarity = first @ second.T
            out["other_part"] = ({k: hits_at(similarity, right, k) for k in KS}, [patients[n] for n in split], right)
        for language in LANGUAGES:
            views = [told_view(report.statements, language, self.maker, None) for report in reports]
            asked = [number for number, view in enumerate(views) if view is not None]
            if not asked:
                continue
            queries = self._embedded([view for view in views if view is not None])
            keys = [report.said for report in reports]
            right = np.array([[keys[number] == other for other in keys] for number in asked])
            similarity = queries @ whole.T
            hits = {k: hits_at(similarity, right, k) for k in KS}
            out[f"told_{language.value}"] = (hits, [patients[number] for number in asked], right)
        return out

    def _whole(self, reports: Sequence[ReadReport]) -> Float32Array:
        """[reports, dim]: pieces averaged by their length, as the encoder does."""
        vectors = self._embedded([piece.whole for report in reports for piece in report.pieces])
        rows, start = [], 0
        for report in reports:
            part = vectors[start : start + len(report.pieces)]
            sizes = np.array([max(1, len(piece.whole.tokens)) for piece in report.pieces], np.float32)
            mean = (part * sizes[:, None]).sum(0)
            rows.append(mean / max(float(np.linalg.norm(mean)), 1e-9))
            start += len(report.pieces)
        return np.asarray(rows, np.float32)

    def _embedded(self, views: Sequence[View]) -> Float32Array:
        order = sorted(range(len(views)), key=lambda place: len(views[place].tokens))
        self.module.eval()
        out = np.empty((len(views), self.module.network.config.dim), np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), 64):
                part = order[start : start + 64]
                out[part] = self.module.embed([views[place] for place in part]).float().cpu().numpy()
        return out


def _halves(maker: ViewMaker, report: ReadReport) -> tuple[View, View]:
    parts = report.pieces[0].sentences
    cut = (len(parts) + 1) // 2
    return maker.joined(parts[:cut]), maker.joined(parts[cut:])


def _mean(values: npt.NDArray[np.float64]) -> float:
    return float(np.nanmean(values)) if (~np.isnan(values)).any() else 0.0
