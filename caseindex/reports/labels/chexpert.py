"""The 14 observations of CheXpert (Irvin et al. 2019, AAAI): 1 present, 0 absent, -1 uncertain, empty not mentioned.

Aggregation as published: of several mentions of one observation a positive one wins over an uncertain one, which wins
over a negative one. "No Finding" is 1 where no observation but Support Devices is positive or uncertain, else empty.
Heart failure, positive or uncertain, is also an uncertain mention of cardiomegaly. Mentions of the past count for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from caseindex.records import Polarity, Statement
from caseindex.reports.labels.label_set import LabelSet, concepts
from caseindex.reports.lexicon import load_lexicon
from caseindex.reports.table import ConceptKind

NO_FINDING: Final = "No Finding"
_CARDIOMEGALY: Final = "Cardiomegaly"
_DEVICES: Final = "Support Devices"
# Observation -> (concepts with all narrower ones, concepts alone, concepts left out).
_OBSERVATIONS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]] = {
    "Enlarged Cardiomediastinum": (("enlarged_mediastinum",), (), ()),
    _CARDIOMEGALY: (("cardiomegaly",), (), ()),
    "Lung Lesion": (
        ("lung_nodule", "lung_mass", "lung_metastasis", "lung_cavity"),
        ("nodule", "mass", "tumor", "malignancy", "metastasis"),
        (),
    ),
    "Lung Opacity": (
        ("airspace_disease", "infiltrate", "ground_glass", "interstitial_markings", "peribronchial_thickening"),
        ("lung_opacity", "interstitial_lung_disease", "pulmonary_fibrosis", "fibrosis", "hyperdensity"),
        (),
    ),
    "Edema": (("pulmonary_edema", "pulmonary_congestion", "heart_failure"), ("edema",), ()),
    "Consolidation": (("consolidation",), (), ()),
    "Pneumonia": (("pneumonia",), ("infection",), ()),
    "Atelectasis": (("atelectasis",), (), ()),
    "Pneumothorax": (("pneumothorax",), (), ()),
    "Pleural Effusion": (("pleural_effusion", "hydropneumothorax"), ("free_fluid",), ()),
    "Pleural Other": (("pleural_thickening",), ("pleural_abnormality",), ()),
    "Fracture": (("fracture",), (), ()),
    _DEVICES: (("support_device", "surgical_clips", "spinal_fusion", "hardware"), (), ()),
}
OBSERVATIONS: Final = (NO_FINDING, *_OBSERVATIONS)
_CELLS: Final = ((Polarity.PRESENT, "1"), (Polarity.UNCERTAIN, "-1"), (Polarity.ABSENT, "0"))


@lru_cache(maxsize=1)
def _observations_of() -> Mapping[str, tuple[str, ...]]:
    """Concept -> observations."""
    found: dict[str, tuple[str, ...]] = {}
    for name, (broad, exact, without) in _OBSERVATIONS.items():
        for concept in concepts(broad, exact, without):
            found[concept] = (*found.get(concept, ()), name)
    for concept, entry in load_lexicon().concepts.items():
        if entry.kind is ConceptKind.DEVICE:
            found.setdefault(concept, (_DEVICES,))
    return found


def aggregate(made: Sequence[Statement]) -> tuple[str, ...]:
    """The cells of the 14 observations, in the order of :data:`OBSERVATIONS`."""
    observations_of = _observations_of()
    mentioned: dict[str, set[Polarity]] = {}
    for statement in made:
        if statement.historical:
            continue
        for name in observations_of.get(statement.finding, ()):
            mentioned.setdefault(name, set()).add(statement.polarity)
        if statement.finding == "heart_failure" and statement.polarity is not Polarity.ABSENT:
            mentioned.setdefault(_CARDIOMEGALY, set()).add(Polarity.UNCERTAIN)
    cells = {
        name: next(cell for polarity, cell in _CELLS if polarity in polarities)
        for name, polarities in mentioned.items()
    }
    if all(cell == "0" for name, cell in cells.items() if name != _DEVICES):
        cells[NO_FINDING] = "1"
    return tuple(cells.get(name, "") for name in OBSERVATIONS)


CHEXPERT = LabelSet("chexpert", "14 observations of CheXpert: 1, 0, -1 or empty", OBSERVATIONS, aggregate)
