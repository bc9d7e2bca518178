"""Chinese words that mean another finding, or none, beside another organ.

"气液平" is an obstruction in the bowel, fluid in a sinus and nothing of its own in a cavity of the lung; "渗出" is an infiltrate in the
lung and stranding around the pancreas.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from caseindex.reports.lexicon import Lexicon, Mention

_SINUS = "(?P<sinus_opacification>窦|鼻)"
# Finding -> (its words, the organs that decide: the name of the group is what the words then mean, ``none`` for nothing).
_BY_ORGAN = {
    "bowel_obstruction": (  # "右侧上颌窦内见气液平"
        re.compile("(?:多发|阶梯状)?(?:[气液]液?[气液]平|液气平)面?影?"),
        re.compile(f"(?P<bowel_obstruction>肠|腹)|{_SINUS}|(?P<none>肺|胸|空洞|脓|纵隔|膈|食管|胃|乳突|中耳|腔隙|囊)"),
    ),
    "infiltrate": (  # "胰腺肿胀，周围渗出"
        re.compile(".*渗出.*"),
        re.compile("(?P<infiltrate>肺|胸|支气管)|(?P<fat_stranding>胰|阑尾|胆|肠|肾|腹|憩室|系膜|脂肪|筋膜|盆|脾|肝)"),
    ),
    "mass": (  # "左侧上颌窦内软组织影"
        re.compile("软组织(?:密度|信号)?影"),
        re.compile("(?P<mass>肺|肾|骨|鞍|眶|肝|腹)|(?P<sinus_opacification>[上额筛蝶鼻]颌?窦)"),
    ),
    "facet_arthropathy": (  # "双手小关节间隙变窄"
        re.compile("小关节.*"),
        re.compile("(?P<facet_arthropathy>椎|腰|颈|胸|脊)|(?P<osteoarthritis>[手足指趾腕踝掌跖])"),
    ),
    "hernia": (  # "右侧腹股沟区见肠管疝出"
        re.compile(".*"),
        re.compile("(?P<inguinal_hernia>腹股沟|阴囊)|(?P<umbilical_hernia>脐)|(?P<hernia>[脑膈食切椎盘])"),
    ),
    "ischemic_stroke": (  # "右肺磨玻璃结节，AIS可能"
        re.compile("AIS"),
        re.compile("(?P<lung_cancer>肺|结节|MIA|AAH|GG[ON])|(?P<ischemic_stroke>脑|卒中|梗)"),
    ),
    "old_infarct": (  # "右上肺条索影，考虑陈旧灶"
        re.compile("陈旧灶"),
        re.compile("(?P<none>肺|胸)|(?P<old_infarct>脑|叶|基底|丘)"),
    ),
}
_WHITE_MATTER = frozenset("signal_hyperintensity white_matter_lesion small_vessel_disease ischemic_change".split())
_PART_END = re.compile("[；;。]")
_TUMOR = re.compile("[癌瘤]")
_CALLS = re.compile("(?:考虑|符合|提示|系|为|倾向于?|疑)[^，。；]{0,4}$")
_OLDER = re.compile(".*(?:病变|病灶|改变)")


def in_context(here: Sequence[Mention], text: str, start: int, lexicon: Lexicon) -> list[Mention]:
    """The mentions ``here`` of a sentence ``text``, which begins at ``start`` of its report, with what their words mean there."""
    found: list[Mention] = []
    stated = False
    others = [mention.concept for mention in here]
    for mention in here:
        concept = _meaning(mention, text, start)
        if found and mention.start == found[-1].end and _goes_on(found[-1].concept, concept, lexicon):
            continue
        if concept is None or (concept == "free_fluid" and _is_ascites_too(mention, here)):
            continue
        if "Fazekas" in text and concept in _WHITE_MATTER:
            if mention.text.startswith("Fazekas") and not _WHITE_MATTER.isdisjoint(others):
                continue  # it only grades the lesions: "白质多发高信号，Fazekas 2级"
            concept = "small_vessel_disease"
        if concept == "lesion" and stated and _is_repeated(mention, text, start):
            continue
        stated = stated or concept in lexicon.stated
        found.append(mention._replace(concept=concept) if concept != mention.concept else mention)
    return found


def _meaning(mention: Mention, text: str, start: int) -> str | None:
    """What the words of a mention mean by the organ named last before them, else by the first behind; ``None`` for nothing."""
    rule = _BY_ORGAN.get(mention.concept)
    if rule is None or not rule[0].fullmatch(mention.text):
        if mention.concept == "infiltrate" and mention.text == "浸润" and _TUMOR.search(text):
            return None  # "结肠癌伴周围浸润"
        return mention.concept
    a, b = mention.start - start, mention.end - start
    part = [match.end() for match in _PART_END.finditer(text, 0, a)]
    before = list(rule[1].finditer(text, part[-1] if part else 0, b))
    organ = before[-1] if before else rule[1].search(text, b)
    meant = organ.lastgroup if organ else mention.concept
    return None if meant == "none" else meant


def _goes_on(before: str | None, concept: str | None, lexicon: Lexicon) -> bool:
    """Whether a word right behind a finding only ends its name: "椎体陈旧性压缩|骨折", "腹膜转移|癌", "腹膜后多发淋巴结|肿大"."""
    ends_nodes = concept == "enlargement" and before in lexicon.expand("lymphadenopathy")
    return ends_nodes or (before in lexicon.concepts and concept in lexicon.ancestors(before))


def _is_ascites_too(mention: Mention, here: Sequence[Mention]) -> bool:
    """Whether the same fluid is named for the abdomen as well: "腹腔、盆腔未见积液"."""
    return any(other.concept == "ascites" and other.start == mention.start for other in here)


def _is_repeated(mention: Mention, text: str, start: int) -> bool:
    """Whether "lesion" only says of what kind the finding before is: "右肺尖条索影，考虑陈旧性病变"."""
    return _OLDER.fullmatch(mention.text) is not None and _CALLS.search(text, 0, mention.start - start) is not None
