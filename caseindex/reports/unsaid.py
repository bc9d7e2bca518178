"""What a sentence says of a finding that it names only once: sides dealt out, the other side denied or graded, another kind of it
called by its adjective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from caseindex.records import Language, Polarity, Side, Statement
from caseindex.reports.lexicon import Lexicon, Mention
from caseindex.reports.scope.changes import ChangeSpan
from caseindex.reports.scope.ellipsis import denied_sides, graded_sides, repeated_sides
from caseindex.reports.scope.russian_kinds import other_kinds
from caseindex.reports.sides.shared_sides import shared_sides


class Said(NamedTuple):
    """A sentence taken apart. ``start``: where it begins in its report; ``stated``: its findings, ``spans``: where each stands
    in the sentence; ``places``: its anatomy; ``changes``: its words of comparison."""

    text: str
    start: int
    language: Language
    stated: Sequence[Mention]
    spans: Sequence[tuple[int, int]]
    places: Sequence[Mention]
    changes: Sequence[ChangeSpan]
    lexicon: Lexicon


def with_unsaid(found: list[Statement], said: Said) -> list[Statement]:
    """``found``, the statements of the findings that are named, and those of what the sentence says of them further."""
    if said.language is Language.ENGLISH:
        found = _with_shared(found, said)
    if said.language is Language.RUSSIAN:
        found = _with_kinds(_as_specific(found, said.lexicon), said)
    return _with_clauses_of_sides(found, said)


def _with_shared(found: list[Statement], said: Said) -> list[Statement]:
    """With the sides that an English sentence deals out for what it names once."""
    if len(found) != len(said.spans):
        return found
    own = {mention.place for mention in said.stated}  # the place that a name holds is not one of a list
    told = [(made.finding, a, b, made.side) for made, (a, b) in zip(found, said.spans, strict=True)]
    named = [
        (place.concept, place.start - said.start, place.end - said.start)
        for place in said.places
        if (place.start, place.end) not in own
    ]
    more = []
    for shared in shared_sides(said.text, told, named, said.changes, said.lexicon):
        made = found[shared.number]
        # "no reflux on the left, grade III on the right"
        there = made.polarity is Polarity.ABSENT and shared.graded and shared.side is _opposite(made.side)
        polarity = shared.polarity or (Polarity.PRESENT if there else made.polarity)
        if polarity is not Polarity.ABSENT or shared.polarity is not None:
            more.append(replace(made, polarity=polarity, side=shared.side, change=shared.change))
    return _without_repetition(found + more) if more else found


def _as_specific(found: list[Statement], lexicon: Lexicon) -> list[Statement]:
    """With denials of one side called by the name that the other side gave: "паховая грыжа слева, справа грыжи нет"."""
    made: list[Statement] = []
    for statement in found:
        sided = statement.side in (Side.LEFT, Side.RIGHT) and not lexicon.organs(statement.finding)
        if statement.polarity is Polarity.ABSENT and sided:
            narrower = lexicon.expand(statement.finding)[1:]
            other = next((told for told in reversed(made) if told.finding in narrower), None)
            if other is not None and other.side is not None and other.side is not statement.side:
                statement = replace(statement, finding=other.finding)
        made.append(statement)
    return made


def _with_kinds(found: list[Statement], said: Said) -> list[Statement]:
    """With what a Russian clause calls by its adjective only: "яичники: слева эндометриоидная киста, справа функциональная"."""
    where = said.places[0].text if said.places else ""
    for number, side, name in other_kinds(said.text, said.spans):
        told = next((made for made in reversed(found) if made.finding == said.stated[number].concept), None)
        named = [
            mention
            for mention in said.lexicon.mentions(f"{name} {where}", Language.RUSSIAN)
            if mention.start < len(name)
        ]
        if (
            told is not None
            and told.side not in (side, Side.BOTH)
            and named
            and named[0].concept in said.lexicon.stated
        ):
            # "пневмоторакс слева не определяется, справа - верхушечный": what has a kind is there
            polarity = Polarity.PRESENT if told.polarity is Polarity.ABSENT else told.polarity
            found.append(replace(told, finding=named[0].concept, side=side, polarity=polarity, change=None))
    return found


def _with_clauses_of_sides(found: list[Statement], said: Said) -> list[Statement]:
    """With what the clauses of a side say of the finding before them."""

    def last(position: int) -> Statement | None:
        told = [made for made in found if made.finding == said.stated[position].concept]
        return next((made for made in reversed(told) if made.side is not None), told[-1]) if told else None

    for position, side in denied_sides(said.text, said.language, said.spans):
        told = last(position)
        if told is not None and told.polarity is Polarity.PRESENT:
            found.append(replace(told, polarity=Polarity.ABSENT, side=_other(told, side), change=None))
    for position, side in repeated_sides(said.text, said.language, said.spans):
        told = last(position)
        if told is not None and told.side not in (side, Side.BOTH):
            found.append(replace(told, side=_other(told, side), change=None))
    for position, side, change in graded_sides(said.text, said.language, said.spans):
        told = last(position)
        if told is not None and told.side not in (None, side, Side.BOTH):
            # "左侧已吸收，右侧同前", "слева регрессировала, справа без динамики"
            gone = told.polarity is Polarity.ABSENT
            polarity = Polarity.PRESENT if gone else told.polarity
            compared = change if said.language is Language.CHINESE or change else told.change
            found.append(replace(told, side=_other(told, side), polarity=polarity, change=compared))
    return _without_repetition(found)


def _other(told: Statement, side: Side) -> Side | None:
    """The side that a clause speaks of; for ``BOTH`` the one that what was told is not on."""
    if side is not Side.BOTH:
        return side
    return _opposite(told.side)


def _opposite(side: Side | None) -> Side | None:
    return {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}.get(side) if side else None


def _without_repetition(found: list[Statement]) -> list[Statement]:
    """Without those that say of a finding, with no side, what another one says with its side."""
    told = {(made.finding, made.polarity, made.historical) for made in found if made.side is not None}
    if not told:
        return found
    return [
        made for made in found if made.side is not None or (made.finding, made.polarity, made.historical) not in told
    ]
