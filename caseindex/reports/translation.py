"""Statements told in another language: plain sentences out of the lexicon's names.

Not a translation of the report: what it states, in the words that the lexicon knows. It links reports of different
languages in training, and asks questions across languages in evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from caseindex.records import Language, Polarity, Side, Statement
from caseindex.reports.lexicon import load_lexicon

_SIDES = {
    Language.RUSSIAN: {Side.LEFT: "слева", Side.RIGHT: "справа", Side.BOTH: "с обеих сторон"},
    Language.ENGLISH: {Side.LEFT: "on the left", Side.RIGHT: "on the right", Side.BOTH: "bilateral"},
    Language.CHINESE: {Side.LEFT: "左侧", Side.RIGHT: "右侧", Side.BOTH: "双侧"},
}
_FORMS = {
    (Language.RUSSIAN, Polarity.PRESENT): "{name}{side}.",
    (Language.RUSSIAN, Polarity.ABSENT): "{name}{side} не выявлено.",
    (Language.RUSSIAN, Polarity.UNCERTAIN): "Возможно, {name}{side}.",
    (Language.ENGLISH, Polarity.PRESENT): "{name}{side}.",
    (Language.ENGLISH, Polarity.ABSENT): "No {name}{side}.",
    (Language.ENGLISH, Polarity.UNCERTAIN): "Possible {name}{side}.",
    (Language.CHINESE, Polarity.PRESENT): "{side}{name}。",
    (Language.CHINESE, Polarity.ABSENT): "{side}未见{name}。",
    (Language.CHINESE, Polarity.UNCERTAIN): "{side}可能{name}。",
}


def told(statements: Iterable[Statement], language: Language, generator: np.random.Generator | None = None) -> str:
    """One sentence for each statement, each said once; what is historical or has no name in ``language`` is left out.
    ``generator`` draws among the names of a concept, and the order; without it the preferred name in the given order.

    >>> from caseindex.reports.statements import statements
    >>> told(statements("Гематома слева. Перелома нет."), Language.ENGLISH)
    'hematoma on the left. No fracture.'
    """
    concepts = load_lexicon().concepts
    sentences: dict[tuple[str, Polarity, Side | None], str] = {}
    for statement in statements:
        key = (statement.finding, statement.polarity, statement.side)
        names = concepts[statement.finding].names.get(language, ())
        if statement.historical or not names or key in sentences:
            continue
        name = names[0] if generator is None else names[int(generator.integers(len(names)))]
        side = _SIDES[language][statement.side] if statement.side else ""
        if side and language is not Language.CHINESE:
            side = " " + side
        # "normal" names a negation already: there is no denying it in one sentence.
        polarity = Polarity.PRESENT if statement.finding == "normal" else statement.polarity
        sentences[key] = _FORMS[language, polarity].format(name=name, side=side)
    said = list(sentences.values())
    if generator is not None:
        said = [said[place] for place in generator.permutation(len(said))]
    return ("" if language is Language.CHINESE else " ").join(said)
