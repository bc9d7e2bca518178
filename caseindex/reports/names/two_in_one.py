"""Words that name two findings at once: "hepatosplenomegaly", "кифосколиоз", "尺桡骨骨折"."""

from __future__ import annotations

import re

_SECOND = {  # concept -> (the other one, the words that name both)
    "cholecystitis": ("cholelithiasis", re.compile(".*(?<!бес)(?<!не)калькул", re.IGNORECASE)),
    "surgical_clips": ("cholecystectomy", re.compile("cholecystectomy", re.IGNORECASE)),
    "hepatomegaly": ("splenomegaly", re.compile("гепатоспл|hepatospl|肝脾", re.IGNORECASE)),
    "gliosis": ("brain_atrophy", re.compile("(?:кистозно-)?глиозно-атроф", re.IGNORECASE)),
    "kyphosis": ("scoliosis", re.compile("кифосколио", re.IGNORECASE)),
    "radius_fracture": ("ulna_fracture", re.compile("[尺桡]、?[尺桡]骨|перелом.*костей.*предплечь", re.IGNORECASE)),
    "tibia_fracture": ("fibula_fracture", re.compile("胫、?腓骨|перелом.*костей.*голени", re.IGNORECASE)),
    "ring_enhancement": (
        "lesion",
        re.compile(r"(?:ring|rim|peripherally)[- ]enhancing (?:[\w-]+ ){0,3}lesion", re.IGNORECASE),
    ),
    "cholesteatoma": ("otitis_media", re.compile("胆脂瘤型中耳炎")),
    "arterial_wall_calcification": ("tortuous_aorta", re.compile("[主胸降腹][^，。]*[迂纡][曲回]")),
    "mastoiditis": ("otitis_media", re.compile("中耳乳突炎")),
    "hemothorax": ("pneumothorax", re.compile("гемопневм|пневмогем|ha?emopneumo|血气胸|气血胸", re.IGNORECASE)),
}


def second_finding(concept: str, words: str) -> str | None:
    """The finding that ``words``, which name ``concept``, name beside it.

    >>> second_finding("hepatomegaly", "гепатоспленомегалия")
    'splenomegaly'
    """
    other, both = _SECOND.get(concept, (None, None))
    return other if both is not None and both.match(words) else None
