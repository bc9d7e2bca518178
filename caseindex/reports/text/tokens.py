"""Words of a text with their normal forms, each by its own script: a Russian lemma, an English stem, a Chinese word.

One text may mix the three ("МСКТ: признаки GGO, 磨玻璃影"). Latin letters that stand in a Cyrillic word for their
look-alikes (scanned or mistyped: "инcульт" with a Latin c) are put right.
"""

from __future__ import annotations

import re
from collections.abc import Set
from functools import lru_cache
from typing import NamedTuple

from caseindex.records import Language
from caseindex.reports.text import chinese, english, russian
from caseindex.reports.text.languages import CYRILLIC, HAN

# "#" alone is a fracture ("# left NOF"), before a number it is none ("#2")
_WORD = re.compile(rf"[{HAN}]+|\d+[.,]\d+|[^\W_{HAN}]+|#(?!\s*[\d:])")
_HAN = re.compile(f"[{HAN}]")
_CYRILLIC = re.compile(f"[{CYRILLIC}]")
_LATIN = re.compile("[A-Za-z]")

_TO_CYRILLIC = str.maketrans("ABCEHKMOPTXYaceopxyukmtb3", "АВСЕНКМОРТХУасеорхуикмтьз")
_TO_LATIN = str.maketrans("АВСЕНКМОРТХУасеорху", "ABCEHKMOPTXYaceopxy")
_LOOK_ALIKE = frozenset("ABCEHKMOPTXYaceopxyukmtb3")

STOP_WORDS: dict[Language, Set[str]] = {
    Language.RUSSIAN: frozenset(
        "и в во не что он на я с со как а то все она так его но да ты к у же вы за бы по только ее мне было вот от меня"
        " еще нет о из ему теперь когда даже ну ли если уже или ни быть был него до вас нибудь уж вам ведь там потом"
        " себя ничего ей может они тут где есть надо ней для мы тебя их чем была сам чтоб без будто чего раз тоже себе"
        " под будет ж тогда кто этот того потому этого какой совсем ним здесь этом один почти мой тем чтобы нее были"
        " куда зачем всех при об хоть после над больше тот через эти нас про них какая много разве эту моя свою этой"
        " перед иногда лучше чуть том нельзя такой им более всегда между также г см мм".split()
    ),
    Language.ENGLISH: frozenset(
        "a an and are as at be been being but by for from had has have he her his if in into is it its may might no nor"
        " not of on or our she should so such than that the their them then there these they this those to was we were"
        " which while who will with would also can could cm mm".split()
    ),
    Language.CHINESE: frozenset("的 了 和 与 及 或 在 是 有 为 于 之 其 并 等 可 见 呈 均 未 无 示".split()),
}


class Token(NamedTuple):
    """A word: ``text`` as written, ``norm`` its normal form, ``start`` and ``end`` its character offsets."""

    text: str
    norm: str
    start: int
    end: int
    stop: bool = False  # of the language's stop words


def repaired(word: str) -> str:
    """A word of one script: look-alike letters of the other one replaced where the word mixes both.

    >>> repaired("инcульт") == "инсульт"
    True
    """
    cyrillic = len(_CYRILLIC.findall(word))
    latin = len(_LATIN.findall(word))
    if not cyrillic or not latin:
        return word
    if cyrillic >= latin and all(letter in _LOOK_ALIKE for letter in word if letter.isascii() and letter.isalpha()):
        return word.translate(_TO_CYRILLIC)
    other = word.translate(_TO_LATIN)
    return other if not _CYRILLIC.search(other) else word


_WITHOUT_DOTS = str.maketrans("ёЁ", "еЕ")
_MIXED = re.compile(rf"(?=\w*[A-Za-z])(?=\w*[{CYRILLIC}])\w+")


def repaired_text(text: str) -> str:
    """A Russian text with its words of mixed script put right, "ё" as "е"; the length, and so every offset, stays.

    >>> repaired_text("cправа, CT") == "справа, CT"
    True
    """
    text = text.translate(_WITHOUT_DOTS)
    return _MIXED.sub(lambda match: repaired(match.group()), text) if _LATIN.search(text) else text


@lru_cache(maxsize=100_000)
def _normal(word: str) -> tuple[str, bool]:
    """(normal form, whether it is a stop word) of a word that is not Chinese."""
    word = repaired(word)
    lower = word.lower()
    if _CYRILLIC.search(lower):
        if lower in STOP_WORDS[Language.RUSSIAN]:
            return lower, True
        return russian.lemma(lower), False
    if lower.isascii() and lower.isalpha():
        if lower in STOP_WORDS[Language.ENGLISH]:
            # Upper case is an abbreviation, not the word: IT, AS, OR. Only where the lexicon can tell; here it stops.
            return lower, True
        return english.stem(lower), False
    if lower == "#":  # "odontoid peg #"
        return english.stem("fracture"), False
    return lower.replace(",", "."), False


def tokens(text: str, language: Language | None = None, *, stop_words: bool = False) -> list[Token]:
    """The words of ``text`` in order; Chinese pieces that are no words of the lexicon as overlapping pairs.

    ``language`` is accepted for a text that is known to be of one; the script of each word decides. ``stop_words``
    keeps the words that say nothing ("the", "и", "的").

    >>> [token.norm for token in tokens("Ишемического инсульта, no haemorrhages")]
    ['ишемический', 'инсульт', 'hemorrhag']
    """
    words = _words(text)
    return list(words) if stop_words else [word for word in words if not word.stop]


def words_but_chinese(text: str) -> list[Token]:
    """The words of ``text`` in order, stop words too, without the Chinese ones, which need no cutting then."""
    if text.isascii() or not _HAN.search(text):
        return list(_words(text))
    return [
        Token(match.group(), *_normal(match.group())[:1], match.start(), match.end(), _normal(match.group())[1])
        for match in _WORD.finditer(text)
        if not _HAN.match(match.group())
    ]


@lru_cache(maxsize=16)  # one report is asked for its words several times
def _words(text: str) -> tuple[Token, ...]:
    found = []
    if text.isascii():  # no word needs to be asked whether it is Chinese
        for match in _WORD.finditer(text):
            norm, stop = _normal(match.group())
            found.append(Token(match.group(), norm, match.start(), match.end(), stop))
        return tuple(found)
    for match in _WORD.finditer(text):
        word, start = match.group(), match.start()
        if _HAN.match(word):
            simple = chinese.simplified(word)
            for a, b in chinese.segments(simple):
                stop = simple[a:b] in STOP_WORDS[Language.CHINESE]
                found.append(Token(word[a:b], simple[a:b], start + a, start + b, stop))
            continue
        norm, stop = _normal(word)
        found.append(Token(word, norm, start, match.end(), stop))
    return tuple(found)
