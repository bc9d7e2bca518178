"""Sections of a report by their headers: English (MIMIC-CXR, teaching files), Russian and Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Canonical name -> headers, as regular expressions in lower case.
_HEADERS = {
    "indication": (
        r"(?:clinical )?indications?|reason for (?:exam(?:ination)?|study)|clinical (?:information|question|data)"
        r"|показани[яе](?: к исследованию)?|цель исследования|жалобы|направительный диагноз|диагноз направления"
        r"|клинический диагноз|检查目的|临床诊断|申请目的|主诉"
    ),
    "technique": (
        r"technique|procedure|protocol|exam(?:ination)?|study|техника(?: исследования)?|методика(?: исследования)?"
        r"|область исследования|вид исследования|режимы исследования|检查方法|检查技术|扫描方法|检查部位|检查项目|技术"
    ),
    "comparison": (
        r"comparisons?|prior(?: studies)?|сравнение|в сравнении с|предыдущ\w+ исследовани\w+|对比|比较|对照"
    ),
    "findings": (
        r"findings?|описание(?: исследования| изображений)?|протокол(?: исследования)?|результат\w*(?: исследования)?"
        r"|данные исследования|检查所见|影像所见|影像学所见|影像表现|影像学表现|放射学表现|所见|表现|描述"
    ),
    "impression": (
        r"impressions?|conclusions?|final impression|assessment|summary|заключение|выводы?|итог|мнение врача"
        r"|诊断意见|影像诊断|影像学诊断|诊断印象|印象|诊断|意见|结论|放射学诊断"
    ),
    "history": (
        r"(?:clinical |medical |patient )?history|past medical history|hpi|анамнез(?: заболевания| жизни)?"
        r"|临床病史|病史|既往史|现病史|病历"
    ),
    "caption": r"caption|подпись|图注",
    "diagnosis": r"(?:final |discharge )?diagnosis|диагноз|最后诊断|临床诊断结果",
    "differential": r"differential(?: diagnos[ie]s)?|ddx|дифференциальный диагноз|дифф?\.? ?диагноз|дифдиагноз|дифф?\.? ?ряд|鉴别诊断",
    "recommendation": r"recommendations?|рекомендаци[ия]|рекомендовано|建议",
}
_HEADER = re.compile(
    r"[ \t*#]*(?:"
    + "|".join(f"(?P<{name}>{pattern})" for name, pattern in _HEADERS.items())
    + r")[ \t*]*(?:[:：】]|[ \t]*\n|[ \t]+-[ \t])",
    re.IGNORECASE,
)
_BEFORE_HEADER = re.compile(r"[\n.。;；]")
_TITLE = re.compile(
    r"^[ \t]*(?:final|preliminary|wet read|addendum)[ \t]+report[ \t]*:?[ \t]*$", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Section:
    """``start`` and ``end`` are character offsets of the content, without its header. ``name`` is one of indication,
    technique, comparison, findings, impression, history, caption, diagnosis, differential, recommendation, body."""

    name: str
    start: int
    end: int


def sections(text: str) -> list[Section]:
    """The sections of a report in order. What stands before the first header, or a text without any, is ``body``.

    >>> [(part.name, part.start) for part in sections("FINDINGS: Clear.\\nIMPRESSION: Normal.")]
    [('findings', 10), ('impression', 29)]
    """
    headers = list(_headers(text))
    titles = [match.span() for match in _TITLE.finditer(text)]
    found: list[Section] = []
    first = headers[0].start() if headers else len(text)
    start = max([end for _, end in titles if end <= first], default=0)
    _append(found, "body", text, start, first)
    ends = [header.start() for header in headers[1:]] + [len(text)]
    for header, end in zip(headers, ends, strict=False):
        _append(found, header.lastgroup or "body", text, header.end(), end)
    return found


def _headers(text: str) -> Iterator[re.Match[str]]:
    """The headers, each at the beginning of the text, of a line or behind a full stop."""
    end = 0
    for start in (0, *(mark.end() for mark in _BEFORE_HEADER.finditer(text))):
        header = _HEADER.match(text, start) if start >= end else None
        if header is not None:
            end = header.end()
            yield header


def _append(found: list[Section], name: str, text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start:
        found.append(Section(name, start, end))
