"""Mentions of an English sentence that add nothing to those before: "metastases have shrunk, the index lesion now 14 mm", a
"suspected appendicitis" beside a normal appendix, a mere "fracture risk"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from caseindex.records import Polarity, Statement
from caseindex.reports.lexicon import Lexicon, Mention

_ASKS = re.compile(
    r"^(?:clinically |clinical )?(?:suspected|suspicion of|query|quer|exclude|r/o|rule out|to exclude|\?|evaluate for|assess for|indication)",
    re.IGNORECASE,
)
_ADJECTIVES_OF = {
    **dict.fromkeys(["hemorrhage", "hematoma", "intracranial_hemorrhage"], ("dural", "arachnoid")),
    "fracture": ("wedge", "compression", "insufficiency", "stress"),
}
_ANY_ONE = re.compile(r"(?:lesions?|deposits?|mass(?:es)?|nodules?|foc(?:us|i))\b", re.IGNORECASE)
_ONE_OF_THEM = re.compile(
    r"[,;(:].*\b(?:the|this|that|these|index|target|reference|measurable|largest|biggest|dominant|one|each|all)(?: (?!new)[\w.]+){0,3} $",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"metastases|deposits|\bmets\b|lesions|nodules|masses|cysts|h?aemangiomas|hemangiomas", re.IGNORECASE
)


def repeats(mention: Mention, stated: Sequence[Mention], sentence: str, begin: int, lexicon: Lexicon) -> bool:
    """Whether a mention at ``begin`` of its sentence states nothing of its own beside the others that are ``stated``."""
    if sentence.startswith(" risk", begin + len(mention.text)):
        return True  # "fracture risk": it is only feared
    return len(stated) > 1 and (
        _is_shared_noun(mention, stated)
        or _is_named_by_its_place(mention, stated)
        or _refers_back(mention, stated, sentence, begin, lexicon)
    )


def _is_shared_noun(mention: Mention, stated: Sequence[Mention]) -> bool:
    """Whether a fracture was told already: "fracture of the right 5th and 6th | ribs, left clavicle fracture"."""
    shared = mention.concept.endswith("_fracture") and "," in mention.text
    return shared and any(other.concept == mention.concept and other.start < mention.start for other in stated)


def _is_named_by_its_place(mention: Mention, stated: Sequence[Mention]) -> bool:
    """Whether a bleeding or a fracture stands right behind the adjective that tells which: "acute on chronic subdural |
    haemorrhage", "osteoporotic wedge | fractures"."""
    kinds = _ADJECTIVES_OF.get(mention.concept)
    return kinds is not None and any(
        other.end == mention.start - 1 and other.text.lower().endswith(kinds) for other in stated
    )


def _refers_back(mention: Mention, stated: Sequence[Mention], sentence: str, begin: int, lexicon: Lexicon) -> bool:
    """Whether a mention is one of several named before: "hepatic metastases have shrunk, the index lesion in segment VI"."""
    if not _ANY_ONE.match(mention.text) or not _ONE_OF_THEM.search(sentence, 0, begin):
        return False
    organs = set(lexicon.organs(mention.concept))
    for other in stated:
        if other.end > mention.start:
            return False
        same = not organs or organs.intersection(lexicon.organs(other.concept))
        if same and other.concept != mention.concept and _SEVERAL.search(other.text):
            return True
    return False


def is_answered(doubt: Statement, later: Sequence[Statement]) -> bool:
    """Whether what is asked is answered behind: "suspected appendicitis: appendix normal", "exclude stone: calculus at the VUJ"."""
    return any(
        answer.finding == doubt.finding
        and answer.polarity is not Polarity.UNCERTAIN
        and not answer.historical
        and doubt.side in (None, answer.side)
        and _ASKS.search(doubt.text) is not None
        for answer in later
    )
