"""Sex and age as a report tells them: "57yo F", "мужчина 45 лет", "女，45岁"."""

from __future__ import annotations

import re
from typing import Final

from caseindex.records import Sex

_AGES: Final = (
    re.compile(r"\b(\d{1,3})[\s-]*(?:year|yr)s?[\s-]*old\b", re.IGNORECASE),
    re.compile(r"\b(\d{1,3})[\s-]*y[\s./-]*o\b", re.IGNORECASE),
    re.compile(r"\b(\d{1,3})\s*(?:-?летн\w+|лет\b|года?\b(?!\s*(?:назад|наблюд)))", re.IGNORECASE),
    re.compile(r"(\d{1,3})\s*[岁歲]"),
    re.compile(r"\b(?:age|возраст|年龄)\s*[:：]?\s*(\d{1,3})\b", re.IGNORECASE),
)
#: "лет" and "года" also measure how long ago: only near these words, or of two digits at the beginning, are they an age.
_AGO = re.compile(r"^\s*(?:назад|тому|ago|前|history)", re.IGNORECASE)
_FEMALE: Final = re.compile(
    r"\b(?:wom[ae]n|female|girl|lady|gravida|женщин\w*|девочк\w*|девушк\w*|пациентк\w*|больная)\b"
    r"|(?<![a-z])y[\s./-]*o[.\s]*(?:w?f)\b|女(?:性|，|,|、|\s|$)",
    re.IGNORECASE,
)
_MALE: Final = re.compile(
    r"\b(?:m[ae]n|male|boy|gentleman|мужчин\w*|мальчик\w*|юнош\w*)\b|(?<![a-z])y[\s./-]*o[.\s]*(?:w?m)\b|男(?:性|，|,|、|\s|$)",
    re.IGNORECASE,
)


def told_ages(text: str) -> tuple[float, ...]:
    """All ages that a report gives, in years.

    >>> told_ages("57yo F with cough"), told_ages("Мужчина 45 лет")
    ((57.0,), (45.0,))
    """
    found = []
    for pattern in _AGES:
        for match in pattern.finditer(text):
            years = float(match.group(1))
            if years <= 120 and not _AGO.match(text[match.end() : match.end() + 12]):
                found.append(years)
    return tuple(dict.fromkeys(found))


def told_sex(text: str) -> Sex | None:
    """The one sex that a report tells; ``None`` where it tells none or both.

    >>> told_sex("32 year-old female")
    <Sex.FEMALE: 'F'>
    """
    female, male = bool(_FEMALE.search(text)), bool(_MALE.search(text))
    if female == male:
        return None
    return Sex.FEMALE if female else Sex.MALE
