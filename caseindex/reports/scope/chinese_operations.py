"""What a Chinese report says of operations by the way: "术后" alone, the cancer in "肾癌根治术后", the organ that is gone.

"甲状腺左叶切除术后" states an operation that no concept of its own stands for; where the sentence names one, or a device
that was put in, that one is stated instead. "乳癌术后5年" dates an illness of the past and states none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from caseindex.reports.lexicon import Lexicon, Mention
from caseindex.reports.table import ConceptKind

_OPERATION = "postoperative"
_DATED = re.compile(r"\s*[约近余]?(?:第?[\d一二三四五六七八九十两半]+)[余多个]*(?:年|月|周|天|日)")
_OPERATED = re.compile("术后|切除|摘除|[术術]後")
_SEEN = re.compile("残腔|术腔|术区|切除|改变|缺损")
_SITE = re.compile(
    "吻合口|残[腔端胃肝]|术[腔区]"
)  # "乙状结肠癌术后，吻合口壁不厚": the place of the operation is looked at
_GONE = {"renal_anomaly": "nephrectomy"}  # "右肾癌术后，右肾缺如"
# What shows that a disease is still there after its operation: "锁骨骨折内固定术后，骨折线模糊", "腹主动脉瘤腔内修复术后，瘤体较前相仿"
_STILL_SEEN = {
    "fracture": re.compile("骨折线(?!.{0,4}消失)|骨痂|骨折端|骨不连|延迟愈合"),
    "hydrocephalus": re.compile("脑室"),
    "aortic_dissection": re.compile("假腔|破口|内膜片"),
    "abscess": re.compile("脓腔(?!.{0,4}消失)"),
    "avn": re.compile("塌陷|变扁"),
    "cyst": re.compile("囊[腔肿](?!.{0,4}消失)"),
    "aneurysm": re.compile("瘤[体腔囊径]|残[腔留]|内漏"),
}
# "鞘膜积液术后复发"; not "术后，复发可能"
_RECURS = re.compile(
    "(?:根治|切除)*(?:术|[放化]疗|治疗)后[^，。；未无]{0,6}复发(?![^，。；]{0,6}(?:可能|待|除外|排除|鉴别|[？?]))"
)
# The cancer that the name of an operation holds.
_CURED = {"nephrectomy": "rcc", "mastectomy": "breast_cancer", "pneumonectomy": "lung_cancer"}


def stated_mentions(here: Sequence[Mention], text: str, start: int, lexicon: Lexicon) -> list[Mention]:
    """What the sentence ``text``, which begins at ``start`` of its report, states of the mentions ``here``."""
    if not any(mention.concept == _OPERATION or mention.concept in _GONE for mention in here):
        return [mention for mention in here if mention.concept in lexicon.stated]
    named = any(
        lexicon.concepts[mention.concept].kind in (ConceptKind.PROCEDURE, ConceptKind.DEVICE)
        for mention in here
        if mention.concept != _OPERATION
    )
    found = []
    for mention in here:
        operation = mention.concept == _OPERATION and not named and _is_stated(mention, here, text, start, lexicon)
        if mention.concept in _GONE and "缺如" in mention.text and _OPERATED.search(text, 0, mention.start - start):
            mention = mention._replace(concept=_GONE[mention.concept])
        if operation or mention.concept in lexicon.stated:
            found.append(mention)
    return found


def _is_stated(mention: Mention, here: Sequence[Mention], text: str, start: int, lexicon: Lexicon) -> bool:
    """Whether "术后" tells more than that what stands before it is of the past ("胶质瘤术后")."""
    if _SEEN.search(mention.text) or ("术后" in mention.text and _SITE.search(text, mention.end - start)):
        return True
    comma = max(text.rfind(mark, 0, mention.start - start) for mark in "，,：:、") + 1 + start
    operated = any(comma <= other.start < mention.start and other.concept in lexicon.stated for other in here)
    return "术后" in mention.text and not operated and not _DATED.match(text, mention.end - start)


def is_still_there(mention: Mention, text: str, end: int, lexicon: Lexicon) -> bool:
    """Whether what was operated on, named up to ``end``, is seen after the operation all the same."""
    return _RECURS.match(text, end) is not None or any(
        seen.search(text, end) is not None and mention.concept in lexicon.expand(disease)
        for disease, seen in _STILL_SEEN.items()
    )


def cured_cancer(mention: Mention) -> str | None:
    """The cancer that an operation was done for, where its name tells: "肾癌根治术后"."""
    return _CURED.get(mention.concept) if "癌" in mention.text else None
