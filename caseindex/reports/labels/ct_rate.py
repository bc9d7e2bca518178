"""The 18 abnormalities of CT-RATE (Hamamci et al. 2024, arXiv:2403.17834): 1 where a chest CT report states one as
present, else 0. The published labels know no doubt: what is uncertain is 0, and so is what is of the past."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from caseindex.records import Polarity, Statement
from caseindex.reports.labels.label_set import LabelSet, concepts

# Abnormality -> (concepts with all narrower ones, concepts alone, concepts left out).
_ABNORMALITIES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]] = {
    "Medical material": (("support_device", "surgical_clips", "spinal_fusion", "hardware", "joint_prosthesis"), (), ()),
    "Arterial wall calcification": (("arterial_wall_calcification",), ("atherosclerosis",), ()),
    "Cardiomegaly": (("cardiomegaly",), (), ()),
    "Pericardial effusion": (("pericardial_effusion",), (), ()),
    "Coronary artery wall calcification": (("coronary_calcification",), ("coronary_disease",), ()),
    "Hiatal hernia": (("hiatal_hernia",), (), ()),
    "Lymphadenopathy": (("lymphadenopathy", "lymph_node_metastasis"), (), ()),
    "Emphysema": (("emphysema", "bulla"), (), ()),
    "Atelectasis": (("atelectasis",), (), ()),
    "Lung nodule": (("lung_nodule", "lung_metastasis", "lung_granuloma"), ("nodule",), ()),
    "Lung opacity": (("airspace_disease", "infiltrate", "ground_glass"), ("lung_opacity",), ()),
    "Pulmonary fibrotic sequela": (("pulmonary_fibrosis",), ("fibrosis",), ()),
    "Pleural effusion": (("pleural_effusion", "hydropneumothorax"), ("free_fluid",), ()),
    "Mosaic attenuation pattern": (("mosaic_attenuation",), (), ()),
    "Peribronchial thickening": (("peribronchial_thickening",), (), ()),
    "Consolidation": (("consolidation",), (), ()),
    "Bronchiectasis": (("bronchiectasis",), (), ()),
    "Interlobular septal thickening": (("interlobular_septal_thickening",), (), ()),
}
ABNORMALITIES: Final = tuple(_ABNORMALITIES)


@lru_cache(maxsize=1)
def _concepts() -> tuple[frozenset[str], ...]:
    return tuple(concepts(*entry) for entry in _ABNORMALITIES.values())


def present(made: Sequence[Statement]) -> tuple[str, ...]:
    """The cells of the 18 abnormalities, in the order of :data:`ABNORMALITIES`."""
    found = {statement.finding for statement in made if statement.polarity is Polarity.PRESENT}
    return tuple("1" if found & wanted else "0" for wanted in _concepts())


CT_RATE = LabelSet("ct-rate", "18 abnormalities of CT-RATE: 1 or 0", ABNORMALITIES, present, from_conclusion=False)
