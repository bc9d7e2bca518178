"""The side of a Chinese sentence's topic: "右侧颈内动脉起始部斑块，管腔重度狭窄" speaks of the right artery throughout.

A clause that names neither a side nor a place says more of what the clauses before it are about, as long as these name
one side only and the finding can be of that organ.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from caseindex.records import Language
from caseindex.reports.lexicon import Lexicon
from caseindex.reports.sides.laterality import SideSpan

_PART_END = re.compile("[；;。]")
_CLAUSE_MARK = re.compile("[，,：:]")
_ANY_MARK = re.compile("[，,；;。：:]")
# Too wide to be what a side was said of: "左肾结石，腹水".
_REGIONS = frozenset("abdomen chest head neck pelvis intracranial brain bone spine lymph_node vessels joint".split())
# What has no organ of its own, and says how the topic looks: "左膝半月板信号增高，撕裂".
_GENERIC = frozenset(
    "edh sdh fracture stenosis occlusion thrombosis dissection rupture mass nodule adenoma malignancy thickening"
    " lytic_lesion bone_cyst osteosarcoma ewing_sarcoma chondrosarcoma enchondroma osteochondroma osteoid_osteoma giant_cell_tumor"
    " aneurysmal_bone_cyst fibrous_dysplasia nonossifying_fibroma bone_island avn scfe hip_dysplasia gout bursitis ganglion_cyst"
    " tendinosis salter_harris stress_fracture cholesteatoma mucocele retinal_detachment uveal_melanoma retinoblastoma"
    " breast_fibroadenoma osteochondritis_dissecans pvns pathologic_fracture dislocation_joint rheumatoid_arthritis psoriatic_arthritis septic_arthritis inguinal_hernia cellulitis microbleed ground_glass honeycombing osteophyte".split()
)


_DIFFUSE = frozenset(
    ["pulmonary_fibrosis", "interstitial_lung_disease"]
)  # "双肺网格影，UIP型" is a disease of the lungs
_UNPAIRED = frozenset("bladder uterus prostate stomach colon rectum pituitary nasopharynx larynx".split())
# Of one half of the brain, and of that where the signal was seen: "左侧丘脑高信号，急性期梗死"
_OF_A_HEMISPHERE = frozenset(
    "ischemic_stroke old_infarct cerebellar_infarct brainstem_infarct glioma glioblastoma brain_hemorrhage contusion_brain"
    " brain_metastasis brain_abscess cavernoma brain_tumor mesial_temporal_sclerosis".split()
)
_JOINTS = frozenset("knee shoulder hip ankle elbow wrist".split())
OF_A_JOINT = frozenset(  # "左膝内侧半月板撕裂，前交叉韧带断裂"
    "meniscal_tear acl_tear pcl_tear collateral_tear rotator_cuff_tear labral_tear baker_cyst chondromalacia ligament_tear tendinosis"
    " joint_effusion bursitis osteophyte bone_marrow_edema loose_body osteochondritis_dissecans tendon_rupture ganglion_cyst".split()
)
_PARTS_OF_JOINTS = frozenset(
    "femur tibia fibula patella humerus radius ulna scapula foot ligament tendon joint soft_tissue bone calcaneus".split()
)
_LIMBS = ("upper_limb", "lower_limb")
_GAP = 4  # characters at most from a side to its place: "右第五跖骨"


def is_unpaired(concept: str, lexicon: Lexicon) -> bool:
    """Whether a finding is of an organ that there is one of: "膀胱左侧壁结节，膀胱癌待排" has no side."""
    return not _UNPAIRED.isdisjoint(lexicon.organs(concept))


def is_of_topic(
    sentence: str,
    concept: str,
    span: tuple[int, int],
    sides: Sequence[SideSpan],
    places: Sequence[tuple[str, int, int]],
    findings: Sequence[tuple[str, int, int]],
    lexicon: Lexicon,
) -> bool:
    """Whether the finding at ``span`` has the side that the clauses before it name; ``places`` and ``findings``: those of
    the sentence, the findings for the organs that they are of ("左侧肾上腺结节，腺瘤")."""
    start, end = span
    marks = [match.end() for match in _CLAUSE_MARK.finditer(sentence, 0, start)]
    parts = [match.end() for match in _PART_END.finditer(sentence, 0, start)]
    part = parts[-1] if parts else 0
    if not marks or marks[-1] <= part:
        return False
    clause = marks[-1]
    close = _ANY_MARK.search(sentence, end)
    finish = close.start() if close else len(sentence)
    named = {side for left, _, side in sides if part <= left < clause}
    if len(named) != 1 or any(left < finish and right > clause for left, right, _ in sides):
        return False
    topic = [name for name, left, right in places if part <= left < clause and _has_side(left, right, sides)]
    for name, left, right in findings:
        if part <= left < clause and _has_side(left, right, sides):
            topic += lexicon.organs(name)
    for name, left, right in places:
        elsewhere = left < finish and right > clause and not (left >= start and right <= end)
        if concept in OF_A_JOINT and _JOINTS.intersection(topic) and name in _PARTS_OF_JOINTS:
            continue  # "右膝外侧半月板撕裂，胫骨平台骨挫伤"
        if elsewhere and not any(_related(name, place, lexicon) for place in topic):
            return False
    return concept not in _DIFFUSE and _may_be_of(concept, sentence[start:end], topic, lexicon)


def _has_side(left: int, right: int, sides: Sequence[SideSpan]) -> bool:
    return any(0 <= left - b <= _GAP or (left <= a and b <= right) for a, b, _ in sides)


def _may_be_of(concept: str, text: str, topic: Sequence[str], lexicon: Lexicon) -> bool:
    if concept in _OF_A_HEMISPHERE and any(place in lexicon.expand("brain")[1:] for place in topic):
        return True
    if concept == "tuberculosis":  # "右上肺空洞，结核可能"
        return any(place in lexicon.expand("lung") for place in topic)
    organs = [organ for organ in lexicon.organs(concept) if organ not in _REGIONS]
    names = [(name, organ) for organ in organs for name in lexicon.concept(organ).names[Language.CHINESE]]
    if _JOINTS.intersection(topic) and concept in OF_A_JOINT:
        return True
    own = {organ for name, organ in names if name in text}
    if own:  # "右肺上叶肿块，胸腔积液": the name holds a place of its own
        if concept.endswith("fracture"):  # "左腕舟骨线样影，舟骨骨折可能"
            return (not own.isdisjoint(topic) and "skull" not in own) or of_one_limb(own, topic, lexicon)
        return any(place in lexicon.expand(organ) for organ in own for place in topic)
    if not organs:
        return concept in _GENERIC
    if concept == "lytic_lesion":
        return bool(topic)
    if concept.endswith("fracture") and of_one_limb(frozenset(organs), topic, lexicon):
        return True  # "右肩盂唇撕裂，Hill-Sachs损伤"
    return any(_related(organ, place, lexicon) for organ in organs for place in topic)


def _related(one: str, other: str, lexicon: Lexicon) -> bool:
    """Whether one of two anatomies is a part of the other."""
    return one not in _REGIONS and (one in lexicon.expand(other) or other in lexicon.expand(one))


def of_one_limb(own: Set[str], topic: Sequence[str], lexicon: Lexicon) -> bool:
    """Whether the bone of a fracture is of the limb that the side was said of: "右肩关节脱位，合并肱骨大结节骨折"."""
    return any(
        not own.isdisjoint(parts) and not parts.isdisjoint(topic)
        for parts in (frozenset(lexicon.expand(limb)) for limb in _LIMBS)
    )
