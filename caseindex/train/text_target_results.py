"""How good an image encoder in a report's space is: words find images, and sentences tell images with a finding apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from caseindex.encoders.concept_features import concepts_of
from caseindex.encoders.prompts import margins, pair_softmax, prompt_vectors, prompts_of
from caseindex.evaluation.bootstrap import Interval
from caseindex.evaluation.classification_report import classification_report
from caseindex.protocols import TextEncoder
from caseindex.records import Float32Array, Int64Array, Language
from caseindex.train import held_out
from caseindex.train.held_out import KS, by_patient, chance_at, hits_at
from caseindex.train.pair_data import Pairs

_LEAST_PATIENTS = 5  # with the finding, and as many without, for its AUC to be measured


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetResults:
    """On patients that were not trained on. ``recall``: text to image and back, ``chance`` of a random order.
    ``findings``: concept -> (images that have it by their report, AUC of the query sentence of its name against its
    denial); ``mean_auc``: over them. ``squared_error``: of the vectors."""

    images: int
    patients: int
    squared_error: float
    recall: dict[str, held_out.Interval]
    chance: dict[str, float]
    findings: dict[str, tuple[int, Interval]]
    mean_auc: Interval


def target_results(
    vectors: Float32Array,
    places: Int64Array,
    pairs: Pairs,
    encoder: TextEncoder,
    text_vectors: Float32Array,
    targets: Float32Array,
    *,
    seed: int = 0,
) -> TargetResults:
    """``vectors``: [n, dim] of the images at ``places`` in ``pairs.images``; ``text_vectors``: [texts of pairs, dim];
    ``targets``: [images of pairs, dim]."""
    owners = [pairs.patients[pairs.images[place].study] or f"study {pairs.images[place].study}" for place in places]
    texts = sorted({text for place in places for text in pairs.images[place].texts})
    column = {text: number for number, text in enumerate(texts)}
    relevant = np.zeros((len(places), len(texts)), bool)
    text_owner = [""] * len(texts)
    for row, place in enumerate(places):
        for text in pairs.images[place].texts:
            relevant[row, column[text]] = True
            text_owner[column[text]] = owners[row]
    similarity = vectors @ text_vectors[texts].T
    recall, chance = {}, {}
    for k in KS:
        recall[f"text_to_image_recall@{k}"] = by_patient(hits_at(similarity.T, relevant.T, k), text_owner)
        recall[f"image_to_text_recall@{k}"] = by_patient(hits_at(similarity, relevant, k), owners)
        chance[f"text_to_image_recall@{k}"] = chance_at(relevant.T, k)
        chance[f"image_to_text_recall@{k}"] = chance_at(relevant, k)
    findings, mean = _findings(vectors, places, pairs, owners, encoder, seed)
    return TargetResults(
        images=len(places),
        patients=len(set(owners)),
        squared_error=float(((vectors - targets[places]) ** 2).sum(1).mean()),
        recall=recall,
        chance=chance,
        findings=findings,
        mean_auc=mean,
    )


def _findings(
    vectors: Float32Array, places: Int64Array, pairs: Pairs, owners: Sequence[str], encoder: TextEncoder, seed: int
) -> tuple[dict[str, tuple[int, Interval]], Interval]:
    from caseindex.reports.lexicon import load_lexicon
    from caseindex.reports.text.languages import detect

    said = {text: concepts_of(pairs.texts[text]) for place in places for text in pairs.images[place].texts}
    spoken = Counter(detect(pairs.texts[text]) for text in said)
    language = spoken.most_common(1)[0][0] or Language.ENGLISH
    lexicon = load_lexicon()
    asserted = [frozenset().union(*(said[text].findings for text in pairs.images[place].texts)) for place in places]
    names, scores, truth = [], [], []
    for concept in sorted(frozenset().union(*asserted)):
        has = np.array([bool(set(lexicon.expand(concept)) & found) for found in asserted])
        with_it, without = ({owners[row] for row in np.flatnonzero(side).tolist()} for side in (has, ~has))
        found = prompt_vectors(encoder, prompts_of(lexicon.concept(concept).name(language)))
        if min(len(with_it), len(without)) < _LEAST_PATIENTS or found is None:
            continue
        names.append(concept)
        scores.append(pair_softmax(margins(vectors, *found)))
        truth.append(has.astype(np.float64))
    if not names:
        nothing = Interval(float("nan"), float("nan"), float("nan"))
        return {}, nothing
    table = np.stack(truth, 1)
    report = classification_report(np.stack(scores, 1), table, owners, names, many=True, draws=200, seed=seed)
    found_by = {item.label: (item.items, item.metrics["auc"]) for item in report.classes}
    return found_by, report.metrics["macro_auc"]
