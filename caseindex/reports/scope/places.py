"""Where a finding is: the anatomy of its clause that fits it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from caseindex.reports.lexicon import Lexicon, Mention

_APART = re.compile(r"[,;:，；：。]|\b(?:but|without|with|но|а|без|при этом)\b", re.IGNORECASE)
_OTHER = re.compile(_APART.pattern + r"|\b(?:and|or|и|или)\b|[、及和与]", re.IGNORECASE)
_BESIDE = 30  # characters
_BEYOND = 60  # characters that a boundary of clauses counts for


def place_of(mention: Mention, places: Sequence[Mention], text: str, lexicon: Lexicon) -> str | None:
    """The anatomy nearest to the mention in its sentence. A finding that is of an organ ("киста почки") takes only the
    organ, its parts and what it is part of."""
    if mention.place is not None:
        return next((place.concept for place in places if place.start == mention.place[0]), None)
    allowed = lexicon.around(mention.concept)
    best: tuple[int, str] | None = None
    for place in places:
        if allowed is not None and place.concept not in allowed:
            continue
        low, high = (mention.end, place.start) if place.start >= mention.end else (place.end, mention.start)
        distance = max(high - low, 0) + (_BEYOND if high > low and _APART.search(text, low, high) else 0)
        if best is None or distance < best[0]:
            best = distance, place.concept
    return best[1] if best else _beside(mention, places, text)


def _beside(mention: Mention, places: Sequence[Mention], text: str) -> str | None:
    """An anatomy in the same words as the mention ("meniscus tear of the left knee")."""
    for place in places:
        low, high = (mention.end, place.start) if place.start >= mention.end else (place.end, mention.start)
        if high - low <= _BESIDE and not _OTHER.search(text, low, high):
            return place.concept
    return None
