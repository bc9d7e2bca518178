"""Russian lemmas: pymorphy3 (Korobov 2015), loaded when the first unknown Russian word comes.

The analyser takes about 0.1 s to load. The words of the lexicon come with their lemmas precomputed
(``data/lemmas_ru.tsv``), so that a query in the lexicon's words needs no analyser at all.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

LEMMAS_FILE = Path(__file__).parents[1] / "data" / "lemmas_ru.tsv"

# Of several readings of a form the one that a report means: an organ ("легкое", not "mild"), a vein, a vice.
_PREFERRED = frozenset(
    "легкое порок вена железа аневризма шейка стопа снимок узелок ганглий придаток мениск крестец копчик яичник "
    "холедох кальций бронхоэктаз корень череп голова шпора средний восходящий малый проток мостовая".split()
)
# The dictionary lacks most tumours and many adjectives; what it guesses differs from case to case.
_STEMS = r"бласт|класт|гли|нейроцит|пинеоцит|хромоцит|плазмоцит|астроцит|онкоцит|липи|лип|менинги|тели|невр|неврин|гермин|семин|хорд|каверн|микс|тим|карцин|сарк|аспергилл"
_GUESSED = (
    (re.compile(rf"(.*(?:{_STEMS}|фибр|папилл|нефрост|трахеост)ом)(?:а|ы|е|у|ой|ою|ам|ами|ах)?"), "а"),
    (re.compile(r"(.{2,}(?:листез|артроз|эктаз|стаз))(?:а|у|ом|е|ы|ов|ам|ами|ах)?"), ""),
    (re.compile(r"(.{3,}(?:пат|плаз|эктом|цефал)и)(?:я|и|ю|ей|ям|ями|ях|й)"), "я"),
    (re.compile(r"(.{3,}иру)ющ(?:ий|ая|ее|ие|его|ему|им|ем|ей|ую|их|ими)"), "ющий"),
    (re.compile(r"(.{3,}ск)(?:ий|ая|ое|ие|ого|ому|им|ом|ой|ою|ую|их|ими)"), "ий"),
    (re.compile(r"(.{2,}(?:льн|рн|зн|сн|вн|дн|чн|нн))(?:ый|ая|ое|ые|ого|ому|ым|ом|ой|ою|ую|ых|ыми)"), "ый"),
    (re.compile(r"(.{3,}ом)(?:ы|у|ой|ою|ами|ах)"), "а"),
)
# Forms that the dictionary lacks or reads as a rare word.
_CORRECTED = dict.fromkeys(("аневризм", "аневризму", "аневризме", "аневризмой", "аневризмы", "аневризмам"), "аневризма")
_ABBREVIATED = {"лу": "лимфоузел"}  # "ЛУ", "л/у"
_ADJECTIVES = frozenset({"ADJF", "PRTF"})
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
    if word in _ABBREVIATED:
        return _ABBREVIATED[word]
    if not _analyser().word_is_known(word):
        for pattern, ending in _GUESSED:
            guess = pattern.fullmatch(word)
            if guess:
                return str(guess.group(1)) + ending
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


def is_cyrillic(letter: str) -> bool:
    return "а" <= letter.lower() <= "я"


@lru_cache(maxsize=50_000)
def is_known(word: str) -> bool:
    """Whether the dictionary has this very form: what it lacks may be a typing error."""
    word = word.lower().replace("ё", "е")
    return word in _precomputed() or bool(_analyser().word_is_known(word))


@lru_cache(maxsize=50_000)
def is_adjective(word: str) -> bool:
    """Whether the form is an adjective or a participle and nothing else."""
    return all(parse.tag.POS in _ADJECTIVES for parse in _analyser().parse(word.lower()))


# Their other reading is a rare word: "рака" (a shrine), "порта", "стена".
_NOMINATIVES = frozenset(
    "рак метастаз порт стент ганглион спазм вазоспазм ретролистез холедох бронхоэктаз натечник кинкинг".split()
)


@lru_cache(maxsize=50_000)
def may_be_genitive(word: str) -> bool:
    """Whether the form can be a genitive: what "нет" and "без" govern."""
    word = word.lower()
    if word in _NOMINATIVES:
        return False
    if word[-1:] in {"ы", "и"} and not _analyser().word_is_known(word) and lemma(word) == word[:-1]:
        return False  # "бронхоэктазы": the plural of a masculine noun that the dictionary lacks
    if word.endswith("ия") and not _analyser().word_is_known(word):
        return False  # "аэробилия"
    if word[-1:] in {"а", "я"} and lemma(word) == word:
        return False  # "кавернома", "аневризма": a nominative, though there might be an "аневризм"
    if word.endswith("ит") and word != "орбит":
        return False  # "синовит", "бурсит": a nominative, known to the dictionary or not
    return any("gent" in parse.tag for parse in _analyser().parse(word))


@lru_cache(maxsize=50_000)
def may_be_one_subject(word: str) -> bool:
    """Whether the form can be a nominative singular."""
    return any("nomn" in parse.tag and "sing" in parse.tag for parse in _analyser().parse(word.lower()))


@lru_cache(maxsize=50_000)
def may_be_object(word: str) -> bool:
    """Whether the form can be an accusative."""
    return any("accs" in parse.tag for parse in _analyser().parse(word.lower()))
