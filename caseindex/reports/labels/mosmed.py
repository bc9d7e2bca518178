"""Norm or pathology, as the sets of MosMedData sort chest CT (Morozov et al. 2020, arXiv:2005.06465).

"pathology" where a report states or suspects a finding of today that is more than a device, an old scar or a variant;
"norm" where it only denies, or calls the study normal; empty where it states nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from caseindex.records import Polarity, Statement
from caseindex.reports.labels.label_set import LabelSet, concepts
from caseindex.reports.lexicon import load_lexicon
from caseindex.reports.table import ConceptKind

NORM: Final = "norm"
PATHOLOGY: Final = "pathology"
# Neither is the reason of a second look.
_HARMLESS: Final = (
    *("normal", "lung_granuloma", "calcified_lymph_node", "azygos_lobe", "septal_deviation"),
    *(
        "concha_bullosa",
        "accessory_spleen",
        "mega_cisterna_magna",
        "cavum_septum",
        "transitional_vertebra",
        "cervical_rib",
    ),
    *("degenerative_spine", "osteophyte", "spine_curvature", "bone_island", "flow_void", "low_lung_volumes"),
)


@lru_cache(maxsize=1)
def _harmless() -> frozenset[str]:
    devices = {name for name, concept in load_lexicon().concepts.items() if concept.kind is ConceptKind.DEVICE}
    return concepts(broad=_HARMLESS, without=("disc_herniation",)) | devices


def norm_or_pathology(made: Sequence[Statement]) -> tuple[str]:
    """One cell: "norm", "pathology" or empty."""
    harmless = _harmless()
    today = [statement for statement in made if not statement.historical]
    if any(s.polarity is not Polarity.ABSENT and s.finding not in harmless for s in today):
        return (PATHOLOGY,)
    return (NORM if today else "",)


MOSMED = LabelSet("mosmed", "norm or pathology of a chest CT", ("label",), norm_or_pathology)
