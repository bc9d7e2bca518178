"""A small paraphrasing grammar: ``"[a|b] {slot}"`` -> one of its sentences.

``[a|b|]`` is a choice (here also of nothing), brackets nest; ``{slot}`` is looked up, and what is found there may hold
choices and slots again; ``{Slot}`` is ``{slot}`` with a capital first letter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{([^{}\[\]]+)\}")


def expand(template: str, slots: Mapping[str, str], rng: np.random.Generator) -> str:
    """One sentence of ``template``, drawn with ``rng``. An unknown slot is a ``KeyError``."""

    def choose(found: re.Match[str]) -> str:
        options = found.group(1).split("|")
        return options[int(rng.integers(len(options)))]

    def fill(found: re.Match[str]) -> str:
        name = found.group(1)
        if name in slots:
            return slots[name]
        value = expand(slots[name[0].lower() + name[1:]], slots, rng)
        return value[:1].upper() + value[1:]

    text = template
    while True:
        simpler = _SLOT.sub(fill, _CHOICE.sub(choose, text))
        if simpler == text:
            return re.sub(r" +([.,;])", r"\1", re.sub(r" {2,}", " ", text)).replace("..", ".").strip()
        text = simpler
