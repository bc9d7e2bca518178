"""Russian lemmas: pymorphy3 (Korobov 2015), loaded when the first unknown Russian word comes.

The analyser takes about 0.1 s to load. The words of the lexicon come with their lemmas precomputed
(``data/lemmas_ru.tsv``), so that a query in the lexicon's words needs no analyser at all.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

LEMMAS_FILE = Path(__file__).with_name("data") / "lemmas_ru.tsv"

# As nouns they are organs; the adjective of the same form ("mild") is the analyser's first choice.
_PREFERRED = frozenset({"легкое"})
# Forms that the dictionary lacks or reads as a rare word.
_CORRECTED = dict.fromkeys(("аневризм", "аневризму", "аневризме", "аневризмой", "аневризмы", "аневризмам"), "аневризма")
_VERBS = frozenset({"VERB", "INFN", "GRND"})
_NAMES = frozenset({"Name", "Surn", "Patr", "Orgn", "Geox"})


@lru_cache(maxsize=1)
def _analyser() -> Any:
    import pymorphy3

    return pymorphy3.MorphAnalyzer()


@lru_cache(maxsize=1)
def _precomputed() -> dict[str, str]:
    if not LEMMAS_FILE.exists():
        return {}
    lines = LEMMAS_FILE.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines if line)  # type: ignore[misc]


@lru_cache(maxsize=200_000)
def analysed_lemma(word: str) -> str:
    """The lemma by the analyser alone. ``word`` in lower case; ``ё`` becomes ``е``."""
    parses = _analyser().parse(word)
    lemmas = [parse.normal_form.replace("ё", "е") for parse in parses]
    for lemma in lemmas:
        if lemma in _PREFERRED:
            return lemma
    for parse, lemma in zip(parses, lemmas, strict=True):
        if parse.tag.POS not in _VERBS and not any(name in parse.tag for name in _NAMES):
            return lemma
    return lemmas[0] if lemmas else word


def lemma(word: str) -> str:
    """The dictionary form of a word in lower case.

    >>> lemma("кровоизлияний")
    'кровоизлияние'
    """
    word = word.replace("ё", "е")
    return _precomputed().get(word) or _CORRECTED.get(word) or analysed_lemma(word)


@lru_cache(maxsize=50_000)
def is_known(word: str) -> bool:
    """Whether the dictionary has this very form: what it lacks may be a typing error."""
    word = word.lower().replace("ё", "е")
    return word in _precomputed() or bool(_analyser().word_is_known(word))


@lru_cache(maxsize=50_000)
def may_be_genitive(word: str) -> bool:
    """Whether the form can be a genitive: what "нет" and "без" govern."""
    return any("gent" in parse.tag for parse in _analyser().parse(word.lower()))
