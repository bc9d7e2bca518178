"""A generic finding and the anatomy beside it make a specific concept.

"Haemorrhage in the left frontal lobe", "额叶出血" and "кровоизлияние в правую лобную долю" all mean an intracerebral
haemorrhage, and no list of names would hold every lobe in every language. The rules are the lexicon's ``composed``
column: ``hemorrhage+brain`` in the row of the intracerebral haemorrhage; ``brain`` stands for all of its parts.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence, Set

from caseindex.reports.table import Row

Span = tuple[str, int, int]

_COMMA = re.compile(r"[,，;；]|\b(?:and|и)\b")
_CLAUSE_END = re.compile(r"[,，;；。:]|\.\s|\.$")
_OTHER_CLAUSE = re.compile(  # of a fracture and a bone that another finding is of
    r"[,;，；]\s*(?:(?:there (?:is|are) )?no\b|but\b|without|нет|без|свеж|нов|друг|остр|未见|无)"
    r"|[,;，；].*(?:swelling|edema|degenerat|отек|дегенерат|肿胀|水肿|退变|退行)",
    re.IGNORECASE,
)
_BEYOND = 30  # characters
_NEXT_TOPIC = 15  # "gallbladder normal, no stones, CBD 4 mm"
_OTHER_TOPIC = 60  # "no stone, hydronephrosis; bladder diverticulum"
MAX_DISTANCE = 130  # characters between a finding and its place
# Of an organ though nothing composes them: "no hydrocephalus, no herniation", "tortuous aorta, calcified".
_PLACE_OF = {
    "nephrectomy": "kidney",
    "mastectomy": "breast",
    "joint_prosthesis": "joint",
    "lobectomy": "lung",
    "prostatectomy": "prostate",
    "hysterectomy": "uterus",
    "gastrectomy": "stomach",
    "pneumonectomy": "lung",
    "hydrocephalus": "brain",
    "tortuous_aorta": "aorta",
    "biliary_dilatation": "bile_ducts",
    "pyelonephritis": "kidney",
    "pericarditis": "pericardium",
    "pericardial_effusion": "pericardium",
    "horseshoe_kidney": "kidney",
    "polycystic_kidney": "kidney",
    "renal_anomaly": "kidney",
    "renal_atrophy": "kidney",
    "cirrhosis": "liver",
    "hepatic_steatosis": "liver",
    "cholecystitis": "gallbladder",
    "pancreatitis": "pancreas",
    "cystitis": "bladder",
    "thyroiditis": "thyroid",
    "adenomyosis": "uterus",
}
_CHINESE_PLACE_OF = {  # "胸腔置管引流术后，积液减少", "髂血管旁淋巴结肿大，转移可能"
    "chest_tube": "pleura",
    "cervical_lymphadenopathy": "lymph_node",
    "mediastinal_lymphadenopathy": "lymph_node",
    "abdominal_lymphadenopathy": "lymph_node",
}
_NO_PLACE = frozenset(["pneumothorax", "pneumoperitoneum", "lytic_lesion"])  # an effusion beside it may be any
# Beyond a comma the place may be another one: "вещество мозга не изменено, кровоизлияний нет" denies all in the skull.
_BROADER_AFAR = {
    "brain_hemorrhage": "intracranial_hemorrhage",
    "ivh": "intracranial_hemorrhage",
    "cerebellar_atrophy": "brain_atrophy",
    "cerebellar_infarct": "ischemic_stroke",
    "posterior_infarct": "ischemic_stroke",
    "brainstem_infarct": "ischemic_stroke",
}
# Of an organ in English only: "no edema or consolidation" (a Russian one may be a bone's), "old infarct, mild atrophy"
_ENGLISH_PLACE_OF = {"consolidation": "lung", "airspace_disease": "lung", "old_infarct": "brain"}
_KNOWN = re.compile(r"\b(?:known|history of|h/o) (?:[\w-]+ )?$", re.IGNORECASE)
_CAROTID = re.compile(r"\bcarotid", re.IGNORECASE)
_NEVER_AFAR = frozenset(["myocardial_infarction"])  # "wedge-shaped infarct and RV strain"
# "病变", "поражение" are any disease of the organ and no mass in it; these haematomas lie outside the skull
_NOT_COMPOSED = re.compile(
    r"metaphyseal (?:corner )?fractures?|nabothian|(?:mucoid|myxoid|intrasubstance) degenerat|病变$|导管内乳头状瘤|前列腺钙化|.{0,3}瓣.*钙化|.{0,2}韧带钙化|吻合口|abnormalit|поражени|паравертебр"
    r"|тромбо[а-яё]+ (?:[а-яё]+ )?подкожн|подапоневр|поднадкостнич|подкожн|субгалеал|гематом\w* мягк|\w+ \w+ клапан|кальци\w+ [^,;]*клапан",
    re.IGNORECASE,
)
# "known metastatic breast cancer, new liver lesions": not those of the liver
_PRIMARY = re.compile(
    r"metastatic (?:[\w-]+ ){0,2}(?:cancers?|\w*carcinoma|melanoma|sarcoma|neoplasm|primary|RCC|HCC|NSCLC|SCLC|Ca)\b(?! to\b| in\b)",
    re.IGNORECASE,
)
_DISTANT = re.compile(
    r"отдал[её]нн|distant", re.IGNORECASE
)  # "no distant mets", "увеличены лимфоузлы, отдаленных метастазов нет"
# "no filling defect in the main, lobar or segmental pulmonary arteries": the comma parts adjectives
_OF_PARTS = re.compile(
    r"\s+(?:seen |identified )?(?:in|within|of|involving) (?:the |all |any )?(?:(?:main|lobar|segmental|subsegmental|central|peripheral|proximal|distal"
    r"|left|right|common|external|internal|superficial|deep|superior|inferior|anterior|middle|posterior)(?:,| or| and|,? and/or)* ){2}"
    # "дефектов контрастирования в стволе и главных ветвях легочной артерии"
    r"|\s+(?:в|на уровне) (?:(?:стволе|бифуркации|главных|долевых|сегментарных|субсегментарных|центральных|крупных|ветвях|правой|левой|обеих|системе|просвете)(?:,| и| или)* )+",
    re.IGNORECASE,
)
_OF_ANYTHING = frozenset(["lesion", "edema", "injury"])
# Too much to be told by the place of another English sentence: "both lesions are bright", "male injured in a game"
_OF_THEIR_SENTENCE = frozenset(
    ["lung_nodule", "bone_marrow_edema", "meniscal_tear", "acl_tear", "jaw_mass", "skull_base_mass"]
)
_NEAR_ONLY = frozenset(["stenosis", "occlusion", "thrombosis", "dissection", "inflammation"])
# A bare "effusion" that has a side, or a pneumothorax beside it, is of the pleura.
_EFFUSION = re.compile(r"eff(?:usion)?s?", re.IGNORECASE)
_OF_THE_CHEST = re.compile(
    r"p\w*mothora|consolidation|infiltrate|atelecta|pneumonia|airspace|\b(?:left|right|bilateral|b/l|[LR])(?:-sided)? (?:[\w-]+ ){0,2}eff|effusions?,? (?:[\w-]+ ){0,4}(?:left|right|both sides)\b",
    re.IGNORECASE,
)
_SIDED_EFFUSION = re.compile(
    r"\b(?:left|right|bilateral)(?:-sided)? (?:(?:small|moderate|large|trace|basal) ){0,2}effusions?$", re.IGNORECASE
)
_ORGAN_OF = {"lung_cavity": "lung"}  # for what explains it; the fluid in it is in no pleura
_EXPLAINS = frozenset(["malignancy", "tumor", "abscess", "cyst", "granuloma"])
_EXPLAINED = frozenset(["mass", "lesion", "nodule", "lung_cavity"])
# "... 31 мм: абсцесс? рак?", "... — вероятно, рак"
_EXPLAINING = re.compile(
    r"[^.;:]*(?::|\s[-–—]|,\s*(?:вероят|возможн|подозр|скорее|наиболее|похож|характерн|соответств)\w*)\s[^.;:,]*",
    re.IGNORECASE,
)
_IS_CALLED = re.compile("[，,](?:系|为|考虑|符合|提示|诊断)$")  # "小脑半球高信号，为急性梗死"
_OF_THE_PAST = re.compile("病史|史(?=[，。；、)）]|$)")  # "结合肺癌病史，符合转移瘤": not those of the lung
_FLUID = re.compile("выпот|гидроторакс|effusion|积液", re.IGNORECASE)
_SHADOW = re.compile("(?:\\w+ )?акустическ|тень", re.IGNORECASE)
_VAGUE = frozenset(["bone", "joint", "soft_tissue"])
_FAR = 3  # further anatomies that are tried where the nearest composes nothing


class Composition:
    """The rules of a lexicon."""

    def __init__(self, rows: Iterable[Row], expand: Callable[[str], Set[str]]) -> None:
        self._rules: dict[str, list[tuple[str, str]]] = {}  # generic -> (anatomy, specific)
        self._made: dict[tuple[str, str], str | None] = {}  # what has been asked for
        self._parts: dict[str, Set[str]] = {}  # anatomy -> itself and its parts, as they are needed
        self._expand = expand
        self._generic: dict[str, str] = {}  # specific concept -> the finding of its first rule
        self._organs: dict[str, list[str]] = {}  # specific concept -> the anatomies of its rules
        self._places: dict[str, str] = dict(_PLACE_OF)  # specific concept -> the anatomy of its first rule
        for row in rows:
            for generic, anatomy in row.composed:
                self._rules.setdefault(generic, []).append((anatomy, row.id))
                if generic == row.id:
                    continue  # it stays what it is there: "hematoma of the scalp" is none of the head's
                if row.id not in _NO_PLACE:
                    self._places.setdefault(row.id, anatomy)
                self._generic.setdefault(row.id, generic)
                self._organs.setdefault(row.id, []).append(anatomy)

    def specific(self, generic: str, anatomy: str) -> str | None:
        """The concept that the two make, by the narrowest rule; ``None`` where no rule fits."""
        known = self._made.get((generic, anatomy), "")
        if known != "":
            return known
        best: tuple[int, str] | None = None
        for region, concept in self._rules.get(generic, ()):
            parts = self._parts.get(region)
            if parts is None:
                parts = self._parts[region] = self._expand(region)
            if anatomy in parts and (best is None or len(parts) < best[0]):
                best = len(parts), concept
        made = self._made[generic, anatomy] = best[1] if best else None
        return made

    def generic(self, concept: str) -> str | None:
        """The finding that ``concept`` is without its place; ``None`` where no rule makes it."""
        return self._generic.get(concept) or (concept if concept in self._rules else None)

    def organs(self, concept: str) -> Sequence[str]:
        """The anatomies that ``concept`` is of; none where no rule tells."""
        return self._organs.get(concept, ())

    def refine(
        self, spans: Sequence[Span], sentences: Sequence[tuple[int, int]], anatomy: Set[str], text: str = ""
    ) -> list[Span]:
        """``spans`` with generic findings made specific by the nearest anatomy of their sentence; where a sentence
        names none, by that of the whole text if only one concept comes out."""
        if not any(concept in self._rules for concept, _, _ in spans):
            return list(spans)
        starts = [start for start, _ in sentences]
        places = []
        for concept, start, end in spans:
            # "Liver lesions, consistent with metastases": a finding that is of an organ names the organ too.
            place = concept if concept in anatomy else self._places.get(concept)
            if concept in _ENGLISH_PLACE_OF and text[start : start + 1].isascii():
                place = _ENGLISH_PLACE_OF[concept]
            if concept == "atherosclerosis" and _CAROTID.search(text, start, end):
                place = "carotid"  # "carotid plaque with 70% stenosis"
            if concept == "pneumonectomy" and text[start : start + 1].isascii():
                continue  # "lobectomy with volume loss" has no atelectasis
            if concept not in anatomy and _OF_THE_PAST.match(text, end):
                continue
            if text[start : start + 1] > "\u4e00":
                place = _CHINESE_PLACE_OF.get(concept, place)
            if place is not None and concept.endswith("_cancer") and _KNOWN.search(text, 0, start):
                continue  # "cerebellar lesion, metastasis in view of the known lung primary"
            if place is not None:
                places.append((place, start, end, bisect_right(starts, start)))
        refined: list[Span] = []
        for concept, start, end in spans:
            if concept in _EXPLAINS and "а" <= text[start : start + 1].lower() <= "я":
                concept = self._explained(concept, start, refined, text) or concept
            for _ in range(2):  # infarct + cerebellum: first an ischaemic stroke of the brain, then of the cerebellum
                if concept not in self._rules or _NOT_COMPOSED.match(text, start, end) or _PRIMARY.match(text, start):
                    break
                specific = self._here(concept, start, end, bisect_right(starts, start), places, text)
                if specific is None:
                    break
                concept = specific
            refined.append((concept, start, end))
        return refined

    def _explained(self, generic: str, start: int, before: Sequence[Span], text: str) -> str | None:
        """What a Russian diagnosis is in the organ of the mass that it explains: "образование головки ПЖ с билиарной
        гипертензией: рак?"."""
        for concept, _, end in reversed(before):
            place = self._places.get(concept) or _ORGAN_OF.get(concept)
            if place is not None and (concept in _EXPLAINED or self._generic.get(concept) in _EXPLAINED):
                return self.specific(generic, place) if _EXPLAINING.fullmatch(text, end, start) else None
        return None

    def _here(
        self,
        generic: str,
        start: int,
        end: int,
        sentence: int,
        places: Sequence[tuple[str, int, int, int]],
        text: str,
    ) -> str | None:
        called = _IS_CALLED.search(text, 0, start) is not None
        near = sorted(
            (
                _distance(text, start, end, left, right),
                place,
                _from_to(text, start, end, left, right) if generic == "fracture" or generic in _NEAR_ONLY else "",
            )
            for place, left, right, number in places
            if number == sentence and not _is_apart(text, generic, start, left, right)
            if not (called and left == start)
        )
        if "а" <= text[start : start + 1].lower() <= "я":  # "перелом диафиза правой локтевой кости"
            near = [entry for entry in near if entry[1] not in _VAGUE or self.specific(generic, entry[1])] or near
        if near:
            for distance, place, between in near[:_FAR]:
                if distance > MAX_DISTANCE or (near[0][0] < _BEYOND <= distance):
                    return None  # what stands beyond a comma, where its own clause names a place
                specific = self.specific(generic, place)
                if (
                    specific is not None
                    and distance >= _BEYOND
                    and generic in _NEAR_ONLY
                    and not _OF_PARTS.match(between)
                    and not _of_topic(text, start, distance)
                ):
                    return None
                if distance >= _BEYOND and specific in _NEVER_AFAR:
                    continue
                if specific is not None and distance >= _BEYOND and _DISTANT.match(text, start):
                    return None
                if specific == "lung_nodule" and generic == "lesion" and _is_chinese(text, start):
                    return None  # "右肺未见新发病灶" denies infiltrates as well
                if specific is not None and generic == "fracture" and _OTHER_CLAUSE.search(between):
                    return None  # "fracture of the clavicle, no other fractures"
                if specific == "ascites" and _EFFUSION.fullmatch(text, start, end):
                    return self.specific(generic, "pleura")  # "liver abscess, right reactive effusion"
                if (
                    specific is None
                    and generic == "free_fluid"
                    and _SIDED_EFFUSION.search(text, max(0, start - 40), end)
                ):
                    return self.specific(generic, "pleura")  # "acute pancreatitis, small left effusion"
                if specific is not None:
                    return specific if called or distance < _BEYOND else _BROADER_AFAR.get(specific, specific)
            return None
        named = {place for place, left, right, _ in places if not _is_apart(text, generic, start, left, right)}
        elsewhere = {self.specific(generic, place) for place in named} - {None}
        if generic in _OF_ANYTHING and text[start : start + 1].isascii():
            elsewhere -= _OF_THEIR_SENTENCE
        if not elsewhere and generic == "free_fluid" and _EFFUSION.fullmatch(text, start, end):
            around = text[max(0, start - 2 * _BEYOND) : end + _BEYOND]
            return self.specific(generic, "pleura") if _OF_THE_CHEST.search(around) else None
        return elsewhere.pop() if len(elsewhere) == 1 else None


def _is_apart(text: str, generic: str, start: int, left: int, right: int) -> bool:
    """Whether a place is not that of gas or of an acoustic shadow at ``start``: "пузырьки газа в зоне некроза, плевральный
    выпот", "эхоструктуры с акустической тенью, холедох 5 мм"."""
    if generic == "collection_gas":
        return _FLUID.search(text, left, right) is not None
    return generic == "stone" and left > start and _SHADOW.match(text, start) is not None


def _of_topic(text: str, start: int, distance: int) -> bool:
    """Whether a Chinese clause without a place goes on about that of the clause before: "颈内动脉斑块，管腔狭窄"."""
    return _is_chinese(text, start) and distance < 2 * _BEYOND


def _is_chinese(text: str, start: int) -> bool:
    return "\u4e00" <= text[start : start + 1] <= "\u9fff"


def _from_to(text: str, start: int, end: int, left: int, right: int) -> str:
    """What stands between a finding and a place; where the place comes last, with the rest of its clause, else with the first
    letters of the finding ("clavicle, no acute bony injury")."""
    if left < end:
        return text[right : min(start + 3, end)]
    mark = _CLAUSE_END.search(text, right)
    return text[end : mark.start() if mark else len(text)]


def _distance(text: str, start: int, end: int, left: int, right: int) -> int:
    """From a finding at ``start`` to ``end`` to a place: characters, a comma counting for many, and so does a place that
    stands behind in Chinese, where what modifies stands before."""
    low, high = (end, left) if left >= end else (right, start)
    distance = max(high - low, 0)
    if not text or not distance:
        return distance
    if _COMMA.search(text, low, high):
        distance += _BEYOND
        if left >= end and text[end - 1].isascii():
            distance += _NEXT_TOPIC if text.find(";", low, high) < 0 else _OTHER_TOPIC
    return distance + (_BEYOND // 2 if left >= end and "\u4e00" <= text[end - 1] <= "\u9fff" else 0)
