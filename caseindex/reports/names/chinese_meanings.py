"""Chinese words that mean another finding, or none, beside another organ.

"气液平" is an obstruction in the bowel, fluid in a sinus and nothing of its own in a cavity of the lung; "渗出" is an infiltrate in the
lung and stranding around the pancreas; "斑片影" is an opacity of the lung, and a lesion elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Span = tuple[str, int, int]

_LUNG = r"肺|胸(?![壁椎腰锁])|[上中下]叶|舌[叶段]|支气管|膈|心影|纵隔|野"
_FAT = "脂肪|系膜|皮下|腹股沟|肾|胰|筋膜|网膜|阑尾|肠|胆|脾|肝|腹|盆"
# Finding -> (its words, the organs that decide: the name of the group is what the words then mean, ``none`` for nothing).
_BY_ORGAN = {
    "bowel_obstruction": (  # "右侧上颌窦内见气液平"
        "(?:多发|阶梯状)?(?:[气液]液?[气液]平|液气平)面?影?",
        "(?P<bowel_obstruction>肠|腹)|(?P<sinus_opacification>窦|鼻)|(?P<none>肺|胸|空洞|脓|纵隔|膈|食管|胃|乳突|中耳|腔隙|囊)",
    ),
    "infiltrate": (  # "胰腺肿胀，周围渗出", "结肠癌伴周围浸润"
        ".*渗出.*|浸润",
        f"(?P<infiltrate>{_LUNG})|(?P<fat_stranding>(?:{_FAT}|憩室)(?=.*渗出))|(?P<none>[癌瘤肌膀胱骨])",
    ),
    "lung_opacity": (  # "肝右叶斑片影", "左肾周围条片影", "玻璃体混浊"
        "(?!.*肺).*(?:影|灶|混浊|密度增高|浊化)",
        f"(?P<lung_opacity>{_LUNG}|窦|乳突)|(?P<none>晶状?体|玻璃体|胆囊|胸壁)|(?P<fat_stranding>脂肪|系膜|皮下|筋膜|肾周|网膜)"
        "|(?P<density_abnormality>肝|肾|脾|胰)|(?P<lesion>脑|[额颞顶枕岛]叶|基底节|丘脑|宫|肌|腮腺|甲状腺|乳腺|(?<![锁肋])骨(?!折)|股|胫|髓腔)",
    ),
    "pulmonary_fibrosis": (  # "肾周条索影", "皮下脂肪层条索影"
        "(?!.*[肺质]).*(?:条索|索条|条状|线状|线条|条带).*",
        f"(?P<none>胸壁|膝|肌|骨(?!折)|脑|眼|窦|乳|宫|关节|腱|韧带)|(?P<pulmonary_fibrosis>{_LUNG})|(?P<fat_stranding>{_FAT})",
    ),
    "mass": (  # "左侧上颌窦内软组织影"
        "软组织(?:密度|信号)?影",
        "(?P<mass>肺|肾|骨|鞍|眶|肝|腹)|(?P<sinus_opacification>[上额筛蝶鼻]颌?窦)",
    ),
    "facet_arthropathy": (  # "双手小关节间隙变窄"
        "小关节.*",
        "(?P<facet_arthropathy>椎|腰|颈|胸|脊)|(?P<osteoarthritis>[手足指趾腕踝掌跖])",
    ),
    "hernia": (  # "右侧腹股沟区见肠管疝出"
        ".*疝.*",
        "(?P<inguinal_hernia>腹股沟|阴囊)|(?P<umbilical_hernia>脐)|(?P<hernia>[脑膈食切椎盘])",
    ),
    "ischemic_stroke": (  # "右肺磨玻璃结节，AIS可能"
        "AIS",
        "(?P<lung_cancer>肺|结节|MIA|AAH|GG[ON])|(?P<ischemic_stroke>脑|卒中|梗)",
    ),
    "old_infarct": ("陈旧灶", "(?P<lesion>肺|胸)|(?P<old_infarct>脑|叶|基底|丘)"),  # "右上肺条索影，考虑陈旧灶"
    "adenomyosis": ("腺肌.*", "(?P<none>胆)|(?P<adenomyosis>宫)"),  # "胆囊腺肌症"
    "bladder_cancer": (
        "尿路上皮癌",
        "(?P<urothelial_upper>肾|输尿管)|(?P<bladder_cancer>膀胱)",
    ),  # "左肾盂占位，尿路上皮癌可能"
    "joint_prosthesis": (
        "假体.*",
        "(?P<support_device>乳)|(?P<joint_prosthesis>[髋膝肩踝肘]|关节|股骨)",
    ),  # "乳腺假体植入术后"
    "thrombosis": (  # "食管中段充盈缺损"
        ".*充盈缺损.*",
        "(?P<thrombosis>脉|窦|血管|支架)|(?P<mass>食管|胃|肠|膀胱|胆|输尿管|肾盂|宫腔)",
    ),
    "free_fluid": (  # "胸腔胃扩张、积液"
        "(?:少量|少许|大量)?积液(?:影|积气)?",
        "(?P<none>胃(?![周旁])|肠[管腔袢])|(?P<free_fluid>[腹盆胸间周旁窝膜囊窦]|乳突|关节|心包|宫|区|硬|髁|皮下)",
    ),
    "osteophyte": (
        "骨质增生.*",
        "(?P<none>颅|脑膜|板障|蝶骨)|(?P<osteophyte>椎|关节|腰|颈|胸|膝|髋|骨)",
    ),  # beside a meningioma
    "orbital_mass": ("炎性假瘤", "(?P<orbital_mass>眼|眶|球后|泪)|(?P<inflammation>肺|肝|脾|鼻|胰|肾|肠|叶)"),
    "bph": ("扩大", "(?P<none>前列腺窝)"),
}
_RULES = {finding: (re.compile(words), re.compile(organs)) for finding, (words, organs) in _BY_ORGAN.items()}
_MARKS = "；;。\n"


def as_meant(text: str, spans: Sequence[Span]) -> list[Span]:
    """``spans`` of a text, each called by what its words mean by the organ named last before it in its sentence, else by the
    first behind it.

    >>> as_meant("上颌窦内见气液平", [("bowel_obstruction", 5, 8)])
    [('sinus_opacification', 5, 8)]
    """
    found = []
    for concept, start, end in spans:
        rule = _RULES.get(concept)
        if rule is not None and rule[0].fullmatch(text, start, end):
            concept = _meaning(text, start, end, rule[1]) or concept
        if concept != "none":
            found.append((concept, start, end))
    return found


def _meaning(text: str, start: int, end: int, organs: re.Pattern[str]) -> str | None:
    begin = max(text.rfind(mark, 0, start) for mark in _MARKS) + 1
    before = list(organs.finditer(text, begin, end))
    if before:
        return before[-1].lastgroup
    finish = min((at for mark in _MARKS if (at := text.find(mark, end)) >= 0), default=len(text))
    behind = organs.search(text, end, finish)
    return behind.lastgroup if behind else None
