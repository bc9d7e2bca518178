"""Which of the three languages a text is in, by its script; no model, no dictionary.

Cyrillic is read as Russian (Ukrainian, Belarusian and Bulgarian reports included: their terms are close enough for the
lexicon), Han as Chinese, Latin as English unless its function words are another language's.
"""

from __future__ import annotations

import re
from collections.abc import Set

from caseindex.records import Language

CYRILLIC = "\u0400-\u052f"
HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"

_CYRILLIC = re.compile(f"[{CYRILLIC}]")
_HAN = re.compile(f"[{HAN}]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_LATIN_WORD = re.compile("[a-z\u00e0-\u024f]+")

_ENGLISH: Set[str] = frozenset(
    "the of and in with is are was were no there to for on at from this that by be has have without or not which as an"
    " seen normal left right".split()
)
_OTHER: Set[str] = frozenset(
    # Spanish and Portuguese, French, German, Italian: words that are not English too
    "de la el los las del con sin se una y que por al es lo no\u0301 da do dos das com sem em na uma e ou"
    " le les des du et est une dans sur sans avec pas der die das und nicht mit ist ein eine im von den keine"
    " il di della del nel e' gli".split()
)


def detect(text: str) -> Language | None:
    """The language of ``text``, or ``None`` where it has no letters or is clearly none of the three.

    >>> detect("Ишемический инсульт, CT")
    <Language.RUSSIAN: 'ru'>
    >>> detect("右侧基底节区出血 (ICH)")
    <Language.CHINESE: 'zh'>
    >>> detect("sin evidencia de derrame pleural en la radiografia") is None
    True
    """
    han = len(_HAN.findall(text))
    cyrillic = len(_CYRILLIC.findall(text))
    latin = len(_LATIN.findall(text))
    if not han + cyrillic + latin:
        return None
    # A Chinese character carries about as much as three letters of an alphabet.
    if 3 * han >= max(cyrillic, latin, 1) and han:
        return Language.CHINESE
    if 2 * cyrillic >= latin and cyrillic:
        return Language.RUSSIAN
    words = _LATIN_WORD.findall(text.lower())
    other = sum(word in _OTHER and word not in _ENGLISH for word in words)
    if other >= 2 and other > sum(word in _ENGLISH for word in words):
        return None
    return Language.ENGLISH
