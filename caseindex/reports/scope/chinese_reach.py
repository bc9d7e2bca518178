"""How far a cue reaches in a Chinese sentence: to the end of its clause; what a denied attribute belongs to is there."""

from __future__ import annotations

import re

from caseindex.reports.scope.cues import Cue, CueKind

_STOP = re.compile(r"[，,；;。]")
_MARK = re.compile(r"[，,；;。、]")
_COLON = re.compile("[：:]")  # "复位后复查：肿块未再探及"
_FULL_STOP = re.compile("[。；;]")
_ATTRIBUTE = re.compile(r"(?:强化|增强|钙化|水肿|出血|积液|骨折|症状)的")  # "无强化的肿块": the mass is there
_DISEASE = "癌瘤炎病核症"
_OF_ALL = re.compile("首先考虑|可能性?(?:较|很)?大")
_PUT_BACK = re.compile("复位|还纳")
_ALONG_WITH = re.compile("[^，,。；;：:但余除见呈示符]*伴有?[^，,。；;：:但余除见呈示符]*")


def reaches_right(cue: Cue, between: str) -> bool:
    """Whether a cue reaches what stands behind it, with ``between`` in between."""
    if cue.kind is CueKind.DIFFERENTIAL:
        return not _FULL_STOP.search(between)
    return not _STOP.search(between) and not _ATTRIBUTE.search(between)


def reaches_left(cue: Cue, text: str, between: str) -> bool:
    """Whether a cue of ``text`` reaches what stands before it, with ``between`` in between."""
    if cue.kind is CueKind.HISTORICAL and between in ("，", ",") and _PUT_BACK.search(text, cue.start, cue.end):
        return True  # "左肩关节脱位，手法复位后"
    bracket = max(between.rfind("（"), between.rfind("("))
    if bracket > max(between.rfind("）"), between.rfind(")")) and between[bracket + 1 :].strip():
        return False  # "积液（生理性？）", "转移不除外（前列腺癌史）"
    mark = _STOP if cue.kind is CueKind.NEGATION else _MARK
    return not mark.search(between) and not _COLON.search(between)


def family_goes_on(cue: Cue, text: str, between: str) -> bool:
    """Whether a word of the family still holds: "其母患乳腺癌，右乳囊肿" tells of the mother in its own clause only,
    "家族史：肺癌，胃癌" opens a list."""
    return text[cue.end - 1] in ":：" or not _STOP.search(between)


def doubt_goes_on(cue: Cue, text: str, start: int) -> bool:
    """Whether a doubt also holds of what "with" joins to its finding, at ``start``: "考虑胰腺癌伴淋巴结转移"; a denial
    does not ("未见骨折伴积液")."""
    return cue.kind is CueKind.UNCERTAIN and _ALONG_WITH.fullmatch(text, cue.end, start) is not None


def doubt_goes_back(cue: Cue, text: str, end: int) -> bool:
    """Whether a doubt behind what "with" joins is one about the disease too that ends at ``end``: "结肠癌伴周围浸润首先考虑"."""
    return (
        cue.kind is CueKind.UNCERTAIN
        and text[end - 1] in _DISEASE
        and _OF_ALL.match(text, cue.start) is not None
        and _ALONG_WITH.fullmatch(text, end, cue.start) is not None
    )
