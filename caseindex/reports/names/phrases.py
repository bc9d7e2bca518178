"""A name of several words found in a text: all of its words in one clause, or in a list that shares one of them.

"Epidural, subdural or subarachnoid haemorrhage" names three; "лимфоузлы средостения и корней не увеличены" says of all
nodes that they are not enlarged.
"""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

from caseindex.reports.text.clauses import DENIALS, MAX_COORDINATED_WORDS, Clauses

MAX_FOREIGN_WORDS = 2
ANATOMY_RANK = 2
MAX_PREDICATE_GAP = 4  # from a Russian subject to its predicate
_SIZES = frozenset(["larg", "small"])  # English stems
ALSO_MODIFIERS = frozenset(["subdur"])  # findings by themselves, but "epidural, subdural or subarachnoid hemorrhage"


class Phrase(NamedTuple):
    """A name of several words; ``rank`` is 0 for findings, 1 for generic ones, ``ANATOMY_RANK`` for anatomy; the lower one
    wins over another one of the same words."""

    concept: str
    norms: tuple[str, ...]
    words: frozenset[str]
    rank: int


class Match(NamedTuple):
    concept: str
    rank: int
    positions: tuple[int, ...]
    gap: int
    coordinated: bool
    head_shared: bool = False  # with another place of the same list


def match(
    phrase: Phrase,
    anchor: int,
    norms: list[str],
    where: dict[str, list[int]],
    clauses: Clauses,
    heads: Set[str],
) -> Match | None:
    """The phrase around the word ``anchor``, or None. ``where`` holds the positions of each normal form in the text,
    ``heads`` the normal forms that are findings by themselves."""
    positions = _nearest(phrase, anchor, norms, where, clauses)
    if positions is None:
        return None
    first, last = min(positions), max(positions)
    gap = last - first + 1 - len(phrase.norms)
    found = Match(phrase.concept, phrase.rank, tuple(positions), gap, coordinated=False)
    several = gap > 1 or (gap == 1 and clauses.is_predicate(first + 1) and not clauses.negation[first + 1])
    if several and _in_order(positions) and clauses.predicates(first, last):
        # "средостение не расширено и не смещено": two of one
        return found._replace(coordinated=True, head_shared=True) if len(positions) == 2 else found
    if gap and _doubted(positions, norms, clauses):
        return None
    if gap and not _SIZES.isdisjoint(phrase.norms) and heads & set(norms[first + 1 : last]):
        return None  # "large cyst in the spleen"
    if clauses.clause[first] == clauses.clause[last]:
        near = gap <= MAX_FOREIGN_WORDS or _predicate_of_all(positions, gap, norms, clauses, heads)
        return found if near else None
    if not clauses.is_list(first, last):
        return None
    if "," in clauses.marks(first, last) and heads & set(norms[first + 1 : last]) - set(phrase.norms):
        return None  # "рака (2020), данных за метастазы в легких"
    if not _in_order(positions) or _is_of_the_first(first, last, norms, clauses, heads):
        return None
    if _shares_rest(positions, gap, clauses) or (len(positions) == 2 and clauses.shares_predicate(first, last)):
        return found._replace(coordinated=True)
    if _shares_head(positions, gap, clauses):
        return found._replace(coordinated=True, head_shared=True)
    return None


def _is_of_the_first(first: int, last: int, norms: list[str], clauses: Clauses, heads: Set[str]) -> bool:
    """Whether a place behind a finding would take the Russian predicate of the next clause: "разрыв внутреннего мениска,
    связки целы"."""
    if not (clauses.is_predicate(last) or clauses.words[last] in {"цел", "цела", "целы"}) or "," not in clauses.marks(
        first, last
    ):
        return False
    return not heads.isdisjoint(norms[max(0, first - 2) : first])


def _in_order(positions: list[int]) -> bool:
    return positions == sorted(positions)


def _nearest(
    phrase: Phrase, anchor: int, norms: list[str], where: dict[str, list[int]], clauses: Clauses
) -> list[int] | None:
    """Where each word of the phrase stands nearest to ``anchor``; None unless all stand in its sentence, within reach."""
    reach = len(phrase.norms) + MAX_COORDINATED_WORDS
    sentence, clause = clauses.sentence[anchor], clauses.clause[anchor]
    positions: list[int] = []
    for norm in phrase.norms:
        if norm == norms[anchor] and anchor not in positions:
            positions.append(anchor)
            continue
        at = where.get(norm)
        if at is None:
            return None
        if len(at) > 1:
            at = [position for position in at if position not in positions and position != anchor]
            if not at:
                return None
        nearest = at[0]
        if len(at) > 1:
            nearest = min(
                at,
                key=lambda at: (clauses.sentence[at] != sentence, clauses.clause[at] != clause, abs(at - anchor), at),
            )
        if abs(nearest - anchor) > reach or clauses.sentence[nearest] != sentence:
            return None
        positions.append(nearest)
    return positions


def _doubted(positions: list[int], norms: list[str], clauses: Clauses) -> bool:
    """Whether a negation or a doubt stands between the words, other than the denial of the name itself ("the heart is not
    enlarged"), which is for negation.py to see."""
    first, last = min(positions), max(positions)
    for position in range(first, last):
        if not clauses.negation[position] or position in positions:
            continue
        of_the_name = norms[position] in DENIALS and position + 1 in positions
        if not (of_the_name and (clauses.clause[first] == clauses.clause[last] or clauses.is_predicate(last))):
            return True
    return False


def _predicate_of_all(positions: list[int], gap: int, norms: list[str], clauses: Clauses, heads: Set[str]) -> bool:
    """Whether a Russian predicate closes the clause of its subject: "лимфоузлы шеи II-III уровней увеличены"."""
    first, last = min(positions), max(positions)
    return (
        gap <= MAX_PREDICATE_GAP
        and _in_order(positions)
        and clauses.is_predicate(last)
        and not heads & set(norms[first + 1 : last])
    )


def _unbroken(rest: list[int], gap: int) -> bool:
    return gap <= MAX_COORDINATED_WORDS and rest[-1] - rest[0] + 1 == len(rest)


def _shares_rest(positions: list[int], gap: int, clauses: Clauses) -> bool:
    """Whether modifiers share what follows: "epidural, subdural or subarachnoid haemorrhage" is the first word, other
    modifiers, then the rest unbroken."""
    first, rest, clause = positions[0], positions[1:], clauses.clause
    if clauses.is_object(first) and clauses.words[rest[-1]] == "intact":
        return False  # "tear of the meniscus, ACL and PCL intact"
    if clauses.opens_predicate(first, rest[-1]):
        return False  # "подозрительное на рак, протоки печени расширены"
    return _unbroken(rest, gap) and clause[first + 1] != clause[first] and clause[rest[0]] == clause[rest[0] - 1]


def _shares_head(positions: list[int], gap: int, clauses: Clauses) -> bool:
    """Whether places share a head: "крови в желудочках и субарахноидальном пространстве" is the head, another place, then
    the rest unbroken, in the next clause."""
    first, rest, clause = positions[0], positions[1:], clauses.clause
    return (
        len(rest) > 1
        and _unbroken(rest, gap)
        and clause[first + 1] == clause[first]
        and clause[rest[0]] == clause[rest[0] - 1] + 1
        and clause[rest[-1]] == clause[rest[0]] == clause[first] + 1
    )


def longest(matches: list[Match]) -> list[Match]:
    """The matches that stand: more words first, then closer ones; a word counts once, except the shared head of
    coordinated modifiers."""
    # an anatomy whose words stand apart or turned round gives way: "сотовое легкое в базальных отделах"
    if len(matches) < 2:
        return matches
    matches.sort(
        key=lambda match: (
            (
                match.rank == ANATOMY_RANK
                and len(match.positions) > 1
                and (match.gap > 0 or match.positions[0] > match.positions[-1])
            )
            - len(match.positions),
            match.rank == ANATOMY_RANK,
            match.gap,
            match.rank,
            match.positions,
        )
    )
    used: set[int] = set()
    shareable: set[int] = set()
    chosen: list[Match] = []
    for match in matches:
        taken = used.intersection(match.positions)
        if taken and (len(taken) == len(match.positions) or not (match.coordinated or taken <= shareable)):
            continue
        if match.coordinated and not match.head_shared and match.positions[0] in taken - shareable:
            continue  # "tear of the medial meniscus, ACL and PCL are intact"
        if match.head_shared and not taken <= {match.positions[0]}:
            continue
        if any(other.concept == match.concept and set(match.positions) & set(other.positions) for other in chosen):
            continue
        chosen.append(match)
        used.update(match.positions)
        if match.head_shared:
            shareable.add(match.positions[0])
        elif match.coordinated:
            shareable.update(match.positions[1:])
    return chosen
