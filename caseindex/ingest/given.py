"""Cells of tables -> typed values of a record. What cannot be understood becomes ``None`` and is kept as given."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date as calendar_date
from typing import Final

from caseindex.ingest.tables import fold
from caseindex.records import Language, Sex

_SEX: Final = {
    "f": Sex.FEMALE, "female": Sex.FEMALE, "woman": Sex.FEMALE, "w": Sex.FEMALE, "ж": Sex.FEMALE, "жен": Sex.FEMALE,
    "женский": Sex.FEMALE, "女": Sex.FEMALE, "女性": Sex.FEMALE,
    "m": Sex.MALE, "male": Sex.MALE, "man": Sex.MALE, "м": Sex.MALE, "муж": Sex.MALE, "мужской": Sex.MALE,
    "男": Sex.MALE, "男性": Sex.MALE,
    "o": Sex.OTHER, "other": Sex.OTHER,
}  # fmt: skip
_LANGUAGES: Final = {
    "ru": Language.RUSSIAN, "rus": Language.RUSSIAN, "russian": Language.RUSSIAN, "русский": Language.RUSSIAN,
    "en": Language.ENGLISH, "eng": Language.ENGLISH, "english": Language.ENGLISH,
    "zh": Language.CHINESE, "zho": Language.CHINESE, "chi": Language.CHINESE, "chinese": Language.CHINESE,
    "zh-cn": Language.CHINESE, "zh_cn": Language.CHINESE, "cn": Language.CHINESE, "中文": Language.CHINESE,
}  # fmt: skip
_MODALITIES: Final = {
    "mri": "MR", "mrt": "MR", "magneticresonance": "MR", "мрт": "MR", "мр": "MR", "磁共振": "MR",
    "cat": "CT", "computedtomography": "CT", "кт": "CT", "мскт": "CT", "计算机断层": "CT",
    "pet": "PT", "пэт": "PT", "ultrasound": "US", "sonography": "US", "узи": "US", "超声": "US",
    "mammography": "MG", "mammogram": "MG", "ммг": "MG", "radiograph": "CR", "рентген": "CR", "x光": "CR",
}  # fmt: skip
_XRAY: Final = re.compile(r"\bX-?RAY\b|\bRADIOGRAPH|РЕНТГЕН")
_AGE: Final = re.compile(r"(\d{1,3}(?:[.,]\d+)?)\s*([a-zа-яё岁月天周]*)\.?")
_YEARS_PER: Final = {
    "": 1.0, "y": 1.0, "yr": 1.0, "yrs": 1.0, "year": 1.0, "years": 1.0, "г": 1.0, "лет": 1.0, "год": 1.0, "года": 1.0,
    "岁": 1.0, "m": 1 / 12, "mo": 1 / 12, "month": 1 / 12, "months": 1 / 12, "мес": 1 / 12, "月": 1 / 12,
    "w": 7 / 365.25, "week": 7 / 365.25, "weeks": 7 / 365.25, "нед": 7 / 365.25, "周": 7 / 365.25,
    "d": 1 / 365.25, "day": 1 / 365.25, "days": 1 / 365.25, "дн": 1 / 365.25, "天": 1 / 365.25,
}  # fmt: skip
_DATES: Final = (
    re.compile(r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})(?:[T ][\d:.+Z-]*)?"),
    re.compile(r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})(?:\.0)?"),
    re.compile(r"(?P<y>\d{4})[./](?P<m>\d{1,2})[./](?P<d>\d{1,2})"),
    re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})"),
    re.compile(r"(?P<y>\d{4})年(?P<m>\d{1,2})月(?P<d>\d{1,2})日"),
)
#: Folded column names that may hold a person's name, birth date, address or contact: never kept.
_PRIVATE: Final = re.compile(
    r"(patient|person)?('?s)?(sur|last|first|given|family|middle|full)?name|(date)?(of)?birth(day|date|year)?|"
    r"(patient|person)s?birth(day|date|year|dicom)*|dob|yob|address|phone(number)?|email|ssn|snils|insurance(number|id)?|passport|"
    r"фио|фамилия|имя|отчество|пациентфио|датарождения|годрождения|др|адрес|телефон|снилс|полис|паспорт|"
    r"姓名|患者姓名|出生日期|生日|地址|电话|身份证(号)?"
)


def sex(cell: str) -> Sex | None:
    return _SEX.get(cell.strip().casefold().rstrip("."))


def language(cell: str) -> Language | None:
    return _LANGUAGES.get(cell.strip().casefold())


def age_years(cell: str) -> float | None:
    """Years; ``058Y``, ``18M``, ``3 мес``, ``65岁`` and plain numbers. ``None`` beyond 0..130.

    >>> age_years("058Y"), age_years("18M"), age_years("22"), age_years("unknown")
    (58.0, 1.5, 22.0, None)
    """
    found = _AGE.fullmatch(cell.strip().casefold())
    if found is None or found[2] not in _YEARS_PER:
        return None
    years = float(found[1].replace(",", ".")) * _YEARS_PER[found[2]]
    return years if math.isfinite(years) and 0 <= years <= 130 else None


def iso_date(cell: str) -> str | None:
    """``YYYY-MM-DD`` of a calendar date in ISO, DICOM, Russian or Chinese form; ``None`` for all else.

    >>> iso_date("20240301"), iso_date("01.03.2024"), iso_date("day 10"), iso_date("2024-02-31")
    ('2024-03-01', '2024-03-01', None, None)
    """
    for form in _DATES:
        found = form.fullmatch(cell.strip())
        if found is not None:
            try:
                return calendar_date(int(found["y"]), int(found["m"]), int(found["d"])).isoformat()
            except ValueError:
                return None
    return None


def modality(cell: str) -> str | None:
    """The DICOM defined term of a modality in words, else as given in upper case.

    >>> modality("ct"), modality("МРТ"), modality("AP not given)/X-ray"), modality("thermography")
    ('CT', 'MR', 'CR', 'THERMOGRAPHY')
    """
    text = upper(cell)
    if text is None:
        return None
    return _MODALITIES.get(fold(text)) or ("CR" if _XRAY.search(text) else text)


def upper(cell: str) -> str | None:
    return " ".join(cell.split()).upper() or None


def labels(cell: str, separator: str = ";") -> tuple[str, ...]:
    """Separated labels, each once, in their order."""
    return tuple(dict.fromkeys(part.strip() for part in cell.split(separator) if part.strip()))


def attributes(cells: Mapping[str, str], *, used: frozenset[str] | set[str] = frozenset()) -> dict[str, str]:
    """The cells that no field took, by column; empty ones and those that may identify a person are left out."""
    return {name: cell for name, cell in cells.items() if name and cell and name not in used and not is_private(name)}


def is_private(column: str) -> bool:
    """Whether a column may hold a name, birth date, address or contact."""
    return _PRIVATE.fullmatch(fold(column)) is not None
