"""Sides that a finding takes over from what was said before it in the sentence.

A heading ("Right knee: meniscal tear", "МРТ правого КС: ..."), a Russian adverb that opens a clause ("Слева
каликопиелоэктазия, конкремент мочеточника"), or the organ of a diagnosis behind a dash ("щель правого ТБС сужена -
коксартроз") tell the side once for all that follows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from caseindex.records import Language, Side
from caseindex.reports.lexicon import Lexicon
from caseindex.reports.sides.chinese_sides import last_named
from caseindex.reports.sides.laterality import SideSpan
from caseindex.reports.sides.topic import OF_A_JOINT, is_of_topic, is_unpaired, of_one_limb

Named = tuple[str, int, int]  # concept, start, end

_HEADING = re.compile(  # "Right knee: ...", "Left wrist, TFCC tear"
    r"[^:：.;,，。]{2,45}[:：]|(?:[Ll]eft|[Rr]ight) (?:knee|shoulder|wrist|ankle|elbow|hip|foot|hand|kidney|breast|ovary|testis|orbit|ear),(?= )"
)
_RUSSIAN_HEADING = re.compile(
    r"(?!(?i:(?:состояние )?после|сост\.?)\b)[^:.;,]{2,45}(?::|\s[-–—]\s)"
    # "правая почка, 110х50 мм, ЧЛС расширена"
    r"|(?i:(?:[а-яё]+(?:ая|ый|ое) )?(?:прав|лев)(?:ая|ый|ое) [а-яё]+(?: (?:железа|доля|пазуха|сустав))?),(?= )"
)
_MODALITY = re.compile(
    r"(?:ММГ|УЗИ|УЗДГ|МС?КТ|СКТ|КТ|МРТ|РГ|Rg)[^:;.,]{0,30}:\s", re.IGNORECASE
)  # "ММГ: правая МЖ - ..."
_AFTER_OPERATION = re.compile(
    r"(?:состояние |сост\. ?)?после\b", re.IGNORECASE
)  # "после правосторонней гемиколэктомии: ..."
_OF_NO_ORGAN = frozenset(["free_fluid", "ascites", "abdominal_lymphadenopathy"])  # "яичник - киста, свободная жидкость"
_SEMICOLON = re.compile(r";\s*")
_OPENS = re.compile(
    r"(?:^|[,;:.(]|\s[-–—]|\bа\b)\s*(?:(?:а|при этом|также|аналогично|on the|в|на)\s+)*$", re.IGNORECASE
)
_DASH = re.compile(r"\s+[-–—]\s")  # "левая пазуха затемнена, в правой – киста"
# "stone at the left UVJ with hydronephrosis"
_WITH = re.compile(r"[^,;:]*(?:\bwith\b|\bс\b|\bи\b|\band\b|伴|并)(?:\s+[<>~]?[\w%-]+){0,3}\s*", re.IGNORECASE)
# ", suspicious for an aneurysm", ", вероятно киста"
_MEANS = re.compile(
    r"[^;:]*,\s*(?:(?:most |highly |very )?(?:suspicious|concerning|suggestive|compatible|consistent|likely|probably|possibly"
    r"|favou?r\w*|representing|suggesting|raising|worrisome)|вероятн|возможн|наиболее|подозр|соответств|похож)[^,;:]*",
    re.IGNORECASE,
)
# What gives what was seen its name.
_CALLED = {
    Language.ENGLISH: re.compile(
        r"\s(?:[-–—=]|--)\s|:\s|\b(?:consistent with|compatible with|corresponding to|typical(?: appearances?)? (?:of|for)|typical(?: appearances?)? of an?|typical(?= [A-Z]{2})|characteristic of|suspicious for|concerning for|likely"
        r"|probably|presumably|represent\w*|in keeping with|suggest\w*|diagnostic of|i\.e\.|DDx?:?|DDX:?|d/d)(?=\s)"
        # "popliteal vein not compressible (acute DVT)", ", aneurysm vs infundibulum", ", SEGA probable"
        r"|\s\((?=[^()]{2,30}\))"
        # "restricted diffusion in the left corona radiata, acute infarct"
        r"|,\s(?=(?:acute|subacute|recent|chronic|old) [\w-]+\s*(?:[,;.]|$))"
        # "bright focus in the left thalamus with low ADC, acute lacunar infarct"
        r"|,\s(?!(?:favou?ring|with|no|without|and|or|but|also|bilateral|small|tiny|large|moderate|mild|trace|residual|new|minimal|multiple|few|several|scattered|additional|further)\b)(?=(?:(?!(?:and|or|for|of|to|with|in|on)\b)[\w-]+ ){0,2}[\w-]+\s*\.?\s*$)"
        r"|,\s(?=[^,;:]*\b(?:vs|versus|probable|likely|suspected|possible|typical|classic)\b)",
        re.IGNORECASE,
    ),
    Language.RUSSIAN: re.compile(
        r"\s[-–—=]\s|:\s|,\s*(?:вероят|возможн|соответств|характерн|типичн|подозр|похож|наиболее|скорее|в пользу|картина|больше данных за)\w*(?: всего)?,?",
        re.IGNORECASE,
    ),
    Language.CHINESE: re.compile(
        r"[：:]|(?:[，,]|(?<=[影灶区块])) ?(?:系|为(?![主著甚])|符合|考虑|提示|拟诊?|倾向|疑|诊断)|[，,](?=[^，,。；]{2,12}(?:可能|待排|待除外|待查|不除外|不排除|不能(?:完全)?(?:除外|排除)|首先考虑|[？?])|[^，,。；]{2,12}或|[^，,。；]{2,12}(?:vs|VS)|[^，,。；]{2,12}[与和][^，,。；]{2,12}鉴别)"
    ),
}
# What sits in one place: "опухоль", not "панкреатит" or "сердечная недостаточность".
_FOCAL = frozenset(
    "hemorrhage mass infarct cyst abscess aneurysm thrombosis occlusion hip_dysplasia gynecomastia pneumothorax hydropneumothorax"
    " pleural_effusion tumor bone_island avn bone_infarct atelectasis contusion".split()
)
# "right epididymis enlarged, consistent with epididymitis", "hippocampal volume loss on the left, MTS"
_ENGLISH_FOCAL = frozenset(
    "epididymitis pyelonephritis torsion mastoiditis otitis_media osteomyelitis bursitis mesial_temporal_sclerosis joint_effusion dacryocystitis cholesteatoma"
    " sialadenitis tendinosis stress_fracture osteoarthritis septic_arthritis hydrosalpinx optic_neuritis lung_contusion".split()
)
_SYSTEMIC = frozenset(["lymphoma", "leukemia", "multiple_myeloma"])
_SENTENCE_PARTS = re.compile(r"[;；。]|[，,](?!\s*(?:вероят|возможн))")
_BLOCKED_OUTFLOW = frozenset(["hydronephrosis", "ureteral_stone", "nephrolithiasis", "stone"])
# "delayed nephrogram on the left due to a distal ureteric calculus"
_BECAUSE = re.compile(r"[^,;:]*\b(?:due to|caused by|secondary to|from|by)\b[^,;:]*", re.IGNORECASE)
_OF_A_SIDE = frozenset(["mastectomy", "nephrectomy"])  # "РМЖ слева, РМЭ в 2018"
_IN_CONSOLIDATION = frozenset(["air_bronchogram", "consolidation", "lung_opacity", "infiltrate", "pneumonia"])
_FROM = re.compile(
    r"\b(?:from (?:the |an? )?(?:known |primary )?|known )(?:[\w-]+ )?$", re.IGNORECASE
)  # "metastases from the known cancer"
_PLAQUE = frozenset(["atherosclerosis", "stenosis", "carotid_stenosis", "carotid_occlusion"])
_ADVERBS = frozenset(["справа", "слева"])
_ON_THE_CLOCK = re.compile(
    r"(?:\s(?:молочной железе|МЖ|доле|почке|легком))?\s*,\s*(?:на|в)\s[^,;]{1,20},"
)  # "в левой, на 2 ч, образование"
_IN_PART = re.compile(
    r"(?:^|[,;:.(])\s*(?:а\s+)?(?:в|на|по)\s+(?:[а-яё-]+\s+){0,3}$", re.IGNORECASE
)  # "в средней трети"
_COMES_WITH = re.compile(r"\sсо?\s(?!признак)(?:[а-яё-]+\s){0,2}", re.IGNORECASE)
_OF_BOTH_LUNGS = frozenset(["pulmonary_edema", "pulmonary_congestion", "heart_failure"])
_CLAUSE = re.compile("[,;，；。]")
_HARD = re.compile("[;:]")
_PAIRED = frozenset(
    "testis ovary kidney ureter adrenal breast knee shoulder hip ankle wrist elbow parotid orbit carotid internal_carotid".split()
)
# "haemorrhage in the right parietal lobe, multiple microbleeds"
_ANEW = re.compile(
    r",\s*(?:with |and )?(?:multiple|several|numerous|scattered|few|additional|other|also|old)\s(?:[\w-]+\s)*$",
    re.IGNORECASE,
)
_DIAGNOSIS = re.compile(r"\s[-–—=]\s|:\s")  # "... - коксартроз"


class CarriedSides:
    """The sides of one sentence that what follows may take over. ``sides``: its words of side; ``places``: its anatomy."""

    def __init__(
        self,
        sentence: str,
        language: Language,
        sides: Sequence[SideSpan],
        places: Sequence[Named],
        findings: Sequence[Named],
    ) -> None:
        self._sentence = sentence
        self._language = language
        self._places = places
        self._findings = findings
        self._headings = _headings(sentence, language, sides, findings)
        self._opening = [
            (left, side)
            for left, right, side in sides
            if side is not Side.BOTH and _opens_clause(sentence, language, left, right, findings)
        ]
        self._sides = sides

    def of(
        self, concept: str, start: int, end: int, before: Sequence[tuple[Named, Side]], lexicon: Lexicon
    ) -> Side | None:
        """The side of a finding at ``start`` to ``end`` that has none of its own. ``before``: the findings before it that
        have one."""
        for begins, ends, heading in self._headings:
            if begins <= start < ends and concept not in _OF_NO_ORGAN:
                return heading
        opening = [(left, side) for left, side in self._opening if left < start]
        if opening and not (concept in _OF_NO_ORGAN and self._language is Language.RUSSIAN):
            left, side = opening[-1]
            if not any(left < at < start and other is not side for at, _, other in self._sides):
                return side
        if concept in _OF_BOTH_LUNGS:
            return None
        return (
            self._of_organ(concept, start, before, lexicon)
            or self._of_company(concept, start, before, lexicon)
            or self._of_explained(concept, start, lexicon)
            or self._of_topic(concept, start, end, lexicon)
            or self._of_paired(concept, start, before, lexicon)
        )

    def _of_paired(
        self, concept: str, start: int, before: Sequence[tuple[Named, Side]], lexicon: Lexicon
    ) -> Side | None:
        """The only side that an English sentence has named so far, where it named that of the same paired organ ("right
        testis heterogeneous, likely torsion") or of what the finding is a kind of ("adrenal nodules on both sides, adenomas")."""
        named = {side for _, right, side in self._sides if right <= start}
        if self._language is not Language.ENGLISH or len(named) != 1 or _HARD.search(self._sentence, 0, start):
            return None
        if _ANEW.search(self._sentence, 0, start):
            return None
        if any(name in lexicon.ancestors(concept) for (name, _, _), _ in before):
            return named.pop()
        if concept.endswith("_fracture") and any(  # "right distal radius fracture, plus ulnar styloid avulsion"
            name.endswith("_fracture")
            and of_one_limb(frozenset(lexicon.organs(concept)), lexicon.organs(name), lexicon)
            for (name, _, _), _ in before
        ):
            return named.pop()
        if concept in OF_A_JOINT and any(name in OF_A_JOINT for (name, _, _), _ in before):
            return named.pop()  # "ACL rupture, left knee, plus medial meniscal tear"
        organs = _PAIRED.intersection(lexicon.organs(concept))
        places = {name for name, _, right, _ in self._sided_places() if right <= start}
        places.update(organ for (name, _, _), _ in before for organ in lexicon.organs(name))
        return named.pop() if organs.intersection(places) else None

    def _of_topic(self, concept: str, start: int, end: int, lexicon: Lexicon) -> Side | None:
        if self._language is not Language.CHINESE:
            return None
        if not is_of_topic(self._sentence, concept, (start, end), self._sides, self._places, self._findings, lexicon):
            return None
        return max((left, side) for left, _, side in self._sides if left < start)[1]

    def _of_explained(self, concept: str, start: int, lexicon: Lexicon) -> Side | None:
        """The only side named so far, where what was seen there is now called by its name: "зона справа, толщиной 11 мм, —
        субдуральная гематома", "左侧脑桥高信号，符合急性脑梗死"; not that of another organ."""
        focal = _FOCAL if self._language is Language.CHINESE else _FOCAL | _ENGLISH_FOCAL
        if not focal.intersection((concept, *lexicon.ancestors(concept))):
            return None
        if self._language is Language.CHINESE and is_unpaired(concept, lexicon):
            return None
        named = {side for _, right, side in self._sides if right <= start}
        if concept in _SYSTEMIC and (self._language is not Language.ENGLISH or Side.BOTH in named):
            return None  # "bilateral hilar enlargement, ddx sarcoid vs lymphoma"
        if concept in _SYSTEMIC and any("lymphadenopathy" in name for name, _, _ in self._findings):
            return None  # "mediastinal and right hilar adenopathy, lymphoma vs sarcoid"
        if _FROM.search(self._sentence, 0, start):
            return None
        link = None
        for match in _CALLED[self._language].finditer(self._sentence):
            if match.end() > start:
                break
            link = match
        if link is not None and ":" in link.group() and _AFTER_OPERATION.match(self._sentence):
            return None
        if self._language is Language.RUSSIAN and len(named) > 1 and link is not None:
            named = self._last_before(link.start())
        if self._language is Language.CHINESE and len(named) > 1:
            last = last_named(self._sentence, link.start() + 1 if link else start, self._sides)
            named = {last} if last is not None else named
        if len(named) != 1 or link is None or _SENTENCE_PARTS.search(self._sentence, link.end(), start):
            return None
        if not any(right <= link.start() for _, right, _ in self._sides):
            return None
        around = lexicon.around(concept)
        places = [name for name, _, right, _ in self._sided_places() if right <= start]
        if around is not None and places and not around.intersection(places):
            return None
        return named.pop()

    def _last_before(self, position: int) -> set[Side]:
        """The side named last before ``position``: "в правом надпочечнике узлов нет, в левом узел, вероятно аденома"."""
        right, side = max((right, side) for _, right, side in self._sides if right <= position)
        return set() if _SEMICOLON.search(self._sentence, right, position) else {side}

    def _of_company(
        self, concept: str, start: int, before: Sequence[tuple[Named, Side]], lexicon: Lexicon
    ) -> Side | None:
        """The side of the stone that a kidney is dilated by; that of what has no name but in its explanation ("outpouching
        at the right MCA, suspicious for an aneurysm")."""
        named = {side for _, right, side in self._sides if right <= start}
        if len(named) != 1:
            return None
        for (name, _, right), side in before:
            if self._language is Language.RUSSIAN and "ureteral_stone" in {name, concept} <= _BLOCKED_OUTFLOW:
                return side  # "гидронефроз слева, камень мочеточника"
            if any(
                {name, concept} <= company for company in (_BLOCKED_OUTFLOW, _IN_CONSOLIDATION, _PLAQUE)
            ) and _WITH.fullmatch(self._sentence, right, start):
                return side
        if self._language is Language.RUSSIAN and before and self._comes_with(concept, start, *before[-1], lexicon):
            return before[-1][1]
        if concept in _OF_A_SIDE and self._language is Language.RUSSIAN:
            return named.pop()
        last = max(right for _, right, _ in self._sides if right <= start)
        english = self._language is Language.ENGLISH
        if english and concept in _BLOCKED_OUTFLOW and _BECAUSE.fullmatch(self._sentence, last, start):
            return named.pop()
        if before:
            return None
        return named.pop() if _MEANS.fullmatch(self._sentence, last, start) else None

    def _comes_with(self, concept: str, start: int, told: Named, side: Side, lexicon: Lexicon) -> bool:
        """Whether a Russian finding comes with one of a side that was named right before it, in the same organ: "перелом стенки
        левой пазухи с гемосинусом"."""
        name, _, right = told
        around, near = lexicon.around(concept), lexicon.around(name)
        if _COMES_WITH.fullmatch(self._sentence, right, start) is None or side is Side.BOTH:
            return False
        return (
            around is not None
            and near is not None
            and not around.isdisjoint(near)
            and not is_unpaired(concept, lexicon)
        )

    def _of_organ(
        self, concept: str, start: int, before: Sequence[tuple[Named, Side]], lexicon: Lexicon
    ) -> Side | None:
        dash = max((match.end() for match in _DIAGNOSIS.finditer(self._sentence, 0, start)), default=0)
        if not dash or _CLAUSE.search(self._sentence, dash, start):
            return None
        around = lexicon.around(concept)
        if around is None:
            return None
        near = [(right, side) for name, _, right, side in self._sided_places() if right <= start and name in around]
        near += [(right, side) for (name, _, right), side in before if _same_organ(concept, name, lexicon)]
        return max(near, key=lambda entry: entry[0])[1] if near else None

    def _sided_places(self) -> list[tuple[str, int, int, Side]]:
        found = []
        for name, left, right in self._places:
            for start, end, side in self._sides:
                if 0 <= left - end <= 1 or 0 <= start - right <= 1 or (left <= start and end <= right):
                    found.append((name, left, right, side))
                    break
        return found


def _same_organ(one: str, other: str, lexicon: Lexicon) -> bool:
    return bool(set(lexicon.organs(one)) & set(lexicon.organs(other)))


def _headings(
    sentence: str, language: Language, sides: Sequence[SideSpan], findings: Sequence[Named]
) -> list[tuple[int, int, Side]]:
    """(start, end of what it stands over, side) of the headings: "Left kidney: hydronephrosis, right kidney normal"; in
    Russian also behind a semicolon and with a dash ("...; правая почка - камень, киста")."""
    russian = language is Language.RUSSIAN
    prefix = _MODALITY.match(sentence) if russian else None
    starts = (
        [prefix.end() if prefix else 0, *(mark.end() for mark in _SEMICOLON.finditer(sentence))] if russian else [0]
    )
    found = []
    for start, stop in pairwise([*starts, len(sentence)]):
        heading = (_RUSSIAN_HEADING if russian else _HEADING).match(sentence, start, stop)
        if heading is None or any(start <= left and right <= heading.end() for _, left, right in findings):
            continue
        named = {side for left, right, side in sides if start <= left and right <= heading.end()}
        if len(named) != 1:
            continue
        later = min((left for left, _, _ in sides if heading.end() <= left < stop), default=stop)
        if later < stop:
            last = [mark.start() for mark in _CLAUSE.finditer(sentence, heading.end(), later)]
            later = last[-1] if last else start
        found.append((start, later, named.pop()))
    return found


def _opens_clause(sentence: str, language: Language, left: int, right: int, findings: Sequence[Named]) -> bool:
    if language is Language.RUSSIAN:
        if sentence[left:right].lower() not in _ADVERBS and not (
            _DASH.match(sentence, right) or _ON_THE_CLOCK.match(sentence, right)
        ):
            return False
    elif language is not Language.ENGLISH or not re.match(r"\s*(?:[,:]|[-–] )", sentence[right:]):
        return False
    in_part = language is Language.RUSSIAN and _DASH.match(sentence, right) and _IN_PART.search(sentence[:left])
    if not (_OPENS.search(sentence[:left]) or in_part):
        return False
    clock = _ON_THE_CLOCK.match(sentence, right) if language is Language.RUSSIAN else None
    right = clock.end() if clock else right
    # "..., слева" at the end of its clause says where the finding before it is
    mark = _CLAUSE.search(sentence, right)
    clause = mark.start() if mark and language is Language.RUSSIAN else len(sentence)
    return any(right <= at < clause for _, at, _ in findings)
