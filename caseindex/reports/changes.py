"""Comparison with a prior examination: new, improved, worse, unchanged."""

from __future__ import annotations

import re

from caseindex.records import Change, Language

_WORDS = {
    Language.ENGLISH: re.compile(
        r"\b(?P<unchanged>unchanged|stable|no (?:\w+ ){0,2}change|without (?:\w+ )?change|persistent|persists"
        r"|again (?:seen|noted|demonstrated)|similar(?: in appearance| to prior)|not (?:significantly )?changed)\b"
        r"|\b(?P<improved>improv(?:ed|ing|ement)|decreas(?:ed|e|ing)(?: in size)?|resolv(?:ed|ing)|resolution"
        r"|smaller|regress(?:ed|ion)|clearing)\b"
        r"|\b(?P<worse>wors(?:e|ened|ening)|increas(?:ed|ing) (?:in )?size|interval (?:increase|enlargement|growth)"
        r"|progress(?:ed|ion|ive)|larger|has increased|increasing|enlarging)\b"
        r"|\b(?P<new>new(?:ly)?|interval development|now (?:seen|with))\b",
        re.IGNORECASE,
    ),
    Language.RUSSIAN: re.compile(
        r"\b(?P<unchanged>без (?:\w+ )?динамики|без изменений|стабильн\w+|прежних размеров|прежнего объема"
        r"|не (?:изменил\w+|измен\w+|нараста\w+|увеличил\w+)|сохраня(?:ется|ются))\b"
        r"|\b(?P<improved>уменьш(?:ил\w*|ен\w+|ает\w*)|регресс\w*|положительн\w+ динамик\w+|рассосал\w+|разрешени\w+)\b"
        r"|\b(?P<worse>увеличени[ея] (?:размер|объем|количеств|плеврал)\w*|увеличил\w+|нараст\w+|прогресс\w+"
        r"|отрицательн\w+ динамик\w+|ухудш\w+)\b"
        r"|\b(?P<new>впервые|вновь (?:появ|выявл)\w+|нов(?:ый|ая|ое|ые|ых)|появил\w+|появлени[ея])\b",
        re.IGNORECASE,
    ),
    Language.CHINESE: re.compile(
        r"(?P<unchanged>较前(?:相仿|无明显变化|无变化|变化不(?:大|明显)|未见(?:明显)?变化)|同前|无(?:明显|显著)?变化)"
        r"|(?P<improved>较前(?:明显|部分)?(?:好转|吸收|减少|缩小|减轻)|已?吸收|缩小|减少|好转)"
        r"|(?P<worse>较前(?:明显|略)?(?:增多|增大|进展|加重|增加)|进展|增多(?=。|$)|加重)"
        r"|(?P<new>新(?:发|出现|增)|较前新)"
    ),
}
_FAR = 60


def change_of(sentence: str, start: int, end: int, language: Language) -> Change | None:
    """How the finding at ``start`` to ``end`` compares with before: the nearest word of change that is no part of it."""
    best: tuple[int, Change] | None = None
    for match in _WORDS[language].finditer(sentence):
        if match.start() < end and match.end() > start:
            continue
        low, high = (match.end(), start) if match.end() <= start else (end, match.start())
        if high - low > _FAR or re.search(r"[;；。]|, (?!\d)|，", sentence[low:high]):
            continue
        if best is None or high - low < best[0]:
            best = high - low, Change(match.lastgroup or "")
    return best[1] if best else None
