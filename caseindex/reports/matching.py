"""Names of concepts found in a text: bags of normal forms within a window, Chinese as substrings.

Word order is free because Russian order is ("инсульт ишемический"), and English says both "bladder wall thickening"
and "thickening of the bladder wall". What keeps it exact: all words of a name within one clause, at most two foreign
words between them and none of them a negation, and the longest name first. A Chinese name may leave a place open for a
denial or a degree: "脾…大" is also found in "脾脏不大", "中线…移位" in "中线结构居中，未见移位".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from caseindex.records import Language
from caseindex.reports import chinese, spelling
from caseindex.reports.table import Row
from caseindex.reports.tokens import Token, tokens

Key = TypeVar("Key")
Span = tuple[str, int, int]  # concept, start, end

MAX_FOREIGN_WORDS = 2
MAX_COORDINATED_WORDS = 4
MAX_PREDICATE_GAP = 4  # from a Russian subject to its predicate
_NEGATIONS = frozenset(["no", "not", "without", "без", "не", "нет"])
# Nor do the words of a name stand around a doubt: "convexity, favored to represent a meningioma".
_DOUBTS = frozenset(
    "favor repres suspici like possibl probabl suggest consist compat concern versus vs reflect вероятный возможный вероятно"
    " возможно соответствовать исключить исключать подозрение дифференцировать данные".split()
)
# "未见异常强化" denies the enhancement, it does not call the study normal.
_WHOLE_CLAUSE = frozenset(["normal"])
# "脾大小正常" is no large spleen, "结节状强化" no nodule, "疝内容物" no further hernia
_GOES_ON = re.compile("大[小片量致体部面叶脑动范]|厚[薄度]|疝[内囊口环]|[节块肿泡腔洞塞绞]状|[节块肿炎瘤病]样")
_MAX_MODIFIER = 5  # characters
_CLAUSE_END = re.compile(r"(?:的?征象|表现|改变)?(?:$|[。，,；;.、\s)）])")
_PREDICATE = re.compile("[а-яё]{3,}(?:[нт][аоы]|ен|ан)")  # short forms: "расширены", "симметрична", "увеличен"
_ALSO_MODIFIERS = frozenset(["subdur"])  # findings by themselves, but "epidural, subdural or subarachnoid hemorrhage"
_DENIALS = frozenset(["not", "не"])
_PREDICATES = frozenset(
    "enlarged dilated thickened widened narrowed effaced calcified displaced intact normal compressed".split()
)
OPEN_PLACE = "…"  # in a Chinese name
_FILLING = r"(?:[\u4e00-\u9fff]{1,2}[样状形]|轻微|普遍|向[左右前后上下外内]{1,3}(?:方|侧)?|[左右](?=[移偏])|略|局部|部分|广泛|弥漫性?|不规则|多处|节段性|均匀|不均匀|结构|体积|大小|[I1Ⅰ]度|脏|居中，?|系统|形态|均|亦|也|未见|未|无|不|明显|明确|确切|显著|稍|略|轻度|中度|重度|可见|见|有|呈|较前|向[左右]侧?|约|多发|单发|散在|少许|少量)*"
_CLAUSE_WORDS = frozenset(
    "but however although while which with and or а но однако и или also although through при с со".split()
)
_HAN_OR_LATIN = re.compile(r"[㐀-鿿]")
_ENDS = re.compile(r"[.!?;。！？；:：]|\n\s*\n")
_JOINING = re.compile(r"[/]|\b(?:and|or|nor|и|или|либо|а также|ни)\b", re.IGNORECASE)
_LISTED = re.compile(r",\s+(?:\w+\s+){1,2}")  # "tortuous, ectatic thoracic aorta"
_SOFT = re.compile(r"[,，、/()（）\[\]]")
# Upper-case words that mean something else where the pattern around them matches.
_NOT_HERE = {
    "PE": re.compile(
        r"(?:\bon|\bphysical|\bunremarkable|\bnormal)\s+PE\b|\bPE\s*[:=-]|\bPE (?:protocol|study|was|revealed|showed)"
    ),
    "MS": re.compile(r"\bMS\s*[:=-]|\baltered MS|\bMS contin|\bchange in MS|\bmental MS"),
    "MI": re.compile(r"\bMI,? \d{5}"),
}


class _Phrase(NamedTuple):
    concept: str
    norms: tuple[str, ...]


class _Match(NamedTuple):
    concept: str
    rank: int  # 0 for findings, which win over the anatomy of the same words
    positions: tuple[int, ...]
    gap: int
    coordinated: bool
    head_shared: bool = False  # with another place of the same list


@dataclass(frozen=True, slots=True)
class NameTable:
    """The names of a lexicon in normal form: what :class:`Names` looks up."""

    phrases: list[tuple[str, tuple[str, ...]]]  # (concept, normal forms)
    exact: dict[str, str]  # names that count in one letter case only -> concept
    chinese: dict[str, str]  # simplified, lower case -> concept
    words: dict[str, str] = field(default_factory=dict)  # long English words as written -> normal form
    collisions: list[tuple[str, str, str]] = field(default_factory=list)  # (name, concept, other concept)


def name_table(rows: Iterable[Row]) -> NameTable:
    """Normalises every name; takes a fifth of a second for the shipped lexicon, which therefore comes with it done."""
    names_of = NameTable([], {}, {})
    owners: dict[frozenset[str], str] = {}

    def own(owned: dict[Key, str], key: Key, concept: str, name: str) -> bool:
        known = key in owned
        other = owned.setdefault(key, concept)
        if other != concept:
            names_of.collisions.append((name, other, concept))
        return not known

    for row in rows:
        for language, names in row.names.items():
            for name in names:
                if language is Language.CHINESE and _HAN_OR_LATIN.search(name):
                    own(names_of.chinese, chinese.simplified(name).lower(), row.id, name)
                elif name.endswith("!") or (len(name) <= 2 and name.isupper()):
                    own(names_of.exact, name.rstrip("!"), row.id, name)
                else:
                    words = content_tokens(name)
                    norms = tuple(token.norm for token in words)
                    names_of.words.update(
                        (token.text.lower(), token.norm)
                        for token in words
                        if token.text.isascii() and len(token.text) >= spelling.MIN_LETTERS
                    )
                    if norms and own(owners, frozenset(norms), row.id, name):
                        names_of.phrases.append((row.id, norms))
    return names_of


class Names:
    """Every name of every concept, ready to be found."""

    def __init__(self, names_of: NameTable, stated: Set[str] = frozenset()) -> None:
        """``stated``: the concepts that a report states (findings, devices); among equally long names they win."""
        self._stated = stated
        self._exact = names_of.exact
        self._chinese: dict[str, list[tuple[str, str]]] = {}  # first two characters -> (name, concept), longest first
        self._open: dict[
            str, list[tuple[re.Pattern[str], str]]
        ] = {}  # first one or two characters -> (pattern, concept)
        for name, concept in names_of.chinese.items():
            head, opened, tail = name.partition(OPEN_PLACE)
            if opened:
                pattern = re.compile(re.escape(head) + _FILLING + re.escape(tail))
                self._open.setdefault(head[:2], []).append((pattern, concept))
            else:
                self._chinese.setdefault(name[:2], []).append((name, concept))
        self._plain = names_of.chinese
        self._chinese_single = {name: self._chinese.pop(name) for name in list(self._chinese) if len(name) == 1}
        for entries in self._chinese.values():
            entries.sort(key=lambda entry: -len(entry[0]))
        frequency = Counter(norm for _, norms in names_of.phrases for norm in norms)
        self.vocabulary = frequency.keys()
        self._anchored: dict[str, list[_Phrase]] = {}
        # Words that are a finding by themselves: what stands between the parts of another name holds none.
        self._heads = frozenset(
            norms[0] for concept, norms in names_of.phrases if len(norms) == 1 and concept in stated
        ).difference(_ALSO_MODIFIERS)
        for concept, norms in names_of.phrases:
            anchor = min(norms, key=lambda norm: (frequency[norm], -len(norm))) if len(norms) > 1 else norms[0]
            self._anchored.setdefault(anchor, []).append(_Phrase(concept, norms))
        self._correct = spelling.Corrector(self.vocabulary, names_of.words)

    def _rank(self, concept: str) -> int:
        return 0 if concept in self._stated else 1

    def find(self, text: str, language: Language | None = None) -> list[Span]:
        """(concept, start, end) of the mentions, by place; none inside a longer one."""
        spans = self._find_words(text, language)
        if _HAN_OR_LATIN.search(text):
            spans += self._find_chinese(text)
        spans.sort(key=lambda span: (span[1], -span[2]))
        return spans

    def _find_chinese(self, text: str) -> list[Span]:
        simple = chinese.simplified(text).lower()
        if len(simple) != len(text):  # a letter whose lower case is longer: keep the offsets
            simple = chinese.simplified(text)
        found: list[Span] = []
        position = 0
        pairs, singles, opened = self._chinese, self._chinese_single, self._open
        while position < len(simple):
            first, two = simple[position], simple[position : position + 2]
            if two not in pairs and first not in singles and two not in opened and first not in opened:
                position += 1
                continue
            end, concept = self._chinese_at(simple, position)
            if concept is not None:
                inner = self._longer_inside(simple, position, end)
                if inner is not None:  # 左|肾上腺, not 左肾|上腺
                    position = inner
                    continue
                found.append((concept, position, end))
                found += self._sharing_head(simple, position, end)
            position = end
        return found

    def _longer_inside(self, text: str, start: int, end: int) -> int | None:
        """Where a longer name begins inside the name at ``start`` to ``end`` and goes on beyond it, if what is left behind
        the shorter one is no name itself."""
        for position in range(start + 1, end):
            two = text[position : position + 2]
            if two not in self._chinese and two not in self._open and text[position] not in self._open:
                continue
            other, concept = self._chinese_at(text, position)
            if concept is not None and other > end and other - position > end - start:
                return None if end < len(text) and self._chinese_at(text, end)[1] is not None else position
        return None

    def _sharing_head(self, text: str, start: int, end: int) -> list[Span]:
        """The name before in a list that shares the last two characters: 硬膜下、硬膜外血肿."""
        if start < 3 or end - start < 4 or text[start - 1] not in "、及和与或":
            return []
        for length in range(min(_MAX_MODIFIER, start - 1), 1, -1):
            begin = start - 1 - length
            concept = self._plain.get(text[begin : start - 1] + text[end - 2 : end])
            if concept is not None and concept in self._stated:
                return [(concept, begin, end)]
        return []

    def _chinese_at(self, text: str, position: int) -> tuple[int, str | None]:
        """(end, concept) of the longest name that begins at ``position``; the next position and ``None`` for none."""
        best: tuple[int, str | None] = position + 1, None
        two = text[position : position + 2]
        named: Sequence[tuple[str, str]] = self._chinese.get(two, ())
        single = self._chinese_single.get(text[position])
        for name, concept in (*named, *single) if single else named:
            if text.startswith(name, position):
                end = position + len(name)
                if (concept in _WHOLE_CLAUSE and not _CLAUSE_END.match(text, end)) or _GOES_ON.match(text, end - 1):
                    continue
                best = end, concept
                break
        opened: Sequence[tuple[re.Pattern[str], str]] = self._open.get(two, ())
        one = self._open.get(two[:1])
        for pattern, concept in (*opened, *one) if one else opened:
            match = pattern.match(text, position)
            if match and (match.end() > best[0] or best[1] is None) and not _GOES_ON.match(text, match.end() - 1):
                best = match.end(), concept
        return best

    def _find_words(self, text: str, language: Language | None) -> list[Span]:
        words = content_tokens(text)
        if not words:
            return []
        norms = [word.norm for word in words]
        for position, word in enumerate(words):
            if len(word.text) >= spelling.MIN_RUSSIAN and norms[position] not in self.vocabulary:
                norms[position] = self._correct(word.text, norms[position])
        where: dict[str, list[int]] = {}
        for position, norm in enumerate(norms):
            where.setdefault(norm, []).append(position)
        clauses = _Clauses(text, words)
        matches: list[_Match] = []
        for position, word in enumerate(words):
            concept = self._exact.get(word.text)
            is_exact = False
            if concept is None and language is Language.RUSSIAN and word.text.isascii() and word.text.isupper():
                norm = spelling.as_cyrillic(word.text)  # САК typed with Latin letters
                if norm in self._anchored and norms[position] not in self._anchored:
                    norms[position] = norm
            if concept is not None:
                barred = _NOT_HERE.get(word.text)
                around = text[max(0, word.start - 12) : word.end + 12]
                if barred is None or not barred.search(around):
                    matches.append(_Match(concept, self._rank(concept), (position,), 0, False))
                    is_exact = True
            for phrase in self._anchored.get(norms[position], ()):
                if len(phrase.norms) == 1:
                    if is_exact:  # "enhanced" is how a picture was taken, "enhancement" is seen in it
                        continue
                    matches.append(_Match(phrase.concept, self._rank(phrase.concept), (position,), 0, False))
                    continue
                match = _match(phrase, self._rank(phrase.concept), position, norms, where, clauses, self._heads)
                if match is not None:
                    matches.append(match)
        return [
            (match.concept, words[min(match.positions)].start, words[max(match.positions)].end)
            for match in _longest(matches)
        ]


class _Clauses:
    """Which words share a sentence and a clause."""

    def __init__(self, text: str, words: list[Token]) -> None:
        self.sentence: list[int] = []
        self.clause: list[int] = []
        self.negation: list[bool] = []
        self.joined: list[bool] = []  # whether "and", "or" or a slash stands before the word
        self.words = [word.text.lower() for word in words]
        self._text, self._tokens = text, words
        sentence = clause = 0
        end = 0
        for word in words:
            between = text[end : word.start]
            if between != " " and end:
                if _ENDS.search(between):
                    sentence += 1
                    clause += 1
                elif _SOFT.search(between) or any(part in _CLAUSE_WORDS for part in between.lower().split()):
                    clause += 1
            self.sentence.append(sentence)
            self.clause.append(clause)
            self.negation.append(word.norm in _NEGATIONS or word.norm in _DOUBTS)
            self.joined.append(between != " " and bool(_JOINING.search(between)))
            end = word.end

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


def content_tokens(text: str) -> list[Token]:
    """The words that names are made of: without stop words, but with negations, without Chinese."""
    return [
        token
        for token in tokens(text, stop_words=True)
        if not "㐀" <= token.norm[0] <= "鿿" and (not token.stop or token.norm in _NEGATIONS)
    ]


def _match(
    phrase: _Phrase,
    rank: int,
    anchor: int,
    norms: list[str],
    where: dict[str, list[int]],
    clauses: _Clauses,
    heads: Set[str],
) -> _Match | None:
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
            nearest = min(free, key=lambda at: (clauses.sentence[at] != here, abs(at - anchor), at))
        if abs(nearest - anchor) > reach or clauses.sentence[nearest] != clauses.sentence[anchor]:
            return None
        positions.append(nearest)
    first, last = min(positions), max(positions)
    gap = last - first + 1 - size
    if gap > 1 and positions == sorted(positions) and clauses.predicates(first, last):
        return _Match(phrase.concept, rank, tuple(positions), gap, False)
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
        return _Match(phrase.concept, rank, tuple(positions), gap, False)
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
        return _Match(phrase.concept, rank, tuple(positions), gap, True)
    if positions == sorted(positions) and len(rest) == 1 and clauses.shares_predicate(first, last):
        return _Match(phrase.concept, rank, tuple(positions), gap, True)
    if (
        positions == sorted(positions)
        and gap <= MAX_COORDINATED_WORDS
        and rest[-1] - rest[0] + 1 == len(rest)
        and clauses.clause[positions[0] + 1] == clauses.clause[positions[0]]
        and clauses.clause[rest[0]] == clauses.clause[rest[0] - 1] + 1
        and clauses.clause[rest[-1]] == clauses.clause[rest[0]] == clauses.clause[positions[0]] + 1
        and len(rest) > 1
    ):
        return _Match(phrase.concept, rank, tuple(positions), gap, True, head_shared=True)
    return None


def _longest(matches: list[_Match]) -> list[_Match]:
    """The matches that stand: more words first, then closer ones; a word counts once, except the shared head of
    coordinated modifiers."""
    # an anatomy whose words stand apart or turned round gives way: "сотовое легкое в базальных отделах"
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
    chosen: list[_Match] = []
    for match in matches:
        taken = used.intersection(match.positions)
        if taken and (len(taken) == len(match.positions) or not (match.coordinated or taken <= shareable)):
            continue
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
