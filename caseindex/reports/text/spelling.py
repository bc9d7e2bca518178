"""Typing errors within reason: one letter off in a long word that no dictionary knows (Damerau 1964: one insertion,
deletion, substitution or transposition covers most of them), and the letters that scanning confuses ("hydr0cephalus",
"cardiornegaly")."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from functools import lru_cache

from caseindex.reports.text import english, russian

MIN_LETTERS = 7
MIN_RUSSIAN = 6  # a dictionary tells what is no word; English has none here

_TO_CYRILLIC = str.maketrans("ABCEHKMOPTXY", "АВСЕНКМОРТХУ")

_SCANNED = (
    ("0", "o"),
    ("1", "l"),
    ("1", "i"),
    ("5", "s"),
    ("8", "b"),
    ("rn", "m"),
    ("vv", "w"),
    ("cl", "d"),
    ("ii", "n"),
)
_SCANNED_CYRILLIC = str.maketrans("036", "озб")
_DIGIT = re.compile("[0-9]")

# English words one letter from a term of the lexicon that are words of their own.
_ENGLISH_WORDS = frozenset(
    "injection inflection reflection perfusion profusion infusion diffusion confusion contusion suffusion adduction"
    " abduction resection section retention detention intention attention extension distension hypotension hypertension"
    " hypotensive hypertensive hypothermia hyperthermia hypothyroid hyperthyroid hypoglycemia hyperglycemia hypodense"
    " hyperdense hypointense hyperintense hypointensity hyperintensity hypoechoic hyperechoic hypotrophy hypertrophy"
    " hypoplasia hyperplasia hypodensity hyperdensity hypoattenuation hyperattenuation illusion delusion exclusion"
    " elevation relation solution resolution impression compression expression depression thoracic interior anterior"
    " inferior superior posterior exterior interval internal external infection infraction refraction retraction traction"
    " contraction protraction military brachial hemithorax thoracotomy subcostal injured scaphocephaly amygdala"
    " presented presents presence reserved regions segments elements ileal iliac perineal peroneal hypoxia smelling shallow"
    " radiate radiated ecstatic inserted remained rotatory bulking chordoid terminale pleuritic asplenic".split()
)


class Corrector:
    """The word of the vocabulary that an unknown word was meant to be. English is compared as written (stems are too
    short to tell "military" from "miliary"), Russian by lemmas."""

    def __init__(self, vocabulary: Set[str], words: Mapping[str, str]) -> None:
        self._vocabulary = vocabulary
        self._words = words
        # (first letter, length) -> (American spelling, as written)
        self._english: dict[tuple[str, int], list[tuple[str, str]]] = {}
        self._russian: dict[str, list[str]] = {}
        self._cached = lru_cache(maxsize=50_000)(self._correct)

    def __call__(self, word: str, norm: str) -> str:
        """The normal form of the only word of the vocabulary one edit away, else ``norm`` itself."""
        return self._cached(word, norm)

    def _correct(self, word: str, norm: str) -> str:
        if not self._russian:
            self._index()
        word = word.lower()
        if word.isascii():
            if word in _ENGLISH_WORDS or len(word) < MIN_LETTERS:
                return norm
            word = english.american(word)
            near = {self._words[scanned] for scanned in _as_scanned(word) if scanned in self._words}
            if near or not word.isalpha():
                return near.pop() if len(near) == 1 else norm
            near = {
                self._words[known]
                for length in range(len(word) - 1, len(word) + 2)
                for plain, known in self._english.get((word[0], length), ())
                if plain == word or one_edit_apart(word, plain)
            }
        else:
            if _DIGIT.search(word):
                norm = russian.lemma(word := word.translate(_SCANNED_CYRILLIC))
                if norm in self._vocabulary:
                    return norm
            if not word.isalpha() or russian.is_known(word):
                return norm
            near = {
                known
                for known in self._russian.get(norm[0], ())
                if one_edit_apart(norm, known) or one_edit_apart(word, known)
            }
        return near.pop() if len(near) == 1 else norm

    def _index(self) -> None:
        for known in self._words:
            plain = english.american(known)
            self._english.setdefault((plain[0], len(plain)), []).append((plain, known))
        for known in self._vocabulary:
            if not known.isascii() and len(known) >= MIN_RUSSIAN - 1:
                self._russian.setdefault(known[0], []).append(known)


def _as_scanned(word: str) -> list[str]:
    """What a word may have been before it was scanned: all of one confusion undone."""
    return [word.replace(wrong, right) for wrong, right in _SCANNED if wrong in word]


def one_edit_apart(a: str, b: str) -> bool:
    """Whether one insertion, deletion, substitution or transposition of neighbours turns ``a`` into ``b``.

    >>> one_edit_apart("hemorhag", "hemorrhag"), one_edit_apart("edema", "edema")
    (True, False)
    """
    if abs(len(a) - len(b)) > 1 or a == b:
        return False
    if len(a) > len(b):
        a, b = b, a
    start = 0
    while start < len(a) and a[start] == b[start]:
        start += 1
    if len(a) < len(b):
        return a[start:] == b[start + 1 :]
    if a[start + 1 :] == b[start + 1 :]:
        return True
    return a[start : start + 2] == b[start : start + 2][::-1] and a[start + 2 :] == b[start + 2 :]


def as_cyrillic(word: str) -> str:
    """An upper-case abbreviation typed in Latin look-alikes, as a Cyrillic normal form; ``""`` where a letter has none.

    >>> as_cyrillic("CAK")
    'сак'
    """
    converted = word.translate(_TO_CYRILLIC)
    return "" if any(letter.isascii() for letter in converted) else russian.lemma(converted.lower())
