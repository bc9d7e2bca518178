"""Witness (a): the cosine of report and image in the space of a pair model, against the cosines of other reports.

A cosine means nothing by itself: some images are near to every report. It counts in standard deviations over reports of
other patients of the same kind of image. Of a study that the model was trained on the witness cannot know: it has learned
this very pair, right or wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from caseindex.index.comparable import Kind
from caseindex.protocols import TextEncoder
from caseindex.records import Float32Array
from caseindex.retrieval.verify.logistic import Floats

_LEAST_ALIKE = 20


@dataclass(frozen=True, slots=True)
class PairSpace:
    """``crowd``: [m, dim] unit vectors of reports, of ``patients`` and ``kinds``; ``trained_on``: study UIDs."""

    text: TextEncoder
    crowd: Float32Array
    patients: tuple[str, ...]
    kinds: tuple[Kind, ...]
    trained_on: frozenset[str]

    def scores(
        self,
        images: Sequence[Float32Array | None],
        texts: Sequence[str],
        patients: Sequence[str],
        kinds: Sequence[Kind],
        studies: Sequence[str],
    ) -> Floats:
        """[n] standard deviations above other reports; NaN where it cannot know."""
        out = np.full(len(texts), np.nan)
        asked = [i for i, vector in enumerate(images) if vector is not None and studies[i] not in self.trained_on]
        if not asked or not len(self.crowd):
            return out
        encoded = self.text.encode([texts[i] for i in asked])
        strangers = np.array(self.patients, dtype=object)
        of_kind = {kind: np.array([one == kind for one in self.kinds]) for kind in set(kinds)}
        for i, vector in zip(asked, encoded, strict=True):
            image = images[i]
            if image is None or float(np.linalg.norm(vector)) < 0.5:  # none of the words is known
                continue
            usable = strangers != patients[i]
            alike = usable & of_kind[kinds[i]]
            others = (self.crowd @ image)[alike if alike.sum() >= _LEAST_ALIKE else usable]
            if len(others) > 1:
                out[i] = (float(vector @ image) - others.mean()) / max(float(others.std()), 1e-6)
        return out
