"""Comparison with a prior examination: new, improved, worse, unchanged; in words or by two sizes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from caseindex.records import Change, Language
from caseindex.reports.text import chinese

ChangeSpan = tuple[int, int, Change]

# Of a sentence in lower case, but the Chinese: `re` skips an alternative faster than where case does not count.
_WORDS = {
    Language.ENGLISH: re.compile(
        r"\b(?P<unchanged>unchanged|stable|(?:no|without) (?:(?:interval|significant|substantial|appreciable|definite|marked|further|obvious|gross"
        r"|other|any|new|acute|apparent|relevant|evidence of) ){0,3}change|persist(?:ent|s|ing)?"
        r"|again (?:seen|noted|demonstrated|identified)|similar(?: in appearance| in size| to prior)?(?= to|\s*[.,;]|$)"
        r"|not (?:significantly )?changed|redemonstrat\w+|(?:the )?same size|as (?:before|previously)(?=\s*[.,;]|$)"
        r"|(?:the )?same as (?:before|previously|in|on)|not (?:significantly |further )?(?:increased|grown|progressed)|(?:not (?:significantly |further )|(?:has|have) not )enlarged)\b"
        r"|\b(?P<improved>improv(?:ed|ing|ement)|(?:decreas|diminish)(?:ed|e|ing)(?: in size)?|resolv(?:ed|ing)|resolution"
        r"|smaller|regress(?:ed|ion|ing)|clearing|less (?:dense|conspicuous|prominent|extensive|than (?:on|in|at))|shrunk(?:en)?"
        r"|reduc(?:ed|tion) in (?:size|extent)|interval (?:decrease|reduction|improvement))\b"
        r"|\b(?P<worse>wors(?:e|ened|ening)(?! on| than (?:the |on the )?(?:left|right))|increas(?:ed|ing) (?:in )?size|interval (?:increase|enlargement|growth)"
        r"|progress(?:ed|ion|ive|ing)(?! (?:fill|centripetal|enhanc))|(?:larger|bigger)(?! on\b| than (?:the )?(?:left|right))|(?:has|have) (?:\w+ )?(?:increased|enlarged|grown)|increas(?:ed|ing)(?=\s*[.,;]|$)"
        r"|increasing|increased (?:in (?:number|extent|volume)|since|from|compared)|enlarging|blossomed|more (?:extensive|prominent|conspicuous|confluent|than (?:on|in|at)))\b"
        r"|\b(?P<new>new(?:ly)?|interval (?:development|placement|appearance)|now (?:seen|with)|there (?:is|are) now(?! (?:no|complete|near|resol|improve|decrease))|(?:was|were) not (?:seen|present|there|visible|evident) (?:on|in) (?:the )?(?:prior|previous|last|earlier)|not (?:seen|present) previously|not (?:seen|present|there|visible|evident) (?:in|on|at) (?:the )?(?:20\d\d|prior|previous|last|earlier)|(?:has|have) (?:newly )?(?:developed|appeared)"
        r"|previously not (?:seen|present))\b",
    ),
    Language.RUSSIAN: re.compile(
        r"\b(?P<unchanged>без (?:\w+ ){0,2}динамики|без изменений|стабил(?:ен|ьн\w+)|прежн(?:их|его|ий|яя|ее|ие|ей)"
        r"(?: размер\w*| объем\w*)?|не (?:изменил\w+|нараста\w+|увеличил\w+)|сохраня(?:ется|ются)|в тех же размерах"
        r"|той же (?:величины|протяженности))\b"
        r"|\b(?P<improved>уменьш\w+(?: (?:в )?(?:объем|размер|количеств|зон|площад|толщин)\w*)?|регресс\w*"
        r"|положительн\w+ динамик\w+|рассос\w+|рассасыва\w+|разрешени\w+|разреша\w+|сокра(?:тил|щен|щает)\w*"
        r"|меньш(?:их|его) (?:размер|объем)\w*|улучшени\w+)\b"
        r"|\b(?P<worse>увеличени[ея] (?:размер|объем|количеств|зон|площад|толщин|плеврал|выпот|гематом)\w*"
        r"|увеличил\w+|увеличива(?:ется|ются)|нарос\w*|нараст\w+|прогресс\w+|отрицательн\w+ динамик\w+|ухудш\w+|усилил\w+"
        r"|больш(?:их|его) (?:размер|объем)\w*, чем)\b"
        r"|\b(?P<new>впервые|вновь (?:появ|выявл|возник)\w+|нов(?:ый|ая|ое|ые|ых)|появил\w+|появлени[ея]"
        r"|ранее не (?:определя|выявля|описыв|отмеча|визуализир|был)\w*)\b",
    ),
    Language.CHINESE: re.compile(
        r"(?P<unchanged>(?:较前|与前(?:片|次)?|与[^，。；]{0,8}(?:片|日)?比较|前后)?(?:片|比较)?(?:大致|基本|大体)?(?:相仿|相似|无(?:明显|显著)?变化|变化不(?:大|明显)"
        r"|未见(?:明显|显著)?变化|无(?:明显|显著)?改变)|(?:大致|基本|大体|大小)?同前|稳定|(?:未见?|无)(?:明显|显著)?(?:增多|进展|加重|减少))"
        r"|(?P<new>较前新\w{0,2}|新(?:发|出现|增|见))"
        r"|(?P<improved>(?:较前|较之前|较[\d\-./年月日]{4,12}(?:片|日)?|较[\d一二两三四五六七八九十半]{1,3}个?[天日周月年]前|较(?:上次|前次|昨日|前日|昨|去年|术前|治疗前|化疗前|入院时|旧|原)(?:CT|MRI?|胸?片|检查)?)[^，。；、]{0,6}?(?:好转|吸收|减少|缩小|减轻|变小|消退)|(?<!骨质)(?<!骨)已?吸收|(?<!体积)缩小|减少|好转|减轻)"
        r"|(?P<worse>(?:较前|较之前|较[\d\-./年月日]{4,12}(?:片|日)?|较[\d一二两三四五六七八九十半]{1,3}个?[天日周月年]前|较(?:上次|前次|昨日|前日|昨|去年|术前|治疗前|化疗前|入院时|旧|原)(?:CT|MRI?|胸?片|检查)?)[^，。；、]{0,6}?(?:增多|增大|进展|加重|增加|扩大|变大|增厚|增宽)(?:[、，及和并]?(?:体积|范围|数目|数量)?(?:增多|增大|进展|加重|增加|扩大|变大|增厚|增宽))*|进展|增多(?=。|$)|加重|增大至|(?<=结节|肿块|病灶|占位|血肿|囊肿|空洞|肿物|范围|移灶|移瘤|肌瘤|癌灶|瘤灶|瘤体|灶区)(?:明显|稍|略|逐渐|轻度|有所|进行性)*(?:增大|扩大))"
    ),
}
_DIGIT = re.compile("[0-9]")
_NUMBER = r"(\d+(?:[.,]\d+)?)\s*(мм|см|mm|cm)?"
_PRIOR_SIZE = re.compile(
    rf"(?:\b(?:ранее|до этого|previously|prev\.?|prior|formerly|was)(?!\w)|原|前片|前次|上次)[^\d.,;，；。]{{0,14}}{_NUMBER}",
    re.IGNORECASE,
)
_FROM_TO = re.compile(
    rf"(?:\b(?:с|от|from)\s|[由从])\s*{_NUMBER}\s*(?:до|to|[^\d，。]{{0,3}}[至到])\s*{_NUMBER}", re.IGNORECASE
)
_SIZE = re.compile(r"(\d+(?:[.,]\d+)?)\s*(мм|см|mm|cm)(?!\w)", re.IGNORECASE)
_FAR = 60  # characters
_HARD = re.compile(
    r"[;；。:：]|\b(?:while|whereas|but|however|with|but|но|а|однако|тогда как|при этом)\b|但|而", re.IGNORECASE
)
_COMMA = re.compile(r",(?!\d)|，")
_COPULA = re.compile(
    r"\b(?:is|are|has|have|been|was|were|remains?|appears?|slightly|mildly)\s+(?:\w+ly\s+)?$", re.IGNORECASE
)
_VERB = re.compile(r"(?:has|have|is|are)\b|[а-яё]+(?:лся|лась|лось|лись|ется|ются)\b", re.IGNORECASE)
_LATER_NOUN = 25  # characters from a word of change to the finding that it is an attribute of

# Concepts that are words of comparison themselves; of the second, only where the words are part of one.
_DYNAMICS = frozenset(["positive_dynamics", "negative_dynamics"])
# "увеличение размеров печени и селезенки, асцита нет" compares with no earlier study
_LARGE_ORGAN = frozenset(
    "hepatomegaly splenomegaly goiter cardiomegaly bph lymphadenopathy mediastinal_lymphadenopathy".split()
)
_COMPARED = frozenset(["enlargement", "volume_loss"])


@lru_cache(maxsize=4096)  # reports repeat their sentences
def find_changes(sentence: str, language: Language) -> tuple[ChangeSpan, ...]:
    """(start, end, change) of the comparisons that a sentence draws."""
    plain = chinese.simplified(sentence) if language is Language.CHINESE else sentence.lower()
    if len(plain) != len(sentence):  # a letter whose lower case is longer: keep the offsets
        plain = sentence
    found = [(match.start(), match.end(), Change(match.lastgroup or "")) for match in _WORDS[language].finditer(plain)]
    if _DIGIT.search(plain):
        found += _by_size(plain)
    return tuple(found)


def change_of(
    sentence: str, start: int, end: int, changes: Sequence[ChangeSpan], others: Sequence[tuple[int, int]] = ()
) -> Change | None:
    """How the finding at ``start`` to ``end`` compares with before: the nearest comparison of its clause that is no part
    of it and no attribute of another finding. ``others``: the spans of the other findings."""
    best: tuple[int, Change] | None = None
    for left, right, change in changes:
        if left < end and right > start:
            continue
        low, high = (right, start) if right <= start else (end, left)
        if high - low > _FAR or not _belongs(sentence, low, high, left, right, others):
            continue
        if left >= end and _is_attribute(sentence, left, right, others):
            continue
        if best is None or high - low < best[0]:
            best = high - low, change
    return best[1] if best else None


def _belongs(sentence: str, low: int, high: int, left: int, right: int, others: Sequence[tuple[int, int]]) -> bool:
    """Whether nothing between ``low`` and ``high`` parts the finding from the comparison at ``left`` to ``right``."""
    hard = _HARD.search(sentence, low, high)
    if hard and not (hard.group() in ":：" and left < low):  # "Без динамики: гематома"
        return False
    commas = [match.start() for match in _COMMA.finditer(sentence)]
    if not any(low <= comma < high for comma in commas):
        return True
    # Beyond a comma only what its own part of the sentence has no finding for: "киста слева, прежних размеров".
    begin = max((comma for comma in commas if comma < left), default=-1)
    finish = min((comma for comma in commas if comma >= right), default=len(sentence))
    return not any(((begin < a < finish) or (low <= a < high)) and not (a < right and b > left) for a, b in others)


def _is_attribute(sentence: str, left: int, right: int, others: Sequence[tuple[int, int]]) -> bool:
    """Whether a comparison that follows a finding belongs to the next one: "effusion and stable nodule"."""
    following = [a for a, _ in others if 0 <= a - right <= _LATER_NOUN]
    if not following or _COMMA.search(sentence, right, min(following)):
        return False
    return not _COPULA.search(sentence[max(0, left - 24) : left]) and not _VERB.match(sentence, left)


def _by_size(sentence: str) -> list[ChangeSpan]:
    """A comparison told by two sizes: "9 mm, previously 6 mm", "с 20 до 12 мм"."""
    span = _FROM_TO.search(sentence)
    if span:
        unit = span.group(2) or span.group(4)
        before, now = _mm(span.group(1), unit), _mm(span.group(3), span.group(4) or unit)
        return [(span.start(), span.end(), _compared(before, now))] if unit else []
    prior = _PRIOR_SIZE.search(sentence)
    if not prior or not prior.group(2):
        return []
    sizes = [_mm(m.group(1), m.group(2)) for m in _SIZE.finditer(sentence) if m.start() != prior.start(1)]
    return [(prior.start(), prior.end(), _compared(_mm(prior.group(1), prior.group(2)), sizes[0]))] if sizes else []


def _mm(number: str, unit: str | None) -> float:
    return float(number.replace(",", ".")) * (10.0 if unit and unit.lower() in ("см", "cm") else 1.0)


def _compared(before: float, now: float) -> Change:
    if abs(now - before) <= 0.05 * before:
        return Change.UNCHANGED
    return Change.WORSE if now > before else Change.IMPROVED


def is_comparison(concept: str, start: int, end: int, changes: Sequence[ChangeSpan], language: Language) -> bool:
    """Whether the words of a finding only say how another one has changed. "Положительная динамика" is a diagnosis."""
    if language is Language.RUSSIAN and (concept in _DYNAMICS or concept in _LARGE_ORGAN):
        return False
    partly = concept in _COMPARED or concept in _DYNAMICS
    return any(
        (left < end and right > start) if partly else (left <= start and end <= right) for left, right, _ in changes
    )
