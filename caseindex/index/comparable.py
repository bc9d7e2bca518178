"""Which images can show that two examinations are of one person: same kind of picture, same view, same part of the body.

A frontal radiograph and a lateral one of the same person have nothing in common that an embedding of identity holds, so
they are not compared at all. Headers are free text in practice ("AP (paediatric)", "CR/X-ray"): known words in them
are read. What is unknown is taken for what is usual in the archive, because most archives are of one kind.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from caseindex.records import Image, Int64Array

_MODALITIES = {
    "radiograph": "CR DX DR RG XR XRAY RADIOGRAPH RADIOGRAPHY XA RF PX",
    "mammogram": "MG MAMMOGRAPHY",
    "CT": "CT CTA CBCT",
    "MR": "MR MRI MRA",
    "ultrasound": "US ULTRASOUND IVUS",
    "nuclear": "PT PET NM SPECT",
}
_SAYS_NOTHING = frozenset({"OT", "SC", "OTHER", "UNKNOWN", "NONE", "NA"})  # other; secondary capture: of anything
_VIEWS = {
    "lateral": "LATERAL LAT LL RL LLAT RLAT LLO RLO",
    "frontal": "AP PA FRONTAL POSTEROANTERIOR ANTEROPOSTERIOR AXAP",
    "axial": "AXIAL TRANSVERSE TRA AX",
    "coronal": "CORONAL COR",
    "sagittal": "SAGITTAL SAG",
    "CC": "CC",
    "MLO": "MLO",
}
_PARTS = {
    "chest": "CHEST THORAX LUNG LUNGS",
    "head": "HEAD BRAIN SKULL NEURO",
    "abdomen": "ABDOMEN ABDOMINAL",
    "pelvis": "PELVIS HIP HIPS",
    "spine": "SPINE CSPINE TSPINE LSPINE",
    "breast": "BREAST",
}


def _by_word(table: dict[str, str]) -> dict[str, str]:
    return {word: name for name, words in table.items() for word in words.split()}


_MODALITY_OF, _VIEW_OF, _PART_OF = _by_word(_MODALITIES), _by_word(_VIEWS), _by_word(_PARTS)


@dataclass(frozen=True, slots=True)
class Kind:
    """What is compared with what; ``None`` where the record does not say."""

    modality: str | None
    view: str | None
    body_part: str | None

    def words(self) -> str:
        """As a person would say it.

        >>> Kind("radiograph", "frontal", "chest").words()
        'frontal radiograph, chest'
        """
        first = " ".join(part for part in (self.view, self.modality or "image") if part)
        return f"{first}, {self.body_part}" if self.body_part else first


def kind_of(image: Image) -> Kind:
    """What the record says, in our words.

    >>> kind_of(Image(image_uid="1", study_uid="1", file="a", source="a", modality="DX", view="AP (paediatric)"))
    Kind(modality='radiograph', view='frontal', body_part=None)
    """
    modality = _found(image.modality, _MODALITY_OF, keep_unknown=True)
    view = _found(image.view, _VIEW_OF, keep_unknown=False)
    return Kind(modality, view, _found(image.body_part, _PART_OF, keep_unknown=True))


def _found(text: str | None, table: dict[str, str], *, keep_unknown: bool) -> str | None:
    if not text:
        return None
    squeezed = text.upper().replace("X-RAY", "XRAY").replace("C-SPINE", "CSPINE")
    for word in re.split(r"[^0-9A-Z]+", squeezed):
        if word in table:
            return table[word]
    plain = squeezed.strip()
    return (
        plain
        if keep_unknown and plain not in _SAYS_NOTHING and re.fullmatch(r"[A-Z][A-Z0-9 _-]{0,30}", plain)
        else None
    )


def settled(kinds: Sequence[Kind]) -> list[Kind]:
    """The kinds with what is unknown filled in by what is usual: modality over all, view and body part within the
    modality."""
    modality = _usual(kind.modality for kind in kinds)
    named = [Kind(kind.modality or modality, kind.view, kind.body_part) for kind in kinds]
    groups = {name: [kind for kind in named if kind.modality == name] for name in {kind.modality for kind in named}}
    views = {name: _usual(kind.view for kind in group) for name, group in groups.items()}
    parts = {name: _usual(kind.body_part for kind in group) for name, group in groups.items()}
    return [
        Kind(kind.modality, kind.view or views[kind.modality], kind.body_part or parts[kind.modality]) for kind in named
    ]


def numbered(kinds: Sequence[Kind]) -> tuple[Int64Array, tuple[Kind, ...]]:
    """([n] number of each one's kind, the kinds by number); only images of one number are compared."""
    number: dict[Kind, int] = {}
    codes = np.array([number.setdefault(kind, len(number)) for kind in settled(kinds)], np.int64)
    return codes, tuple(number)


def _usual(values: object) -> str | None:
    counted = Counter(value for value in values if value is not None)  # type: ignore[attr-defined]
    return min(counted, key=lambda name: (-counted[name], name)) if counted else None
