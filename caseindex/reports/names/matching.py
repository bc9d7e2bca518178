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
from functools import lru_cache
from typing import TypeVar

from caseindex.records import Language
from caseindex.reports.names.phrases import ALSO_MODIFIERS, ANATOMY_RANK, Match, Phrase, longest, match
from caseindex.reports.table import Row
from caseindex.reports.text import chinese, spelling
from caseindex.reports.text.clauses import NEGATIONS, Clauses
from caseindex.reports.text.tokens import Token, words_but_chinese

Key = TypeVar("Key")
Span = tuple[str, int, int]  # concept, start, end

# "未见异常强化" denies the enhancement, it does not call the study normal.
_WHOLE_CLAUSE = frozenset(["normal"])
# "脾大小正常" is no large spleen, "结节状强化" no nodule, "疝内容物" no further hernia
_GOES_ON = re.compile(
    "大[小片量致体部面叶脑动范]|手[术法]|厚[薄度]|疝[内囊口环]|[节块肿泡腔洞塞绞片]状|[节块肿炎瘤病]样|(?<![\u4e00-\u9fff])瘤[颈腔壁体内周旁]|瘤型|肿量约|(?<=导)管(?:内?扩张|内?结石|内?钙化|内低回声|内病变|癌|内乳头|内癌|原位|样)|(?<=[腺胰泪]导)管(?!置|引)|泥(?:渗|外|漏)"
)
_MAX_MODIFIER = 5  # characters
_CLAUSE_END = re.compile(r"(?:的?征象|表现|改变)?(?:$|[。，,；;.、\s)）])")
OPEN_PLACE = "…"  # in a Chinese name
_FILLING = r"(?:[\u4e00-\u9fff]{1,2}[样状形]|代偿性|局限性|继发性|反应性|牵拉性|梭形|不同程度的?|[极较]?轻[中度]?度?|较[左右对健患]侧|仍有?|亦较前|小|轻微|普遍|囊实性|囊性|实性|混合性|混杂|混合回声|低回声|高回声|无回声|向[左右前后上下外内]{1,3}(?:方|侧)?|[左右](?=[移偏])|[左右双]侧|略|局部|部分|广泛|弥漫性?|不规则|多处|节段性|均匀|不均匀|结构|体积|大小|[I1Ⅰ]度|脏|居中，?|系统|形态|均|亦|也|未见|未|无|不|完全|仅|明显|明确|确切|显著|稍|略|轻度|中度|重度|可见|见|有|呈|较前|向[左右]侧?|约|多发|单发|散在|少许|少量|中等?量|大量)*"
_HAN_OR_LATIN = re.compile(r"[㐀-鿿]")
# Upper-case words that mean something else where the pattern around them matches.
_NOT_HERE = {
    "PE": re.compile(
        r"(?:\bon|\bphysical|\bunremarkable|\bnormal)\s+PE\b|\bPE\s*[:=-](?!\s*(?:negative|none|no\b|absent|positive|yes))|\bPE (?:protocol|study|was (?:unre|norm|nota|rema|sig)|revealed|showed)"
    ),
    "Cr": re.compile(r"[A-Za-z(][^а-яё]{0,9}\bCr\b|\bCr\b[^а-яё]{0,9}[A-Za-z]"),  # creatine
    "MT": re.compile(r"\bMT (?:base|head|neck|shaft|joint|fracture|fx)|\d(?:st|nd|rd|th)? MT\b"),
    "PCP": re.compile(r"\b(?:by|with|to|her|his|their|the|a) PCP"),
    "MS": re.compile(r"(?<!nown )\bMS\s*[:=-]|\baltered MS|\bMS contin|\bchange in MS|\bmental MS"),
    "RA": re.compile(
        r"\bRA (?:and|/|or|to) (?:the )?(?:RV|LA)\b|\b(?:in|to|into) (?:the )?RA\b|\bRA (?:lead|enlarge|dilat|pressure|size|tip|collapse|thromb|mass|myxoma|inversion|clot)|/RA\b"
    ),
    "NOF": re.compile(r"NOF (?:#|fx|frac)|(?:L|R|left|right) NOF\b"),  # the neck of the femur
    "MI": re.compile(r"\bMI,? \d{5}"),
    "TOF": re.compile(r"TOF[- ]?(?:MR|CE|3D|序列|法)|3D[- ]?TOF"),  # how the vessels were imaged
    "БК": re.compile(r"БК ?[+(–-]"),  # "БК+": of tuberculosis
    "МК": re.compile(
        r"(?:кальциноз\w*|протез\w*|стеноз\w*|створ\w*|кольц\w*|недостаточност\w*|АК|ТК|клапан\w*)\W+(?:и\s)?МК"
    ),
    "ОА": re.compile(r"ПКА|ПНА|ПМЖ|ЛКА|стеноз|ствол|бляшк|\bветв"),
    **dict.fromkeys(  # "в S2", "очаги S1, S2 правого легкого": of the lung or the liver
        ["S1", "S2", "S3", "S4", "S5"],
        re.compile(
            r"\b[вВ] S\d|(?:очаг|очаги|узел|узлы|киста|кисты|каверна|полость) S\d|S\d (?:прав|лев|печен|л[её]гк|дол)|S\d, S\d"
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class NameTable:
    """The names of a lexicon in normal form: what :class:`Names` looks up."""

    phrases: list[tuple[str, tuple[str, ...]]]  # (concept, normal forms)
    exact: dict[str, str]  # names that count in one letter case only -> concept
    chinese: dict[str, str]  # simplified, lower case -> concept
    words: dict[str, str] = field(default_factory=dict)  # long English words as written -> normal form
    collisions: list[tuple[str, str, str]] = field(default_factory=list)  # (name, concept, other concept)


def name_table(rows: Iterable[Row]) -> NameTable:
    """Normalises every name; takes half a second for the shipped lexicon, which therefore comes with it done."""
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

    def __init__(self, names_of: NameTable, stated: Set[str] = frozenset(), generic: Set[str] = frozenset()) -> None:
        """``stated``: the concepts that a report states (findings, devices); among equally long names they win, and
        among them those that are not ``generic`` (made specific by a place: "полный разрыв" in "полный разрыв надостной")."""
        self._stated, self._generic = stated, generic
        self._exact = names_of.exact
        self._chinese: dict[str, list[tuple[str, str]]] = {}  # first two characters -> (name, concept), longest first
        # first one or two characters -> (what stands before the open place, behind it, concept)
        self._open: dict[str, list[tuple[str, str, str]]] = {}
        for name, concept in names_of.chinese.items():
            head, opened, tail = name.partition(OPEN_PLACE)
            if opened:
                self._open.setdefault(head[:2], []).append((head, tail, concept))
            else:
                self._chinese.setdefault(name[:2], []).append((name, concept))
        self._plain = names_of.chinese
        self._chinese_single = {name: self._chinese.pop(name) for name in list(self._chinese) if len(name) == 1}
        for entries in self._chinese.values():
            entries.sort(key=lambda entry: -len(entry[0]))
        frequency = Counter(norm for _, norms in names_of.phrases for norm in norms)
        self.vocabulary = frequency.keys()
        self._anchored: dict[str, list[Phrase]] = {}
        self._single: dict[str, list[tuple[str, int]]] = {}  # normal form -> (concept, rank)
        # Words that are a finding by themselves: what stands between the parts of another name holds none.
        self._heads = frozenset(
            norms[0] for concept, norms in names_of.phrases if len(norms) == 1 and concept in stated
        ).difference(ALSO_MODIFIERS)
        for concept, norms in names_of.phrases:
            if len(norms) == 1:
                self._single.setdefault(norms[0], []).append((concept, self._rank(concept)))
                continue
            anchor = min(norms, key=lambda norm: (frequency[norm], -len(norm)))
            phrase = Phrase(concept, norms, frozenset(norms), self._rank(concept))
            self._anchored.setdefault(anchor, []).append(phrase)
        self._correct = spelling.Corrector(self.vocabulary, names_of.words)

    def _rank(self, concept: str) -> int:
        return (1 if concept in self._generic else 0) if concept in self._stated else ANATOMY_RANK

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
        opened: Sequence[tuple[str, str, str]] = self._open.get(two, ())
        one = self._open.get(two[:1])
        for head, tail, concept in (*opened, *one) if one else opened:
            found = _opened(tail).match(text, position + len(head)) if text.startswith(head, position) else None
            if found and (found.end() > best[0] or best[1] is None) and not _GOES_ON.match(text, found.end() - 1):
                best = found.end(), concept
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
        known = frozenset(where)
        clauses = Clauses(text, words)
        matches: list[Match] = []
        for position, word in enumerate(words):
            concept = self._exact.get(word.text)
            is_exact = False
            if concept is None and language is Language.RUSSIAN and word.text.isascii() and word.text.isupper():
                norm = spelling.as_cyrillic(word.text)  # САК typed with Latin letters
                if norm in self.vocabulary and norms[position] not in self.vocabulary:
                    norms[position] = norm
            if concept is not None:
                barred = _NOT_HERE.get(word.text)
                around = text[max(0, word.start - 12) : word.end + 12]
                if barred is None or not barred.search(around):
                    matches.append(Match(concept, self._rank(concept), (position,), 0, False))
                    is_exact = True
            if not is_exact:  # "enhanced" is how a picture was taken, "enhancement" is seen in it
                for concept, rank in self._single.get(norms[position], ()):
                    matches.append(Match(concept, rank, (position,), 0, False))
            for phrase in self._anchored.get(norms[position], ()):
                if phrase.words <= known:
                    found = match(phrase, position, norms, where, clauses, self._heads)
                    if found is not None:
                        matches.append(found)
        return [
            (found.concept, words[min(found.positions)].start, words[max(found.positions)].end)
            for found in longest(matches)
        ]


@lru_cache(maxsize=1024)  # compiled as it is needed: all of them would take a second
def _opened(tail: str) -> re.Pattern[str]:
    """What may stand in the open place of a name that ends in ``tail``, and the end."""
    return re.compile(_FILLING + re.escape(tail))


def content_tokens(text: str) -> list[Token]:
    """The words that names are made of: without stop words, but with negations, without Chinese."""
    return [token for token in words_but_chinese(text) if not token.stop or token.norm in NEGATIONS]
