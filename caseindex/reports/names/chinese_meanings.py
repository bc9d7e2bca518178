"""Chinese words that mean another finding, or none, beside another organ: ``data/meanings_zh.tsv``.

"气液平" is an obstruction in the bowel, fluid in a sinus and nothing of its own in a cavity of the lung; "渗出" is an infiltrate in the
lung and stranding around the pancreas; "斑片影" is an opacity of the lung, and a lesion elsewhere.

Columns: ``finding``, as which the words are named; ``words``, a pattern of all of them; ``organs``, what they mean by which organ
(``meaning=pattern``, with blanks in between; ``none`` for nothing); ``example``. The first row of a finding whose words fit counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

Span = tuple[str, int, int]

MEANINGS_FILE = Path(__file__).parents[1] / "data" / "meanings_zh.tsv"
_SHORT = {  # written in the table as {lung}, {fat}
    "lung": "肺|胸(?![壁椎腰锁髓])|[上中下]叶|舌[叶段]|支气管|膈|心影|纵隔|野",
    "fat": "脂肪|系膜|皮下|腹股沟|肾|胰|筋膜|网膜|阑尾|肠|胆|脾|肝|腹|盆",
}
_MARKS = "；;。\n"


@lru_cache(maxsize=1)
def _rules() -> dict[str, list[tuple[re.Pattern[str], re.Pattern[str]]]]:
    rules: dict[str, list[tuple[re.Pattern[str], re.Pattern[str]]]] = {}
    for line in MEANINGS_FILE.read_text(encoding="utf-8").splitlines()[1:]:
        finding, words, organs, _ = line.split("\t")
        for name, pattern in _SHORT.items():
            organs = organs.replace(f"{{{name}}}", pattern)
        meanings = (entry.split("=", 1) for entry in organs.split(" "))
        deciding = "|".join(f"(?P<{meaning}>{pattern})" for meaning, pattern in meanings)
        rules.setdefault(finding, []).append((re.compile(words), re.compile(deciding)))
    return rules


def as_meant(text: str, spans: Sequence[Span]) -> list[Span]:
    """``spans`` of a text, each called by what its words mean by the organ named last before it in its sentence, else by the
    first behind it.

    >>> as_meant("上颌窦内见气液平", [("bowel_obstruction", 5, 8)])
    [('sinus_opacification', 5, 8)]
    """
    rules = _rules()
    found = []
    for concept, start, end in spans:
        organs = next((organs for words, organs in rules.get(concept, ()) if words.fullmatch(text, start, end)), None)
        if organs is not None:
            concept = _meaning(text, start, end, organs) or concept
        if concept != "none":
            found.append((concept, start, end))
    return found


def _meaning(text: str, start: int, end: int, organs: re.Pattern[str]) -> str | None:
    begin = max(text.rfind(mark, 0, start) for mark in _MARKS) + 1
    before = list(organs.finditer(text, begin, start))
    if before:
        return before[-1].lastgroup
    finish = min((at for mark in _MARKS if (at := text.find(mark, end)) >= 0), default=len(text))
    behind = organs.search(text, start, finish)  # in the words themselves, or behind
    return behind.lastgroup if behind else None
