"""What an English sentence says of an organ without the name of a finding: a denial that only means something beside a disease
("pancreatitis without necrosis"), and a size beyond the normal ("spleen 16 cm")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from caseindex.reports.lexicon import Mention
from caseindex.reports.scope.english_meanings import AMBIGUOUS, as_meant

# finding -> (a word, what it means beside that finding)
_BESIDE: dict[str, tuple[re.Pattern[str], str]] = {
    "pancreatitis": (re.compile(r"\bnecrosis\b", re.IGNORECASE), "pancreatic_necrosis"),
    # "cord displaced by a disc, but no frank compression"
    "spinal_cord": (
        re.compile(r"\bno (?:frank |definite |significant )?compression(?=\s*[.,;]|$)", re.IGNORECASE),
        "cord_compression",
    ),
}
# anatomy -> (what follows its name, cm from which it is too large, what it is then called)
_SIZE = r"(?:,? (?:measur(?:es|ing)|size|span|length|is|of|at|up to|approx(?:imately)?|about))*:?,? (?P<size>\d{1,3}(?:\.\d)?) ?(?P<unit>cm|mm)\b(?! ?[x×])"
_MEASURED: dict[str, tuple[re.Pattern[str], float, str]] = {
    "spleen": (re.compile(_SIZE, re.IGNORECASE), 13.0, "splenomegaly"),
    "thoracic_aorta": (re.compile(_SIZE, re.IGNORECASE), 4.0, "aortic_ectasia"),
}
_NAMED = {
    "splenomegaly": frozenset(["splenomegaly"]),
    "aortic_ectasia": frozenset(["aortic_ectasia", "aortic_aneurysm"]),
}

_TELLING = frozenset([*_BESIDE, *_MEASURED])


def in_company(here: Sequence[Mention], text: str, start: int) -> Sequence[Mention]:
    """The mentions ``here`` of a sentence ``text``, which begins at ``start`` of its report, and those that they make of it."""
    concepts = [mention.concept for mention in here]
    if not AMBIGUOUS.isdisjoint(concepts):
        here = as_meant(here, text, start)
    if _TELLING.isdisjoint(concepts):
        return here
    more = list(_companions(here, text, start))
    return sorted([*here, *more], key=lambda mention: mention.start) if more else here


def _companions(here: Sequence[Mention], text: str, start: int) -> Iterator[Mention]:
    for mention in here:
        beside = _BESIDE.get(mention.concept)
        if beside is not None:
            yield from _beside(here, text, start, *beside)
        measured = _MEASURED.get(mention.concept)
        if measured is not None:
            pattern, limit, concept = measured
            size = pattern.match(text, mention.end - start)
            named = any(other.concept in _NAMED[concept] for other in here)
            if size and not named and _centimetres(size) >= limit:
                yield _mention(concept, text, start, mention.start - start, size.end())


def _centimetres(size: re.Match[str]) -> float:
    return float(size["size"]) / (10 if size["unit"].lower() == "mm" else 1)


def _beside(here: Sequence[Mention], text: str, start: int, word: re.Pattern[str], concept: str) -> Iterator[Mention]:
    for match in word.finditer(text):
        if not any(other.start - start < match.end() and other.end - start > match.start() for other in here):
            yield _mention(concept, text, start, *match.span())
            return


def _mention(concept: str, text: str, start: int, a: int, b: int) -> Mention:
    return Mention(concept, start + a, start + b, text[a:b])
