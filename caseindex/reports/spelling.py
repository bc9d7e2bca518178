"""Typing errors within reason: one letter off in a long word that no dictionary knows (Damerau 1964: one insertion,
deletion, substitution or transposition covers most of them)."""

from __future__ import annotations

from collections.abc import Set
from functools import lru_cache

from caseindex.reports import russian

MIN_LETTERS = 7

_TO_CYRILLIC = str.maketrans("ABCEHKMOPTXY", "АВСЕНКМОРТХУ")

# English words one letter from a term of the lexicon that are words of their own.
_ENGLISH_WORDS = frozenset(
    "injection inject inflection reflection perfusion profusion infusion diffusion confusion contusion fusion suffusion"
    " adduction abduction operation cooperation resection section retention detention intention attention extension"
    " distension hypotension hypertension hypotensive hypertensive hypothermia hyperthermia hypothyroid hyperthyroid"
    " hypoglycemia hyperglycemia hypodense hyperdense hypointense hyperintense hypointensity hyperintensity"
    " hypoechoic hyperechoic hypotrophy hypertrophy hypoplasia hyperplasia afferent efferent affect effect allusion"
    " illusion delusion exclusion occasion elevation relation location vocation dilution solution resolution"
    " impression compression expression depression suppression decompression thoracic thorax arterial material"
    " interior anterior inferior superior posterior ulterior exterior interval internal external integral infection"
    " infraction refraction retraction traction contraction detraction protraction intraaxial extraaxial".split()
)


class Corrector:
    """The word of the vocabulary that an unknown word was meant to be."""

    def __init__(self, vocabulary: Set[str]) -> None:
        self._vocabulary = vocabulary
        self._buckets: dict[str, list[str]] | None = None
        self._protected: Set[str] | None = None
        self._cached = lru_cache(maxsize=50_000)(self._correct)

    def __call__(self, word: str, norm: str) -> str:
        """The nearest normal form of the vocabulary, or ``norm`` itself where there is none, or more than one."""
        return self._cached(word, norm)

    def _correct(self, word: str, norm: str) -> str:
        if any(letter.isdigit() for letter in norm):
            return norm
        if word.isascii():
            if word.lower() in _ENGLISH_WORDS or norm in self._protected_stems():
                return norm
        elif russian.is_known(word):
            return norm
        if self._buckets is None:
            self._buckets = {}
            for known in self._vocabulary:
                if len(known) >= MIN_LETTERS - 2:
                    self._buckets.setdefault(known[0], []).append(known)
        near = [known for known in self._buckets.get(norm[0], ()) if one_edit_apart(norm, known)]
        return near[0] if len(near) == 1 else norm

    def _protected_stems(self) -> Set[str]:
        if self._protected is None:
            from caseindex.reports import english

            self._protected = frozenset(english.stem(word) for word in _ENGLISH_WORDS)
        return self._protected


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
