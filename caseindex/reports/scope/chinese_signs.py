"""Signs that stand for a disease, where the sentence itself doubts the disease: "多发气液平，肠梗阻可能"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from caseindex.records import Polarity, Statement

# What is seen where the disease is; "囊性低密度影，囊肿可能" are both there, the one and the doubt about the other.
_SIGN = re.compile(
    "充盈缺损|肠.*扩张|气液平|液气平|肺动脉.*(?:增宽|扩张|增粗|突出|膨隆|凸出)|间隙.*变窄|无回声|内膜片|楔形|弥漫性病变|流空消失|皮质.*(?:毛糙|不连续)"
)


def without_signs(found: Sequence[Statement], names: Sequence[str]) -> list[Statement]:
    """``found`` without what only a sign asserts and its name, later on, doubts; the doubt takes over its side.
    ``names``: the words that each was found by."""
    kept = list(found)
    dropped: set[int] = set()
    for number, (made, name) in enumerate(zip(found, names, strict=True)):
        if made.polarity is not Polarity.PRESENT or not _SIGN.search(name):
            continue
        for later in range(number + 1, len(found)):
            doubt = kept[later]
            if doubt.finding != made.finding or doubt.polarity is not Polarity.UNCERTAIN or doubt.historical:
                continue
            if _SIGN.search(names[later]) or (made.side and doubt.side not in (None, made.side)):
                continue
            kept[later] = replace(doubt, side=doubt.side or made.side)
            dropped.add(number)
            break
    return [made for number, made in enumerate(kept) if number not in dropped]
