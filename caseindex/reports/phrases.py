"""A name of several words found in a text: all of its words in one clause, or in a list that shares one of them.

"Epidural, subdural or subarachnoid haemorrhage" names three; "лимфоузлы средостения и корней не увеличены" says of all
nodes that they are not enlarged.
"""

from __future__ import annotations

import re
from collections.abc import Set
from functools import cached_property
from typing import NamedTuple

from caseindex.reports.tokens import Token

MAX_FOREIGN_WORDS = 2
MAX_COORDINATED_WORDS = 4
MAX_PREDICATE_GAP = 4  # from a Russian subject to its predicate
NEGATIONS = frozenset(["no", "not", "without", "без", "не", "нет"])
# Nor do the words of a name stand around a doubt: "convexity, favored to represent a meningioma".
_DOUBTS = frozenset(
    "favor repres suspici like possibl probabl suggest consist compat concern versus vs reflect вероятный возможный вероятно"
    " возможно соответствовать исключить исключать подозрение дифференцировать данные".split()
)
_NO_NAME_AROUND = NEGATIONS | _DOUBTS
_PREDICATE = re.compile("[а-яё]{3,}(?:[нт][аоы]|ен|ан)")  # short forms: "расширены", "симметрична", "увеличен"
ALSO_MODIFIERS = frozenset(["subdur"])  # findings by themselves, but "epidural, subdural or subarachnoid hemorrhage"
_DENIALS = frozenset(["not", "не"])
_PREDICATES = frozenset(
    "enlarged dilated thickened widened narrowed effaced calcified displaced intact normal compressed".split()
)
_CLAUSE_WORDS = frozenset(
    "but however although while which with and or а но однако и или also although through при с со".split()
)
_SIDES_AFTER = re.compile(r"(?:обеих|двух) сторон", re.IGNORECASE)  # "ЧЛС с обеих сторон не расширена"
_ENDS = re.compile(r"[.!?;。！？；:：]|\n\s*\n")
_JOINING = re.compile(r"[/]|\b(?:and|or|nor|и|или|либо|а также|ни)\b", re.IGNORECASE)
_LISTED = re.compile(r",\s+(?:\w+\s+){1,2}")  # "tortuous, ectatic thoracic aorta"
_SOFT = re.compile(r"[,，、/()（）\[\]]")


class Phrase(NamedTuple):
    """A name of several words; ``rank`` is 0 for findings, which win over the anatomy of the same words."""

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


class Clauses:
    """Which words share a sentence and a clause."""

    def __init__(self, text: str, words: list[Token]) -> None:
        self.sentence: list[int] = []
        self.clause: list[int] = []
        self.negation: list[bool] = []
        self.joined: list[bool] = []  # whether "and", "or" or a slash stands before the word
        self._text, self._tokens = text, words
        sentence = clause = 0
        end = 0
        for word in words:
            between = text[end : word.start]
            joined = False
            if between != " " and end:
                if _ENDS.search(between):
                    sentence += 1
                    clause += 1
                elif _SOFT.search(between) or not (
                    _CLAUSE_WORDS.isdisjoint(between.lower().split()) or _SIDES_AFTER.match(text, word.start)
                ):
                    clause += 1
                    joined = bool(_JOINING.search(between))
            self.sentence.append(sentence)
            self.clause.append(clause)
            self.negation.append(word.norm in _NO_NAME_AROUND)
            self.joined.append(joined)
            end = word.end

    @cached_property
    def words(self) -> list[str]:
        return [word.text.lower() for word in self._tokens]

    def marks(self, first: int, last: int) -> str:
        """The text from the word ``first`` to the word ``last``."""
        return self._text[self._tokens[first].end : self._tokens[last].start]

    def shares_predicate(self, first: int, last: int) -> bool:
        """Whether one predicate or adjective is said of two: "лимфоузлы средостения и корней не увеличены", "intact ACL and
        PCL"."""
        gap = last - first - 1
        if gap > MAX_COORDINATED_WORDS or "," in self.marks(first, last):
            return False
        return (
            bool(_PREDICATE.fullmatch(self.words[last]))
            or self.words[last] in _PREDICATES
            or (self.words[first] in _PREDICATES and gap == 1)
        )

    def predicates(self, first: int, last: int) -> bool:
        """Whether ``last`` closes a list of Russian predicates of ``first``: "желудочки симметричны, не расширены"."""
        return (
            self.clause[first] != self.clause[last]
            and bool(_PREDICATE.fullmatch(self.words[last]))
            and all(
                word in _DENIALS or word.isdigit() or position == first + 1 or _PREDICATE.fullmatch(word)
                for position, word in enumerate(self.words[first + 1 : last], start=first + 1)
            )
        )


def match(
    phrase: Phrase,
    anchor: int,
    norms: list[str],
    where: dict[str, list[int]],
    clauses: Clauses,
    heads: Set[str],
) -> Match | None:
    size = len(phrase.norms)
    reach = size + MAX_COORDINATED_WORDS
    positions: list[int] = []
    anchored = False
    for norm in phrase.norms:
        if norm == norms[anchor] and not anchored:
            positions.append(anchor)
            anchored = True
            continue
        at = where.get(norm)
        if at is None:
            return None
        if len(at) == 1:
            nearest = at[0]
        else:
            free = [position for position in at if position not in positions and position != anchor]
            if not free:
                return None
            here = clauses.sentence[anchor]
            clause = clauses.clause[anchor]
            nearest = min(
                free,
                key=lambda at: (clauses.sentence[at] != here, abs(at - anchor), clauses.clause[at] != clause, at),
            )
        if abs(nearest - anchor) > reach or clauses.sentence[nearest] != clauses.sentence[anchor]:
            return None
        positions.append(nearest)
    first, last = min(positions), max(positions)
    gap = last - first + 1 - size
    if gap > 1 and positions == sorted(positions) and clauses.predicates(first, last):
        return Match(phrase.concept, phrase.rank, tuple(positions), gap, False)
    if gap:
        inside = set(positions)
        for position in range(first, last):
            if (
                clauses.negation[position]
                and position not in inside
                and not (
                    # "the heart is not enlarged": the denial of the name itself, for negation.py to see
                    norms[position] in _DENIALS
                    and position + 1 in inside
                    and (clauses.clause[first] == clauses.clause[last] or _PREDICATE.fullmatch(clauses.words[last]))
                )
            ):
                return None
    if clauses.clause[first] == clauses.clause[last]:
        if gap > MAX_FOREIGN_WORDS and not (
            # "лимфоузлы шеи II-III уровней увеличены"
            gap <= MAX_PREDICATE_GAP
            and positions == sorted(positions)
            and _PREDICATE.fullmatch(clauses.words[last])
            and not heads & set(norms[first + 1 : last])
        ):
            return None
        return Match(phrase.concept, phrase.rank, tuple(positions), gap, False)
    # "epidural, subdural or subarachnoid haemorrhage": the first word, other modifiers, then the rest unbroken;
    # "крови в желудочках и субарахноидальном пространстве": the head, another place, then the rest unbroken.
    rest = positions[1:]
    if not any(clauses.joined[first + 1 : last + 1]) and not _LISTED.fullmatch(clauses.marks(first, last)):
        return None
    if "," in clauses.marks(first, last) and heads & set(norms[first + 1 : last]) - set(phrase.norms):
        return None  # "рака (2020), данных за метастазы в легких"
    if (
        positions == sorted(positions)
        and gap <= MAX_COORDINATED_WORDS
        and rest[-1] - rest[0] + 1 == len(rest)
        and clauses.clause[positions[0] + 1] != clauses.clause[positions[0]]
        and clauses.clause[rest[0]] == clauses.clause[rest[0] - 1]
    ):
        return Match(phrase.concept, phrase.rank, tuple(positions), gap, True)
    if positions == sorted(positions) and len(rest) == 1 and clauses.shares_predicate(first, last):
        return Match(phrase.concept, phrase.rank, tuple(positions), gap, True)
    if (
        positions == sorted(positions)
        and gap <= MAX_COORDINATED_WORDS
        and rest[-1] - rest[0] + 1 == len(rest)
        and clauses.clause[positions[0] + 1] == clauses.clause[positions[0]]
        and clauses.clause[rest[0]] == clauses.clause[rest[0] - 1] + 1
        and clauses.clause[rest[-1]] == clauses.clause[rest[0]] == clauses.clause[positions[0]] + 1
        and len(rest) > 1
    ):
        return Match(phrase.concept, phrase.rank, tuple(positions), gap, True, head_shared=True)
    return None


def longest(matches: list[Match]) -> list[Match]:
    """The matches that stand: more words first, then closer ones; a word counts once, except the shared head of
    coordinated modifiers."""
    # an anatomy whose words stand apart or turned round gives way: "сотовое легкое в базальных отделах"
    if len(matches) < 2:
        return matches
    matches.sort(
        key=lambda match: (
            (
                match.rank == 1
                and len(match.positions) > 1
                and (match.gap > 0 or match.positions[0] > match.positions[-1])
            )
            - len(match.positions),
            match.rank,
            match.gap,
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
