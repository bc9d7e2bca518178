"""Which words of a text share a sentence and a clause, which stand in a list, and which share a Russian or English predicate."""

from __future__ import annotations

import re
from functools import cached_property

from caseindex.reports.text import russian
from caseindex.reports.text.tokens import Token

MAX_COORDINATED_WORDS = 4
NEGATIONS = frozenset(["no", "not", "without", "без", "не", "нет"])
DENIALS = frozenset(["not", "не"])
# Nor do the words of a name stand around a doubt: "convexity, favored to represent a meningioma".
_DOUBTS = frozenset(
    "complic risk felt thought believ consid queri suspect presum worri worrisom question favor repres suspici abut demonstr like possibl probabl suggest consist compat concern correspond versus vs reflect вероятный возможный вероятно"
    " возможно соответствовать исключить исключать подозрение дифференцировать данные".split()
)
_NO_NAME_AROUND = NEGATIONS | _DOUBTS
_PREDICATE = re.compile("[а-яё]{3,}(?:[нт][аоы]|ен|ан)")  # short forms: "расширены", "симметрична", "увеличен"
_PREDICATES = frozenset(
    "enlarged dilated thickened widened narrowed effaced calcified displaced intact normal compressed".split()
)
_CLAUSE_WORDS = frozenset(
    "but however although while which with than may might could and or а но однако и или also although through при с со".split()
)
_SIDES_AFTER = re.compile(  # "ЧЛС с обеих сторон не расширена"
    r"(?:обеих|двух|этой(?: же)?|той же|одной|противоположной|левой|правой|2-?х) сторон", re.IGNORECASE
)
_SAME_SIDE = re.compile(r"\s+с\s+(?:этой|той)(?:\s+же)?\s+", re.IGNORECASE)  # "купол с этой же стороны приподнят"
_ENDS = re.compile(r"[.!?;。！？；:：]|\n\s*\n")
_JOINING = re.compile(r"[/&]|\b(?:and|or|nor|и|или|либо|а также|ни)\b", re.IGNORECASE)
_LISTED = re.compile(r",\s+(?:\w+\s+){1,2}")  # "tortuous, ectatic thoracic aorta"
_NEW_PHRASE = re.compile(r"\b(?:and|with|or) (?:an?|another|the)\b", re.IGNORECASE)  # "kidney and a simple cyst"
_SOFT = re.compile(r"[,，、/&()（）\[\]]")


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
                    _CLAUSE_WORDS.isdisjoint(between.lower().split())
                    or _SIDES_AFTER.match(text, word.start)
                    or _SAME_SIDE.fullmatch(between)
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

    def is_predicate(self, position: int) -> bool:
        """Whether the word has the form of a Russian predicate."""
        return bool(_PREDICATE.fullmatch(self.words[position]))

    def opens_predicate(self, first: int, last: int) -> bool:
        """Whether a Russian predicate follows ``last``, which then is of its subject, and ``first`` is a noun of another clause."""
        if last + 1 >= len(self.words) or self.clause[last + 1] != self.clause[last]:
            return False
        return self.is_predicate(last + 1) and not russian.is_adjective(self.words[first])

    def is_object(self, position: int) -> bool:
        """Whether "of" stands before the word in its clause: "tear of the medial meniscus"."""
        start = self._text.rfind(",", 0, self._tokens[position].start) + 1
        return " of " in self._text[start : self._tokens[position].start]

    def is_list(self, first: int, last: int) -> bool:
        """Whether "and", "or", a slash or a comma between adjectives joins the words from ``first`` to ``last``."""
        marks = self.marks(first, last)
        if _NEW_PHRASE.search(marks):
            return False
        return any(self.joined[first + 1 : last + 1]) or bool(_LISTED.fullmatch(marks))

    def shares_predicate(self, first: int, last: int) -> bool:
        """Whether one predicate or adjective is said of two: "лимфоузлы средостения и корней не увеличены", "intact ACL and
        PCL"."""
        gap = last - first - 1
        if gap > MAX_COORDINATED_WORDS or "," in self.marks(first, last):
            return False
        return (
            self.is_predicate(last)
            or self.words[last] in _PREDICATES
            or (self.words[first] in _PREDICATES and gap == 1)
        )

    def predicates(self, first: int, last: int) -> bool:
        """Whether ``last`` closes a list of Russian predicates of ``first``: "желудочки симметричны, не расширены"."""
        return (
            self.clause[first] != self.clause[last]
            and self.is_predicate(last)
            and all(
                word in DENIALS
                or word.isdigit()
                or (position == first + 1 and not self.joined[position])
                or _PREDICATE.fullmatch(word)
                for position, word in enumerate(self.words[first + 1 : last], start=first + 1)
            )
        )
