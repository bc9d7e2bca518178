"""Whether a mention is asserted, beyond its sentence's words: by what it is (a device of the past is in place) and by its
section (an indication asks, a history tells of the past)."""

from __future__ import annotations

import re

from caseindex.records import Language, Polarity
from caseindex.reports.lexicon import Mention
from caseindex.reports.scope.negation import Assessment, Sentence
from caseindex.reports.table import ConceptKind

# Names that hold a negation: "no abnormality", "патологии не выявлено".
_NORMAL = "normal"
_ASKED = frozenset(["indication", "differential"])  # sections that ask rather than tell
_PAST = frozenset(["history"])
_CATEGORY = re.compile("(?:BI|LI|PI)-?RADS", re.IGNORECASE)
_TAKEN_OUT = re.compile(
    r"(?<!\bbe )remov|explant|extubat|pulled(?! (?:back|up|out \d))|удален|удалил|извлеч|拔除|拔出|移除|撤除|取出",
    re.IGNORECASE,
)
# "ETT, NG tube and central line have been removed"
_ALL_TAKEN_OUT = re.compile(
    r"(?:,[^,;.]{3,40}){1,3},? and [^,;.]* (?:have|were|are)(?: all| both| now| since| subsequently)* (?:been )?(?:\w+ )?(?:removed|withdrawn|pulled)",
    re.IGNORECASE,
)
_NEXT_DEVICE = re.compile(r"(?:removed|pulled|withdrawn|extubated) and (?:the|an?|now)\b", re.IGNORECASE)
_STILL_THERE = re.compile(r"\b(?:is|are|remains?|terminates?|projects?|in place)\b.*\band\b", re.IGNORECASE)
_COMPLICATION = re.compile(
    r"complicat|malfunction|infected|blocked|dysfunction|loosen|migrat|failure|malposition|lucen|fractur|kink|осложн|утечк|миграц|смещени|нестабильн|расшат|перелом"
    r"|松动|断裂|移位|并发|周围",
    re.IGNORECASE,
)
_AFTER_IT = re.compile(r"\bпосле (?:[а-яё]+ ){0,2}$", re.IGNORECASE)  # "после лучевой терапии опухоль не видна"
_MARKS = ",;，；。"


def judge(mention: Mention, kind: ConceptKind, sentence: Sentence, a: int, b: int, section: str) -> Assessment:
    """Whether the mention at ``a`` to ``b`` of its sentence is asserted, by what it is and where it stands."""
    judged = _in_section(sentence.assess(a, b, named_normal=mention.concept == _NORMAL), section)
    if judged.polarity is Polarity.PRESENT and is_category(mention):
        judged = Assessment(Polarity.UNCERTAIN)  # "BI-RADS 5" alone is a suspicion
    if kind is not ConceptKind.FINDING:
        is_device = kind is ConceptKind.DEVICE
        judged = _of_device(judged, sentence.text, a, b, sentence.language, is_device=is_device)
    if kind is ConceptKind.PROCEDURE and _TAKEN_OUT.search(sentence.text, a, b):
        judged = Assessment(Polarity.PRESENT)  # "желчный пузырь удален"
    return judged


def is_category(mention: Mention) -> bool:
    """Whether a mention is a category of a reporting system: "BI-RADS 4"."""
    return _CATEGORY.match(mention.text) is not None


def _of_device(
    judged: Assessment, sentence: str, start: int, end: int, language: Language, *, is_device: bool
) -> Assessment:
    """A device of the past is in place ("pacemaker, status post implantation") unless it was taken out; only its own
    clause denies one ("артефакт от клипсы, гематома не определяется")."""
    if judged.polarity is Polarity.ABSENT and not is_device and _AFTER_IT.search(sentence, 0, start):
        return Assessment(Polarity.PRESENT)
    if judged.historical and sentence.startswith("史", end):
        return judged  # "既往有左肺上叶切除史"
    begin = max(sentence.rfind(mark, 0, start) for mark in _MARKS) + 1
    finish = min((at for mark in _MARKS if (at := sentence.find(mark, end)) >= 0), default=len(sentence))
    if is_device and (_is_taken_out(sentence, begin, start, end, finish) or _ALL_TAKEN_OUT.match(sentence, end)):
        return Assessment(Polarity.ABSENT)
    if judged.polarity is not Polarity.PRESENT and _COMPLICATION.search(sentence, begin, finish):
        return Assessment(Polarity.PRESENT)  # "миграции металлоконструкции нет"
    if judged.polarity is Polarity.ABSENT and not judged.historical and finish < len(sentence):
        return Sentence(sentence[begin:finish], language).assess(start - begin, end - begin)
    if judged.historical and judged.polarity is Polarity.UNCERTAIN:
        return Assessment(Polarity.PRESENT)
    return judged


def _is_taken_out(sentence: str, begin: int, start: int, end: int, finish: int) -> bool:
    """Whether the clause of a device says that it was taken out; not what "and" joins to that of another ("the tube has been
    removed and the line replaced")."""
    return any(
        not (
            _NEXT_DEVICE.search(sentence, removed.start(), start) or _STILL_THERE.search(sentence, end, removed.start())
        )
        for removed in _TAKEN_OUT.finditer(sentence, begin, finish)
    )


def _in_section(judged: Assessment, section: str | None) -> Assessment:
    if judged.polarity is not Polarity.PRESENT:
        return judged
    if section in _PAST:
        return Assessment(Polarity.UNCERTAIN, historical=True)
    return Assessment(Polarity.UNCERTAIN) if section in _ASKED else judged
