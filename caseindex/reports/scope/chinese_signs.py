"""Signs that stand for a disease, where the sentence itself doubts the disease: "多发气液平，肠梗阻可能"; and what only shows or
repeats a disease that the sentence names: the narrowed joint of a sacroiliitis, the drain of a drainage."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from caseindex.records import Polarity, Statement

# What is seen where the disease is; "囊性低密度影，囊肿可能" are both there, the one and the doubt about the other.
_SIGN = re.compile(
    "充盈缺损|肠.*扩张|气液平|液气平|肺动脉.*(?:增宽|扩张|增粗|突出|膨隆|凸出)|间隙.*变窄|无回声|内膜片|楔形|弥漫性病变|流空消失"
    "|皮质.*(?:毛糙|不连续|欠连续|扭曲|皱褶|中断|断裂|模糊)|骨小梁|连续性|[级度]信号|肋膈角.*(?:钝|浅)|(?<!合)征$|网膜.*饼|囊袋?状[突凸]起"
)


class _Shown(NamedTuple):
    """A finding that, called by these words, only shows one of the diseases; ``doubted``: a doubtful one too."""

    words: re.Pattern[str]
    diseases: frozenset[str]
    doubted: bool = False


_ARTHRITIS = "ankylosing_spondylitis sacroiliitis rheumatoid_arthritis gout psoriatic_arthritis septic_arthritis"
_FRACTURES = frozenset(
    f"{bone}_fracture"
    for bone in "clavicle humerus elbow radius ulna scaphoid hand hip femur tibia fibula patella ankle foot rib pelvic".split()
)
_OUTFLOW = frozenset("hydronephrosis ureteral_stone biliary_dilatation choledocholithiasis".split())
_DEVICES = frozenset("hardware spinal_fusion joint_prosthesis pacemaker stent central_line support_device".split())
_EAR = frozenset(["cholesteatoma", "otitis_media", "mastoiditis"])
_SHOWN = {
    "osteoarthritis": [
        _Shown(re.compile(".*间隙.*"), frozenset(f"{_ARTHRITIS} gonarthrosis coxarthrosis".split()))
    ],  # "关节间隙变窄，符合强直性脊柱炎"
    "lytic_lesion": [
        _Shown(re.compile(".*(?:侵蚀|缺损|破坏|吸收|受侵)"), frozenset(_ARTHRITIS.split())),
        _Shown(
            re.compile(".*(?:缺损|破坏|吸收|受侵)"), _EAR | {"craniotomy", "postoperative"}, doubted=True
        ),  # "听小骨破坏，胆脂瘤"
    ],
    "mass": [_Shown(re.compile("软组织(?:密度|信号)?影"), _EAR, doubted=True)],
    "enlargement": [
        _Shown(
            re.compile("扩大|增粗"),
            frozenset(["vestibular_schwannoma", "mega_cisterna_magna", "empty_sella"]),
            doubted=True,
        )
    ],  # "内听道扩大"
    "support_device": [  # "胸腔闭式引流术后，引流管在位"
        _Shown(
            re.compile("引流管(?:影|在位|留置)?|导管|置管|留置管"),
            frozenset("chest_tube nephrostomy vp_shunt central_line ng_tube".split()),
            doubted=True,
        )
    ],
    "hernia": [
        _Shown(re.compile("疝[入出]?"), frozenset(["hiatal_hernia", "diaphragmatic_hernia", "inguinal_hernia"]))
    ],
    "fracture": [_Shown(re.compile("骨折(?:端|线.*|块)|断端"), _FRACTURES)],  # "胫骨骨折术后，骨折端骨痂少许"
    "obstruction": [_Shown(re.compile("梗阻.*"), _OUTFLOW, doubted=True)],  # "结石梗阻所致"
    "surgical_clips": [_Shown(re.compile(".*夹.*"), frozenset(["aneurysm_clip"]))],
    "torsion": [_Shown(re.compile("扭转"), frozenset(["volvulus", "ovarian_torsion", "testicular_torsion"]))],
    "rupture": [_Shown(re.compile("断裂"), _DEVICES)],  # "起搏器电极未见断裂"
    "tumor": [_Shown(re.compile("瘤"), frozenset(["aneurysm", "aaa", "aortic_aneurysm", "hemangioma"]), doubted=True)],
}


def without_signs(found: Sequence[Statement], names: Sequence[str]) -> list[Statement]:
    """``found`` without what only shows another one, or only a sign asserts and its name, later on, doubts; the doubt
    takes over its side. ``names``: the words that each was found by."""
    kept = list(found)
    dropped: set[int] = set()
    for number, (made, name) in enumerate(zip(found, names, strict=True)):
        if _only_shows(made, name, found):
            dropped.add(number)
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


def _only_shows(made: Statement, name: str, found: Sequence[Statement]) -> bool:
    """Whether a finding only shows what the sentence calls by its name."""
    return any(
        shown.words.fullmatch(name) is not None
        and any(
            other.finding in shown.diseases
            and (other.polarity is Polarity.PRESENT or (shown.doubted and other.polarity is Polarity.UNCERTAIN))
            for other in found
        )
        for shown in _SHOWN.get(made.finding, ())
    )
