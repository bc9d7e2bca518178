"""English sides that stand apart from what they are of: "fracture of the clavicle, L", and a "both" that the clauses behind it
take apart: "both hips show necrosis, the left worse, the right unchanged"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from caseindex.records import Side

# "tear, full thickness, left, with retraction", "meniscal tear (medial, R)"
_BEFORE = re.compile(r"[^,;:.()]*(?:,[^,;:.()]*)?[,(](?:[^,;:()]{3,20},)?\s*(?:on the )?")
_BEHIND = re.compile(r"(?: side)?\s*(?:[,;.)]|$)")
_CLAUSE = re.compile("[,;:.]")
_OWN = re.compile(r"\b(?:is|are|was|were|shows?|has|have|no|without|with)\b", re.IGNORECASE)
_SAYS = (
    r"(?:[a-z-]+ ){0,3}?(?:worse\w*|larger|bigger|smaller|better|unchanged|stable|resolved|improved|gone|increased|decreased|enlarged|grown"
    r"|progress\w+|regressed|without (?:\w+ )?change|new|absent|cleared|persist\w*|enlarging|growing|increasing|decreasing|shrinking|disappeared|recanali[sz]ed|passed|no change|the same)\b"
)
# "..., the left worse than before, the right without change"
_DEALT = re.compile(
    rf"[^;.]*[,;:]\s*(?:the |that on the )?(?:left|right)(?:[- ]sided)?(?: one)? {_SAYS}[^,;.]*(?:,|;|,? and|,? while|,? but) (?:the |that on the )?(?:left|right)(?:[- ]sided)?(?: one)? {_SAYS}",
    re.IGNORECASE,
)


def trailing_side(
    sentence: str,
    start: int,
    end: int,
    sides: Sequence[tuple[int, int, Side]],
    others: Sequence[tuple[int, int]],
) -> Side | None:
    """The side that stands alone between marks behind the mention at ``start`` to ``end``, with no other finding between;
    ``None`` for a mention whose own clause names one."""
    behind = next((entry for entry in sides if entry[0] >= end), None)
    if behind is None or not sentence[behind[0]].isascii():
        return None
    left, right, side = behind
    if _BEFORE.fullmatch(sentence, end, left) is None or _BEHIND.match(sentence, right) is None:
        return None
    opens = max((mark.end() for mark in _CLAUSE.finditer(sentence, 0, start)), default=0)
    if any(opens <= a < left for a, _, _ in sides) or any(end <= a < left for a, _ in others):
        return None
    return None if _OWN.search(sentence, end, left) else side


def is_dealt_out(sentence: str, word: re.Match[str]) -> bool:
    """Whether a word like "both" is taken apart by what follows, which says how each side has changed."""
    return word.lastgroup == "both" and _DEALT.match(sentence, word.end()) is not None
