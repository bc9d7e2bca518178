"""A trained pair model beside chance and the untrained image encoder, on patients of the test side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from caseindex.records import Float32Array
from caseindex.train.held_out import KS, Interval, by_patient, chance_at, hits_at
from caseindex.train.pair_data import Pairs
from caseindex.train.pair_task import Evaluated
from caseindex.train.text_views import ReportViews


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """``recall``: per way and k; ``chance``: of a random order, same keys. ``similar``: share of the five images
    nearest to an image (other patients) whose reports share a finding with its own, for the trained model, the
    untrained one, and any two images; ``gain``: trained minus untrained, paired."""

    images: int
    texts: int
    recall: dict[str, Interval]
    chance: dict[str, float]
    similar: Interval
    similar_untrained: Interval
    similar_chance: float
    gain: Interval

    def verdict(self) -> tuple[bool, str]:
        """Better: words find images beyond chance (the interval of text-to-image recall@10 lies above it), which the
        default cannot do at all, and similar images are not found worse (the gain's interval reaches zero)."""
        recall, chance = self.recall["text_to_image_recall@10"], self.chance["text_to_image_recall@10"]
        words = (
            f"Text to image recall@10 on unseen patients is {recall.value:.3f} ({recall.low:.3f}-{recall.high:.3f}), "
            f"chance {chance:.3f}; "
        )
        if np.isnan(self.similar.value):
            words += "no two of their images share a finding, so finding similar images could not be measured"
        else:
            words += (
                f"similar images share a finding in {self.similar.value:.3f} of the top 5, untrained "
                f"{self.similar_untrained.value:.3f}"
            )
        if not recall.low > chance:
            return False, f"Not better than the default. {words}. archive.toml is unchanged"
        if self.gain.high < 0:
            return False, f"Words find images, but similar images are found worse. {words}. archive.toml is unchanged"
        return True, f"Better than the default. {words}"


def compared(found: Evaluated, untrained: Float32Array, pairs: Pairs, views: Sequence[ReportViews]) -> Comparison:
    """``untrained``: [all images of pairs, features], of the encoder that was trained on."""
    recall, chance = {}, {}
    for k in KS:
        forward = hits_at(found.similarity.T, found.relevant.T, k)
        back = hits_at(found.similarity, found.relevant, k)
        recall[f"text_to_image_recall@{k}"] = by_patient(forward, found.text_patients)
        recall[f"image_to_text_recall@{k}"] = by_patient(back, found.image_patients)
        chance[f"text_to_image_recall@{k}"] = chance_at(found.relevant.T, k)
        chance[f"image_to_text_recall@{k}"] = chance_at(found.relevant, k)
    shared = _shared_findings(found, pairs, views)
    patients = np.array(found.image_patients)
    others = patients[:, None] != patients[None, :]
    trained = _top_five(found.images, shared, others)
    before = _top_five(untrained[found.places], shared, others)
    counted = np.where(np.isnan(trained), np.nan, (shared & others).sum(1) / np.maximum(others.sum(1), 1))
    return Comparison(
        images=len(found.images),
        texts=found.similarity.shape[1],
        recall=recall,
        chance=chance,
        similar=by_patient(trained, found.image_patients),
        similar_untrained=by_patient(before, found.image_patients),
        similar_chance=float(np.nanmean(counted)) if (~np.isnan(counted)).any() else 0.0,
        gain=by_patient(trained - before, found.image_patients),
    )


def _shared_findings(found: Evaluated, pairs: Pairs, views: Sequence[ReportViews]) -> npt.NDArray[np.bool_]:
    asserted = [
        frozenset().union(*(views[text].whole.findings for text in pairs.images[place].texts)) for place in found.places
    ]
    width = 1 + max((max(group) for group in asserted if group), default=0)
    table = np.zeros((len(asserted), width), np.float32)
    for row, group in enumerate(asserted):
        table[row, list(group)] = 1
    return np.asarray(table @ table.T > 0)


def _top_five(
    vectors: Float32Array, shared: npt.NDArray[np.bool_], others: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """[images] share of relevant ones among the five nearest of other patients; NaN where none is relevant."""
    similarity = np.where(others, vectors @ vectors.T, -np.inf)
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, : min(5, max(1, int(others.sum(1).min(initial=5))))]
    values = np.take_along_axis(shared, nearest, 1).mean(1).astype(np.float64)
    values[~(shared & others).any(1)] = np.nan
    return values
