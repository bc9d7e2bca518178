"""Names whose own words deny the finding: "the heart is not enlarged", "脾不大", and a prefix before one: "non-enhancing"."""

from __future__ import annotations

import re
from functools import lru_cache

from caseindex.records import Language

# "脾不大"; not 肺不张, 无菌性坏死, 无脑儿, 功能不全, whose names hold the same characters.
_OWN_NEGATION = re.compile(
    # "cervical spine is free of fracture": the name's words stand on both sides
    r"\b(?:(?:not?|neither|не(?! (?:прослеж|дифференц))|без|without)\b|(?:free|clear|negative) (?:of|from|for)\b|non-?enhanc(?!\w* (?:small |large )?(?:bowel|loops?|pancrea))|свобод(?:ен|на|но|ны)\b|(?<=синусы )свободн)|未见?|无(?![菌脑名力脾]|回声|裂畸)|不(?![张稳连全良孕育规典均对等同清佳齐整匀光愈])"
    # "heart size is normal", "ПКС цела", "中线结构居中": names whose words say that all is well
    r"|(?<!loss of the )(?<!loss of )(?<!straightening of the )(?<!straightening of )\bnormal\b(?![ -]pressure)|\bunremarkable\b|(?<=mediastinum )central$|(?<=mediastinum is )central$|\bcent(?:ere|re)d\b(?! (?:on|off|in|at|around|upon|along)\b)|\bintact\b|\bцел(?:а|о|ы|ый)?\b|обычн|по средней линии|\bпроходим[аыо]?\b|\bсжима(?:емы|ются)\b|компрессируются|нормальн\w* (?:размер|объем|величин|форм|толщин)|интакт(?:н|ен)|居中|复位|回位|正常(?!压)|(?<![不欠])连续(?!性?(?:中断|不|欠|差))|(?<![不欠])完整",
    re.IGNORECASE,
)
_PREFIXED = re.compile(r"\b(?:non-|not |не )$", re.IGNORECASE)  # "non-enhancing", "не утолщена"

# "non-displaced fracture", "non-occlusive thrombus": the kind is denied, not the finding
_OF_A_KIND = re.compile(
    r"(?:displaced|depressed|comminuted|union)\b|(?:occlusive|cardiogenic|aneurysmal|united|purulent|obstruct\w+|ha?emorrhagic|calcified|functioning|traumatic|necrotic|cavit\w+|loculated|cystic|specific|segmental|mass-?like) \w",
    re.IGNORECASE,
)
# Each English alternative of _OWN_NEGATION holds one of these: looked for first, as most names hold none.
_IN_DENIALS = ("no", "neither", "without", "free", "clear", "negative", "unremarkable", "cent", "intact")


def denied_by_name(text: str, start: int, end: int, language: Language) -> bool:
    """Whether the words of the mention at ``start`` to ``end``, or a prefix, deny it. Of a list of Russian predicates the
    last counts ("желудочки симметричны, не расширены")."""
    comma = text.rfind(",", start, end) if language is Language.RUSSIAN else -1
    if _may_deny(text[max(start, comma) : end]) and _OWN_NEGATION.search(text, max(start, comma), end):
        return True
    return _PREFIXED.search(text[max(0, start - 5) : start]) is not None and not _OF_A_KIND.match(text, start, end)


@lru_cache(maxsize=4096)  # reports repeat their names
def _may_deny(name: str) -> bool:
    """Whether ``_OWN_NEGATION`` may match within a name; of another script it always may."""
    lower = name.lower()
    return not lower.isascii() or any(word in lower for word in _IN_DENIALS)
