"""What a report claims, in concepts of the lexicon: what is there, what is not, on which side, and what is shown at all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from caseindex.records import Language, Polarity, Side, Statement

#: Statements that were made of this examination's images, not asked of it or told of the past.
_SEEN_ELSEWHERE = frozenset({"indication", "history", "differential", "comparison", "recommendation", "technique"})
_FINDINGS = frozenset({"finding", "device"})
#: "Рекомендована МРТ": not what was done.
_ADVISED = re.compile(r"рекоменд|целесообразн|дообследован|recommend|advis|follow-up with|建议", re.IGNORECASE)
#: Whether an image shows them depends on their shape, not on the person.
UNTOLD = frozenset({"normal"})


@dataclass(frozen=True, slots=True)
class Claims:
    """``statements`` as they stand in the text. ``present``: concepts asserted, with all broader ones; ``absent``: denied
    ones, with all narrower ones; ``doubted``: neither. ``named``: anatomy, modality and the like that the text speaks of,
    with the broader ones. ``sided``: (concept, side) of what is asserted on one side."""

    statements: tuple[Statement, ...]
    present: frozenset[str]
    absent: frozenset[str]
    doubted: frozenset[str]
    named: frozenset[str]
    sided: tuple[tuple[str, Side], ...]


@lru_cache(maxsize=4096)
def claims_of(text: str, language: Language | None = None) -> Claims:
    """Reads the report. A text in none of the three languages claims nothing."""
    from caseindex.reports.lexicon import load_lexicon
    from caseindex.reports.statements import statements
    from caseindex.reports.text.sentences import sentences

    lexicon = load_lexicon()
    told = tuple(statements(text, language))
    of_now = [one for one in told if is_of_now(one)]
    asserted = {one.finding for one in of_now if one.polarity is Polarity.PRESENT}
    denied = {one.finding for one in of_now if one.polarity is Polarity.ABSENT}
    doubted = {one.finding for one in told if one.polarity is Polarity.UNCERTAIN}
    advised = [(start, end) for start, end in sentences(text) if _ADVISED.search(text, start, end)]
    others = {
        mention.concept
        for mention in lexicon.mentions(text, language)
        if lexicon.concepts[mention.concept].kind.value not in _FINDINGS
        and not any(start <= mention.start < end for start, end in advised)
    }
    present = with_broader(asserted)
    sided = {(one.finding, one.side) for one in of_now if one.polarity is Polarity.PRESENT and one.side in _SIDES}
    return Claims(
        told,
        present,
        frozenset(narrower for name in denied - asserted for narrower in lexicon.expand(name)) - present,
        frozenset(doubted) - present,
        with_broader(others),
        tuple(sorted((name, side) for name, side in sided if side is not None)),
    )


_SIDES = (Side.LEFT, Side.RIGHT)


def is_of_now(statement: Statement) -> bool:
    """Whether the images of this examination have to bear it out."""
    return not statement.historical and statement.section not in _SEEN_ELSEWHERE


def with_broader(concepts: Iterable[str]) -> frozenset[str]:
    from caseindex.reports.lexicon import load_lexicon

    lexicon = load_lexicon()
    return frozenset(kin for name in concepts for kin in (name, *lexicon.ancestors(name)))
