"""What an English word means by the words around it: "hemicolectomy for adenocarcinoma" was one of the colon, "the hilar nodes
are no longer enlarged" denies what their name alone would assert, "the cyst has enlarged" names no finding."""

from __future__ import annotations

import re
from collections.abc import Sequence

from caseindex.reports.lexicon import Mention
from caseindex.reports.scope.english_no_finding import NAMING_NOTHING, names_nothing
from caseindex.reports.scope.english_otherwise import OTHERWISE, meant_otherwise

_NODES = re.compile(r"nodes?$", re.IGNORECASE)
_ENLARGED = re.compile(r"enlarge(?:d|ment)$", re.IGNORECASE)
# from the nodes to what is said of them
_SAID_OF_NODES = re.compile(
    r"(?: [^,;.]{0,20})?, (?:not|none|no longer) (?:\w+ ){0,2}|(?:, [^,;.]{3,40},)? (?:(?:are|is|were|was|remain|appear) |(?=no))(?:\w+ ){0,4}",
    re.IGNORECASE,
)
# "cervical nodes, earlier 18 mm, are now normal in size"
_NORMAL_NODES = re.compile(
    r"(?:, [^,;.]{3,40},)? (?:are|is|were|was|remain|appear) (?:now |all )?(?:of )?normal\b(?: (?:in )?size)?",
    re.IGNORECASE,
)
# "the nodes in the mediastinum are no longer enlarged"
_BARE_NODES = re.compile(
    r"(?:\w+ )?(?:lymph )?nodes?(?: (?:in|of) the [\w-]+)?(?:, [^,;.]{3,40},)? (?:(?:are|is|were|was|remain|appear) )?(?:\w+ ){0,4}$",
    re.IGNORECASE,
)
_REGIONS = (
    (re.compile("mediast|hil(?:ar|um)|paratrach|subcarin", re.IGNORECASE), "mediastinal_lymphadenopathy"),
    (re.compile("cervic|neck|jugul|submandib", re.IGNORECASE), "cervical_lymphadenopathy"),
    (re.compile("abdom|retroperit|aort|mesenter|pelvi|iliac|portal", re.IGNORECASE), "abdominal_lymphadenopathy"),
)
_HAS = re.compile(r"\b(?:has|have|had) (?:\w+ ){0,2}$", re.IGNORECASE)
# what a bare "carcinoma" was that an organ was taken out for: "hemicolectomy for adenocarcinoma"
_OPERATED = tuple(
    (re.compile(rf"\b(?:{operation}) (?:for|because of|due to) (?:[\w-]+ ){{0,2}}$", re.IGNORECASE), concept)
    for operation, concept in (
        ("(?:(?:hemi|procto)?col|sigmoid)ectomy", "colon_cancer"),
        ("gastrectomy", "gastric_cancer"),
        ("(?:hemi)?thyroidectomy", "thyroid_cancer"),
        ("lumpectomy|quadrantectomy", "breast_cancer"),
        ("o?esophagectomy", "esophageal_cancer"),
        ("cystectomy", "bladder_cancer"),
        ("(?:bi)?lobectomy|pneumonectomy", "lung_cancer"),
    )
)
_ENHANCES = frozenset(["enhancement", "ring_enhancement"])
_AS_IT_SHOULD = re.compile(
    r" (?:normally|symmetrically|as expected)\b", re.IGNORECASE
)  # "bowel wall enhances normally"
# "small bowel dilated, collapsed distally"
_COLLAPSE = re.compile("collaps", re.IGNORECASE)
_HOLLOW = re.compile(
    r"\b(?:bowel|loops?|colon|ileum|jejunum|sigmoid|stomach|bladder|gallbladder|IVC|vena cava|femoral head|talus|lunate|vertebra\w*|end-?plates?|balloon|stent)\b",
    re.IGNORECASE,
)
_CHEST = re.compile(
    r"\b(?:lungs?|lobes?|lobar|lingula\w*|[RL][UML][LZ]|basal|bases|basilar|pleura\w*|hemithorax|bronch\w*|pneumothorax|airspace|consolidation|atelecta\w+)\b",
    re.IGNORECASE,
)
# "malignant MCA infarction", "malignant otitis externa"
_ONLY_SEVERE = re.compile(
    r"malignant (?:(?:left|right) )?(?:MCA|middle cerebral|infarct\w*|o?edema|otitis|hypertension|hyperthermia|course|external otitis)",
    re.IGNORECASE,
)
_AFTER_IT = frozenset(["obstruction", "infection", "inflammation"])  # "post-infectious scarring"
_NON = re.compile(r"\b(?:non|post)-?$", re.IGNORECASE)  # "non-obstructive thrombus", "post-obstructive collapse"
_FILLS = re.compile(r"opacif(?:y|ies)$", re.IGNORECASE)  # "the pulmonary arteries opacify well"
_DYNAMICS = frozenset(["positive_dynamics", "negative_dynamics"])
_OF_CHANGE = _DYNAMICS | {"enlargement"}
# "bilateral effusions, the right improved, the left stable"
_OF_A_SIDE = re.compile(r"\b(?:left|right|one|left-sided|right-sided)(?: (?:has|is))?(?: \w+ly)? $", re.IGNORECASE)
# a bare "tear" beside what is worn: "tendinosis of the cuff but no tear"
_OF_TENDON = (
    (
        re.compile(r"\b(?:supraspinatus|infraspinatus|subscapularis|SSP|ISP|rotator cuff|cuff)\b", re.IGNORECASE),
        "rotator_cuff_tear",
    ),
    (re.compile(r"\bmeniscus|meniscal\b", re.IGNORECASE), "meniscal_tear"),
    (re.compile(r"\bachilles|tendon|tendin\w+\b", re.IGNORECASE), "tendon_rupture"),
)
_BARE_TEAR = re.compile(
    "(?:(?:partial|complete|full|high-grade|low-grade|thickness|interstitial|longitudinal|split|partial-thickness|full-thickness) )*(?:tears?|ruptures?|torn|ruptured)",
    re.IGNORECASE,
)
AMBIGUOUS = frozenset(
    [
        *_ENHANCES,
        *_DYNAMICS,
        "atelectasis",
        "lung_opacity",
        *_AFTER_IT,
        "enlargement",
        "enlarged_mediastinum",
        "malignancy",
        "rupture",
        *OTHERWISE,
        *NAMING_NOTHING,
        "mediastinal_lymphadenopathy",
        "cervical_lymphadenopathy",
        "abdominal_lymphadenopathy",
        "lymphadenopathy",
    ]
)


def as_meant(here: Sequence[Mention], text: str, start: int) -> Sequence[Mention]:
    """The mentions ``here`` of a sentence ``text``, which begins at ``start`` of its report, each as it is meant."""
    made: list[Mention] = []
    for mention in here:
        left = mention.start - start
        if mention.concept not in AMBIGUOUS:
            made.append(mention)
            continue
        normal = _NORMAL_NODES.match(text, mention.end - start) if _NODES.search(mention.text) else None
        if normal is not None:
            made.append(mention._replace(end=start + normal.end(), text=text[left : normal.end()]))
            continue
        if mention.concept in ("enlargement", "enlarged_mediastinum") and _ENLARGED.match(mention.text):
            nodes = made[-1] if made and _NODES.search(made[-1].text) else None
            if nodes is not None and _SAID_OF_NODES.fullmatch(text, nodes.end - start, left):
                made[-1] = nodes._replace(end=mention.end, text=text[nodes.start - start : mention.end - start])
                continue
            group = _BARE_NODES.search(text, 0, left) if nodes is None else None
            if group is not None:
                made.append(mention._replace(concept=_region(group.group())))
                continue
            if mention.concept == "enlargement" and _HAS.search(text, 0, left):
                continue
        if mention.concept == "atelectasis" and _is_of_no_lung(mention.text, text):
            continue
        if mention.concept == "malignancy" and _ONLY_SEVERE.match(text, left):
            continue
        if mention.concept in _AFTER_IT and _NON.search(text, 0, left):
            continue
        if mention.concept == "lung_opacity" and _FILLS.search(mention.text):
            continue
        if names_nothing(mention, text):
            continue
        if mention.concept in _OF_CHANGE and _OF_A_SIDE.search(text, 0, left):
            continue
        if mention.concept in _ENHANCES and _AS_IT_SHOULD.match(text, mention.end - start):
            continue
        made.append(mention._replace(concept=_concept(mention, text, left)))
    return made


def _region(nodes: str) -> str:
    return next((concept for region, concept in _REGIONS if region.search(nodes)), "lymphadenopathy")


def _is_of_no_lung(name: str, text: str) -> bool:
    return _COLLAPSE.match(name) is not None and _HOLLOW.search(text) is not None and not _CHEST.search(text)


def _concept(mention: Mention, text: str, left: int) -> str:
    if mention.concept == "malignancy":
        return next((concept for operation, concept in _OPERATED if operation.search(text, 0, left)), mention.concept)
    otherwise = meant_otherwise(mention, text) if mention.concept in OTHERWISE else None
    if otherwise is not None:
        return otherwise
    if mention.concept == "rupture" and _BARE_TEAR.fullmatch(mention.text):
        for tendon, concept in _OF_TENDON:
            if tendon.search(text, 0, left) or tendon.search(_clause_from(text, left)):
                return concept
    return mention.concept


def _clause_from(text: str, left: int) -> str:
    """The rest of the clause that ``left`` stands in: "partial tear | of the left Achilles"."""
    return re.split("[,;:.]", text[left:], maxsplit=1)[0]
