"""What an English word means by the words around it: "hemicolectomy for adenocarcinoma" was one of the colon, "the hilar nodes
are no longer enlarged" denies what their name alone would assert, "the cyst has enlarged" names no finding."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from caseindex.records import Language
from caseindex.reports.lexicon import Mention
from caseindex.reports.scope.meanings_table import NOTHING, findings_with_meanings, meant_beside

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
_ENLARGEMENTS = frozenset(["enlargement", "enlarged_mediastinum"])
_AMBIGUOUS = frozenset(
    [
        *_ENHANCES,
        *_DYNAMICS,
        *_AFTER_IT,
        *_ENLARGEMENTS,
        "atelectasis",
        "lung_opacity",
        "malignancy",
        "rupture",
        "mediastinal_lymphadenopathy",
        "cervical_lymphadenopathy",
        "abdominal_lymphadenopathy",
        "lymphadenopathy",
    ]
)


@lru_cache(maxsize=1)
def ambiguous() -> frozenset[str]:
    """Concepts of which what their words mean hangs on those around them."""
    return _AMBIGUOUS | findings_with_meanings(Language.ENGLISH)


def as_meant(here: Sequence[Mention], text: str, start: int) -> Sequence[Mention]:
    """The mentions ``here`` of a sentence ``text``, which begins at ``start`` of its report, each as it is meant."""
    made: list[Mention] = []
    for mention in here:
        left = mention.start - start
        if mention.concept not in ambiguous():
            made.append(mention)
        elif (normal := _normal_nodes(mention, text, start)) is not None:
            made.append(normal)
        elif mention.concept in _ENLARGEMENTS and (nodes := _enlarged_nodes(mention, made, text, start)) is not None:
            if nodes.start < mention.start:
                made.pop()  # the nodes themselves, which are told of together now
            made.append(nodes)
        elif not _is_no_finding(mention, text, left):
            concept = _concept(mention, text, left)
            made += [mention._replace(concept=concept)] if concept != NOTHING else []
    return made


def _normal_nodes(mention: Mention, text: str, start: int) -> Mention | None:
    """Nodes with what is said of them: "cervical nodes, earlier 18 mm, are now normal in size"."""
    normal = _NORMAL_NODES.match(text, mention.end - start) if _NODES.search(mention.text) else None
    if normal is None:
        return None
    return mention._replace(end=start + normal.end(), text=text[mention.start - start : normal.end()])


def _enlarged_nodes(mention: Mention, made: Sequence[Mention], text: str, start: int) -> Mention | None:
    """The nodes that a mere "enlarged" is said of: those named last, or, unnamed, by where they are."""
    if not _ENLARGED.match(mention.text):
        return None
    left = mention.start - start
    nodes = made[-1] if made and _NODES.search(made[-1].text) else None
    if nodes is not None and _SAID_OF_NODES.fullmatch(text, nodes.end - start, left):
        return nodes._replace(end=mention.end, text=text[nodes.start - start : mention.end - start])
    group = _BARE_NODES.search(text, 0, left) if nodes is None else None
    return mention._replace(concept=_region(group.group())) if group is not None else None


def _is_no_finding(mention: Mention, text: str, left: int) -> bool:
    """Whether the words are no finding here; they stand at ``left`` of the sentence."""
    concept, end = mention.concept, left + mention.end - mention.start
    return bool(
        (concept == "enlargement" and _ENLARGED.match(mention.text) and _HAS.search(text, 0, left))
        or (concept == "atelectasis" and _is_of_no_lung(mention.text, text))
        or (concept == "malignancy" and _ONLY_SEVERE.match(text, left))
        or (concept in _AFTER_IT and _NON.search(text, 0, left))
        or (concept == "lung_opacity" and _FILLS.search(mention.text))
        or (concept in _OF_CHANGE and _OF_A_SIDE.search(text, 0, left))
        or (concept in _ENHANCES and _AS_IT_SHOULD.match(text, end))
    )


def _region(nodes: str) -> str:
    return next((concept for region, concept in _REGIONS if region.search(nodes)), "lymphadenopathy")


def _is_of_no_lung(name: str, text: str) -> bool:
    return _COLLAPSE.match(name) is not None and _HOLLOW.search(text) is not None and not _CHEST.search(text)


def _concept(mention: Mention, text: str, left: int) -> str:
    if mention.concept == "malignancy":
        return next((concept for operation, concept in _OPERATED if operation.search(text, 0, left)), mention.concept)
    meant = meant_beside(mention, text, Language.ENGLISH)
    if meant != mention.concept:
        return meant
    if mention.concept == "rupture" and _BARE_TEAR.fullmatch(mention.text):
        for tendon, concept in _OF_TENDON:
            if tendon.search(text, 0, left) or tendon.search(_clause_from(text, left)):
                return concept
    return mention.concept


def _clause_from(text: str, left: int) -> str:
    """The rest of the clause that ``left`` stands in: "partial tear | of the left Achilles"."""
    return re.split("[,;:.]", text[left:], maxsplit=1)[0]
