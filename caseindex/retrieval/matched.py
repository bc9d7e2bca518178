"""What in a report's text answers the question: the characters to mark and the words to name."""

from __future__ import annotations

from collections.abc import Sequence

from caseindex.records import Language, Polarity
from caseindex.retrieval.analysis import denied_spans, mentions
from caseindex.retrieval.question import Question

_LONGEST = 60  # characters of a mention that are a word to name; a whole sentence is not
_MOST = 8


def matched_spans(question: Question, text: str, language: Language | None = None) -> tuple[tuple[int, int], ...]:
    """(start, end) of the question's concepts, and of its words that the text does not deny, in order."""
    from caseindex.reports.text.tokens import tokens

    found = mentions(text, language)
    wanted = {concept: unit.polarity for unit in question.units for concept in unit.accepted}
    spans = [
        (mention.start, mention.end)
        for mention in found
        if mention.concept in wanted
        and (mention.polarity is Polarity.ABSENT) == (wanted[mention.concept] is Polarity.ABSENT)
    ]
    words = set(question.terms)
    unseen = [unit for unit in question.units if not any(m.concept in unit.accepted for m in found)]
    words |= {word for unit in unseen if unit.polarity is not Polarity.ABSENT for word in unit.words}
    if words:
        denied = denied_spans(text, language, found)
        spans += [
            (token.start, token.end)
            for token in tokens(text, language)
            if token.norm in words and not any(start <= token.start < end for start, end in denied)
        ]
    return tuple(sorted(set(spans)))


def matched_terms(text: str, spans: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """The marked words as the report writes them, each once whatever its case, in the order of the text."""
    named: dict[str, str] = {}
    for start, end in spans:
        word = " ".join(text[start:end].split())
        if word and len(word) <= _LONGEST:
            named.setdefault(word.lower(), word)
    return tuple(named.values())[:_MOST]
