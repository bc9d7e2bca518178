"""What a Russian negation passes over though it stands in its clause: the place where something was looked for.

"В области перелома костной мозоли нет" denies the callus, not the fracture; "в ложе удаленной опухоли накопления нет" tells
of a tumor of the past.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from caseindex.reports.scope.cues import Cue, CueKind
from caseindex.reports.text import russian

_FROM = 40  # characters at most from the word that opens a place to the finding
# "в области", "вокруг", "по краю ... очага"
_PLACE = re.compile(
    r"\b(?:в (?:области|зоне|проекции|ложе|толще|структуре|просвете|полости|окружности|краях)|вокруг|около|возле|внутри|рядом с"
    r"|по (?:краю|краям|контуру|периферии|ходу)|на (?:уровне|фоне|месте)|прилежащ\w+ к|(?:за|вы)текани[еяй] (?:в|из))"
    r"\s+(?P<between>(?:ранее\s+)?(?:(?:[\w-]*(?:ой|ого|его|ых|их|ом|ем|ым|ими|ыми|егося|ейся|ихся)|п/о)\s+){0,2})$",
    re.IGNORECASE,
)
# "признаков консолидации перелома нет": there is a fracture
_ASPECT = re.compile(
    r"\b(?:консолидации|сращения|срастания|нагноения|малигнизации|ущемления|распада)\s+(?:[\w-]*(?:ой|ого|его|ых|их)\s+){0,2}$",
    re.IGNORECASE,
)
_HEALING = re.compile(r"(?:консолидаци|сращени|срастани)\w+\s+(?:[\w-]+\s+)?перелом", re.IGNORECASE)
_GONE = re.compile(r"удал[её]нн|резецированн|бывш|санированн|эвакуированн", re.IGNORECASE)
_REPLACED = re.compile(r"на месте\b.*(?:описанн|выявленн|определявш|бывш|имевш|рассосавш|прежн)", re.IGNORECASE)
_YEAR = re.compile(r"\(?(?:в |от )?(?:19|20)\d\d", re.IGNORECASE)
_OF_ONE = re.compile(
    r"(?:[лчджщрт]ен|ван|нят)а?$", re.IGNORECASE
)  # not "не выявлено", which governs a list in the genitive
_PREDICATE_MARK = re.compile(r"(?:\s+[-–—]|:)\s*$")
_PLURAL = re.compile(r"(?:ются|ятся|утся|ены|аны|уют|ют)$", re.IGNORECASE)
_MORE = re.compile(r"\d|\b(?:и|или|с|а|но|слева|справа|есть|[а-яё]+(?:ется|ются|ится))\b", re.IGNORECASE)
_PLACE_OPENS = re.compile(r",\s*(?:в|на|по)\s(?!детстве|прошлом|возрасте|\d|анамнез)", re.IGNORECASE)
_FAMILY_TOLD = re.compile(r"[^,;:]*\bотягощ[её]н[^,;:]*,", re.IGNORECASE)
_OPERATION = re.compile(r"(?!в |от ).*(?:19|20)\d\d", re.IGNORECASE)
# "СДГ с прорывом в желудочки", "ГПОД I ст.", "ФКМ с кистозным компонентом": an abbreviation about which more is said
_SAID_MORE = re.compile(r"\s+(?:с|со)\s|\s*[IVХ]+\b|\s*\d")


def place_of_search(text: str, start: int) -> str | None:
    """``"here"`` where the mention that begins at ``start`` only tells where something was looked for, ``"gone"`` where it
    has been removed from there, ``"replaced"`` where something else is there now; else ``None``."""
    before = text[max(0, start - _FROM) : start]
    if _ASPECT.search(before) or _HEALING.match(text, start):
        return "here"
    place = _PLACE.search(before)
    if place is None:
        return None
    if _GONE.search(place["between"]):
        return "gone"
    if _REPLACED.match(place[0]):
        return "replaced"
    return None if place[0].lower().startswith("в ложе") else "here"  # "в ложе скоплений нет" denies them


def may_be_gone(text: str) -> bool:
    """Whether a sentence may speak of what is there no more: "на месте удаленной опухоли киста"."""
    return _GONE.search(text) is not None or "на месте" in text.lower()


def is_told_more_of(text: str, start: int, end: int) -> bool:
    """Whether the mention is an abbreviation, of whatever case, that its clause says more of."""
    words = re.findall(r"[^\W\d_]+", text[start:end])
    return bool(words) and words[0].isupper() and len(words[0]) > 1 and _SAID_MORE.match(text, end) is not None


def is_year_apart(text: str, end: int, cue: int) -> bool:
    """Whether the cue that begins at ``cue`` is a year, and does not follow the mention at once: "инсульт в 2015 г."."""
    return _YEAR.match(text, cue) is not None and re.search(r"\w", text[end:cue]) is not None


def is_operation_after(between: str, cue: str) -> bool:
    """Whether an operation of a year comes right behind a disease: "рак слева, мастэктомия в 2018"."""
    return re.fullmatch(r"(?:\s+(?:слева|справа))?,\s*", between) is not None and _OPERATION.match(cue) is not None


def is_aside(between: str) -> bool:
    """Whether a bracket opens right behind a Russian cue, up to a mention."""
    return re.match(r"\s*\([^)]*$", between) is not None


def agrees_with_one(cue: str) -> bool:
    """Whether the cue is a participle that agrees with one subject in the nominative: "РДС, пневмоторакс исключен"."""
    return _OF_ONE.search(cue) is not None


def without_predicate_mark(between: str) -> str:
    """What stands between a finding and its denial, without a last colon or dash in place of the verb: "выпот - нет"."""
    return _PREDICATE_MARK.sub(" ", between)


def opens_list(between: str) -> bool:
    """Whether a colon behind a cue opens a list: "отсутствуют: перелом, вывих"."""
    return re.fullmatch(r"\s*:[^;:.]*", between) is not None


def past_reaches_left(text: str, end: int, cue: Cue, cues: Sequence[Cue]) -> bool | None:
    """Whether a cue of the past, or a negation behind one, acts on the mention that ends at ``end``; ``None`` where other
    rules decide. "У больного с раком в анамнезе очагов не выявлено" does not deny the cancer."""
    if cue.kind is CueKind.NEGATION:
        past = (other for other in cues if other.kind is CueKind.HISTORICAL and end <= other.start)
        behind = any(re.search(r"\w{3}", text[other.end : cue.start]) for other in past)
        return False if behind else None
    if cue.kind is not CueKind.HISTORICAL:
        return None
    if is_year_apart(text, end, cue.start):
        return False
    return True if is_operation_after(text[end : cue.start], text[cue.start : cue.end]) else None


def past_is_over(between: str) -> bool:
    """Whether a clause that opens with a place of today stands between the past and a mention: "в анамнезе рак, в легких
    очаги"."""
    return _PLACE_OPENS.search(between) is not None


def family_is_told(between: str) -> bool:
    """Whether what was said of the family is over at a comma: "семейный анамнез отягощен, очаговых изменений нет"."""
    return _FAMILY_TOLD.match(between) is not None


def is_list_of_subjects(text: str, start: int, end: int, cue: Cue) -> bool:
    """Whether a plural that denies what stands before it has the mention among its subjects, since the last of them is
    one thing only: "лимфаденопатия, спленомегалия, выпот не определяются"."""
    if not _PLURAL.search(text[cue.start : cue.end]):
        return False
    own, *items = text[end : cue.start].split(",")
    item = text[max(text.rfind(mark, 0, start) for mark in ",;:.") + 1 : start] + own
    if not items or _MORE.search(item) or any(_MORE.search(other) for other in items):
        return False
    return all(_is_one_thing(words) for words in (text[start:end], *items))


def _is_one_thing(words: str) -> bool:
    nouns = (word for word in re.findall("[а-яё]{3,}", words.lower()) if not russian.is_adjective(word))
    first = next(nouns, None)
    return first is not None and russian.may_be_one_subject(first)
