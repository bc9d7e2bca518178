"""Left, right or both: the side of a finding, read from its clause."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from caseindex.records import Language, Side
from caseindex.reports.sides import english_sides

SideSpan = tuple[int, int, Side]  # start, end, side

# "влево", "leftward" say where something has gone to: only what moves or bends has such a side.
_TOWARDS = re.compile(
    r"влево|вправо|(?:left|right)ward|[左右](?=[移偏弯凸])|向[左右]"
    r"|(?:(?<=to )|(?<=to the )|(?<=towards the )|(?<=toward the ))(?:left|right)\b(?!-| (?!and\b|by\b|with\b|of midline)[a-z])",
    re.IGNORECASE,
)
_MOVES = frozenset(
    "midline_shift mediastinal_shift brain_herniation scoliosis spine_curvature septal_deviation disc_herniation"
    " disc_protrusion spondylolisthesis hernia mass_effect tortuous_aorta".split()
)
_WORDS = {
    Language.ENGLISH: re.compile(
        r"\b(?P<both>b/l|B/L|bilat(?:e?ral(?:ly)?)?|(?<!are )(?<!were )(?<!is )(?<!have )both(?! (?:sides of the (?:left|right|joint|disc|midline|fracture|falx|suture|physis|growth)|[a-z]+ly\b|(?:the )?(?:anterior|posterior|superior|inferior|medial|lateral|inner|outer|proximal|distal|supra[a-z]+|infra[a-z]+|intra[a-z]+|extra[a-z]+|cortical|solid|cystic|old|acute|new|short|long) (?:[a-z]+ )?and|T1|T2|sequences|phases|planes|views|images|stud(?:y|ies)|exams|examinations|present|seen|of (?:these|which)|suspicious|suggestive|concerning|likely|probably|consistent|compatible|in keeping|worrisome|measuring|unchanged|stable))|bibasilar|biapical|bihilar|bibasal|bifrontal|biparietal|bitemporal"
        r"|(?:right|left)(?:-sided)? (?:greater|more|worse|larger|bigger) than (?:the |on the )?(?:right|left)"
        r"|on the (?:right|left),? and (?:(?:also|less|more|mild|to|a|lesser|extent|degree|another|one|two|three|several) ){0,4}on the (?:right|left)"
        r"|(?:worse|greater|more (?:\w+ )?|larger|predominantly|predominant) on (?:the )?(?:right|left)"
        r"|(?:right|left) (?:(?:upper|lower|middle|mid|main|frontal|parietal|temporal|occipital|lobe|lung|anterior|posterior"
        r"|apical|basal|superior|inferior|medial|lateral|\d+(?:st|nd|rd|th)?) ){0,2}(?:and|&) (?:\w+ )?(?:right|left)|either (?=side|lung|breast|kidney|eye|ear|hip|knee)"
        r"|(?:right|left) (?:ribs? )?\d+(?:st|nd|rd|th)?(?:,? ?(?:to|through|-|–|and|,) ?\d+(?:st|nd|rd|th)?)*(?: ribs?)?,? (?:and|&) (?:the )?(?:right|left)(?= (?:ribs? )?\d+(?:st|nd|rd|th)?\b(?! ?(?:mm|cm)))"
        r"|(?:right|left) (?:\w+ ){0,3}and both|r ?> ?l|l ?> ?r|right ?> ?left|left ?> ?right)\b"
        r"|\b(?P<left>left(?:[- ]sided|-hand|ward)?|lt|LUL|LLL|LUZ|LMZ|LLZ|levo\w+|(?<=\()L(?=\))|(?<=\bon )L|(?<!\S)L(?= ?[-–:] )|(?<=\bto )L(?! ?\d)|L(?=-sided)|(?<=[:,;] )L(?= [<>~]?\d+(?:-\d+)? ?(?:%|mm|cm))|(?<=[A-Za-z\d#)], )L(?=[,;.)]|$)|(?<=[a-z#] )L(?=[,;.)]|$| \d+(?:\.\d+)? ?(?:mm|cm|o'clock))|L(?= (?:(?!SPINE|COLON|RATIO)[A-Z]{2,}s?|(?!spine|ratio)[a-z]{3,})\b))\b(?! (?:ventric|atri|heart|(?:upper|lower) quadrant (?:ultras|US\b|sono|pain|scan|tender|discomf|abdominal pain)))"
        r"|\b(?P<right>right(?:[- ]sided|-hand|ward)?|rt|RUL|RML|RLL|RUZ|RMZ|RLZ|dextro\w+|(?<=\()R(?=\))|(?<=\bon )R|(?<!\S)R(?= ?[-–:] )|(?<=\bto )R(?! ?\d)|R(?=-sided)|(?<=[:,;] )R(?= [<>~]?\d+(?:-\d+)? ?(?:%|mm|cm))|(?<=[A-Za-z\d#)], )R(?=[,;.)]|$)|(?<=[a-z#] )R(?=[,;.)]|$| \d+(?:\.\d+)? ?(?:mm|cm|o'clock))|R(?= (?:(?!WAVE|RATIO)[A-Z]{2,}s?|(?!wave|ratio)[a-z]{3,})\b))\b"
        r"(?! (?:ventric|atri|heart|(?:upper|lower) quadrant (?:ultras|US\b|sono|pain|scan|tender|discomf|abdominal pain)|clinical|context|setting|patient))"
    ),
    Language.RUSSIAN: re.compile(
        r"\b(?P<both>с (?:обеих|двух|обоих|2(?:-?х)?) сторон|ни (?:справа|слева),? ни (?:справа|слева)|двух?сторонн\w+|билатеральн\w+|(?!(?-i:ОБА))об(?:е|а|еих|оих|еими|оими)(?! (?:кост(?:и|ей|ям)|лодыж|мыщелк|мениск|отдел)[а-яё]*\b)"
        r"|слева и справа|справа и слева|(?:справа|слева)(?:,| и) \d+ ?(?:ст|мм|см|степени)?\.? (?:справа|слева)|(?:справа|слева) (?:\w+ )?больше,? чем (?:справа|слева)|(?:больше|преимущественно|более|в большей степени|хуже) (?:выражен\w* )?(?:справа|слева)|D ?> ?S|S ?> ?D"
        r"|(?:прав[а-я]{2,3} и (?:\S+ )?лев|лев[а-я]{2,3} и (?:\S+ )?прав)[а-я]{2,3})\b"
        r"|\b(?P<left>слева|влево|лев(?:ый|ая|ое|ого|ому|ым|ом|ой|ую|ые|ых|ыми|(?=\.))|левосторонн\w+|ЛСМА|ЛВСА|sin)\b"
        r"(?! (?:желудоч(?!к\w* (?:голов|мозга))|предсерд|отдел\w* сердца|камер))"
        r"|\b(?P<right>справа|вправо|прав(?:ый|ая|ое|ого|ому|ым|ом|ой|ую|ые|ых|ыми|(?=\.))|правосторонн\w+|ПСМА|ПВСА|dex)\b"
        r"(?! (?:желудоч(?!к\w* (?:голов|мозга))|предсерд|отдел\w* сердца|камер))",
        re.IGNORECASE,
    ),
    Language.CHINESE: re.compile(
        r"(?P<both>双(?!肾盂、?双|输尿管畸|集合系|骨折|腔|边|角|重|期|能|J|源|管征|轨|泡征|气泡|线征|环征|胎|极|动头|向|凸|凹|层|球|靶|水平|参数|序列|囊)侧?|两(?![枚个处层型者支条点次种月周年天日段块端张根组排])侧?|雙側?|兩側?|(?<=以)[左右]侧?(?:[^，。；]{0,4})(?:为著|為著|为主|为甚|明显|显著|较重|多见)"
        r"|[左右]侧?(?:为著|为甚|较著|更著|为重|(?:多|重|甚|著|显)于[左右]侧?|[>＞][左右]侧?)|左右)|(?P<left>(?<![较比])左(?![心房室]|向右|前降|主干|冠状|回旋)|(?<![A-Z])L[UL]L(?![A-Za-z]))|(?P<right>(?<![较比])右(?![心房室]|冠状|位心|位主|向左)|(?<![A-Z])R[UML]L(?![A-Za-z]))"
    ),
}
_CLAUSE = re.compile(
    r"(?<![\dIVX]),|,(?! ?S\d)(?! ?(?:\d+|[IVX]+)(?:[-–,]\s?(?:\d+|[IVX]+))* (?:ребер|рёбер|ребра|ribs?))|[;，；。、:：]|(?<=[а-яё])\?\s(?=(?:прав|лев|справа|слева))|\s[-–—]\s|(?P<with>(?<!consistent )(?<!compatible )\bwith\b|\bс (?!прав|лев|обе|двух|одной|этой|той|противопол|локал|расп)|\bwithout\b|\bno\b(?! longer)|\bбез\b)|(?P<zh>[伴并])"
    r"|\b(?:but|however|and the|due to|secondary to|given|since|plus|но|однако|на фоне|вследствие)\b"
)
# Said of what stands before the comma: "сакроилеит, больше справа".
_COMPARES = re.compile(
    r"больше|преимуществ|более|хуже|в большей|(?:right|left)(?:-sided)? (?:\w+ )?than|worse|greater|larger|more|predomin|(?:[rl]|right|left) ?>",
    re.IGNORECASE,
)
# "no flow compared with the left": a side of which nothing is said
_COMPARED = re.compile(
    r"(?:\bcf\.?|compared (?:to|with)|relative to|unlike|than)(?: that)?(?: on| in| of)?(?: the)? $", re.IGNORECASE
)
# "pneumothorax, previously seen on the left, ..."
_TOLD = re.compile(
    r",\s*(?:best |again |better )?(?:previously|noted|seen|described|identified|ранее|описанн|выявленн|определявш)[^,;:]*",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    r"\b(?P<same>ipsilateral\w*|(?:the )?same side|(?:that|this) side|(?:that|this)(?= (?:hemithorax|hemisphere|hemiabdomen|kidney|lung|breast|hip|knee|ovary))|т(?:ой|у) же сторон[ыеу]|там же|тут же|эт(?:ой|у) (?:же )?сторон[ыеу]|соименн\w+|одноимённ\w+|одноименн\w+|ипсилатеральн\w+)\b"
    r"|\b(?:contralateral\w*|opposite side|(?:the )?opposite(?= (?:breast|lung|kidney|hip|knee|hemisphere|hemithorax))"
    r"|контр?а?латеральн\w+|с противоположной стороны|противоположн\w+)\b|(?P<zh>同侧)|对侧",
    re.IGNORECASE,
)
# Each English alternative of _RELATIVE holds one of these: looked for first, as most sentences hold none.
_IN_RELATIVE = ("lateral", "side", "opposite", "this ", "that ")
_OTHER = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}
_FAR = 60  # characters
_STRESSED = re.compile(r"(?:left|right)$", re.IGNORECASE)
_EARLIER = 250  # characters back to the side that "contralateral" is of
_LAST_COMMA = re.compile(r"[^,;:]*,\s*(?:[^,;:]{1,25},\s*)?")
# "microcalcifications, UOQ right breast": a place behind a comma, of which nothing is said
_MERE_PLACE = re.compile(
    r"[^,;:]*,\s*(?:[^,;:]{1,25},\s*)?(?!largest|biggest|dominant)(?:[\w-]+\s+){0,4}|[^;:]{0,45},\s*(?!largest|biggest|dominant)(?:in|within|at) the ",
    re.IGNORECASE,
)
_MERE_REST = re.compile(
    r"\s+(?:молочн\w+ желез\w+|почки|легкого|лёгкого|доли|полушария)\s*(?=[,;.]|$)"
    r"|(?:\s+(?:upper|lower|middle|mid|inner|outer|inferior|superior|anterior|posterior|medial|lateral|proximal|distal|main|apical|basal|maxillary"
    r"|frontal|parietal|temporal|occipital|cerebellar|breast|kidney|renal|lung|lobes?|hemi(?:sphere|thorax|diaphragm)|hilum|base|apex|zone|pole|segment"
    r"|adrenal|gland|ovary|adnexa|testis|ureter|groin|axilla|flank|iliac|popliteal|fossa|quadrant|antrum|sinus|orbit|insula|thalamus|cerebellum|basal ganglia"
    r"|CPA|MCA|ICA|shoulder|humerus|humeral|elbow|forearm|radius|ulna|wrist|hand|thumb|finger|hip|femur|femoral|thigh|knee|calf|leg|tibia|tibial|fibula|ankle"
    r"|foot|heel|toe|neck|parotid|scapula|clavicle|rib)\b){1,3}\s*(?=[,;:.(]|$)",
    re.IGNORECASE,
)
# "mucosal thickening of the ethmoids and an air-fluid level in the left antrum"
_HAS_PLACE = re.compile(r"\b(?:of|in|at|within) (?:the )?[\w-]+(?: [\w-]+)? and an?\b", re.IGNORECASE)
_ADJECTIVE_AND = re.compile(
    r"[^,;:]{0,45},\s*(?:(?!аналог|подоб|сход|так|друг|втор|нов|меньш|больш)[а-яё-]+(?:ая|ый|ий|ое|ые|ие)\s+){1,2}",
    re.IGNORECASE,
)
# "в нижних долях обоих легких, больше справа, участки консолидации"
_INSERTED = re.compile(r",\s*(?:[а-яё-]+\s+){0,3}", re.IGNORECASE)
_AGREEING = re.compile(r"[^,;:]{0,45},\s*(?:двух?|лево|право)сторонн(?:яя|ий|ее|ие)", re.IGNORECASE)
_CLAUSE_OVER = re.compile(r"\s*(?=[.,;(]|$)")
_LOBE = re.compile(r"[RL](?:[UML][LZ])?\s*(?=[,;:.(]|$)")  # "cavity with an air-fluid level, posterior segment RUL"
_COLON = re.compile(r"[^,;:]{0,25}:\s*(?:на |в )?")
_LATER = 45  # characters from an attribute to its noun
_MODIFIERS = re.compile(
    r"\s*(?:(?!(?:of|in|with|and|or|at|to|on|for|is|are|was|following|after|before|from|near|by|due|without|no|not|but|than|as|plus|causing|producing|makes?|making|raises?|raising|extending|abutting|compressing|showing|likely|probably|possibly|may|could|reflects?|represents?|suggests?|indicates?|implies|imply|confirms?|denotes?|favou?red|over|versus|vs|consistent|compatible|suspicious|concerning|[а-яё]{1,2}|для|при|без|или)\s)(?![а-яё]+(?:а|я|и|ы|у|е|о|ов|ей)\s)"
    r"[\w-]+\s+){0,3}"
)
_SPREADS = re.compile(r"(?:breaking|bursting|extending|rupturing) into\b")  # "bleed in the left thalamus breaking into"
_PARTICIPLE = re.compile(r"[a-z]{4,}ing\b", re.IGNORECASE)
_OWN_SIDE = frozenset(
    "spondylodiscitis free_fluid ascites hemoperitoneum lymphadenopathy abdominal_lymphadenopathy spinal_stenosis".split()
)
# "a right apical bulla and emphysema": what an English report finds all over an organ
_ALL_OVER = frozenset(
    "atrophy brain_atrophy emphysema hyperinflation copd interstitial_markings interstitial_lung_disease low_lung_volumes pulmonary_edema pulmonary_congestion degenerative_spine liver_metastasis"
    " lung_metastasis bone_metastasis coronary_calcification".split()
)
_IN_ONE_PLACE = re.compile(
    r"\b(?:in|on) (?:the )?$", re.IGNORECASE
)  # "fibrosis with bronchiectasis in the left upper lobe"
# "lesions with the largest in the left lobe"; not "mass with spiculation in the left upper lobe"
_SOME_ONLY = re.compile(r"\b(?:largest|most|biggest|dominant|predominant\w*|signal|in|on)\b(?! the $)", re.IGNORECASE)
# "с ровным контуром в верхней доле"; not "с переходом на пирамиду"
_IN_RUSSIAN = re.compile(
    r"(?!переход|распростран|прорыв|вовлеч|инваз|продолж|дислок)[^,;]*\b(?:в|во|на) (?:[а-яё]+ ){0,3}"
)
_ADVERB_LAST = re.compile(r"(?:слева|справа)\s*(?=[.,;:]|$)", re.IGNORECASE)
_DENIALS = frozenset(["no", "without", "без"])  # "right breast no mass or calcification"
# "lacunes in bilateral basal ganglia and ischemic changes": the side of a place that the first finding is in
_OF_A_PLACE = re.compile(r"\b(?:in|of|at|within|along|over) (?:the )?$", re.IGNORECASE)
_AND = re.compile(r"\s\w[\w ]*\band (?!\w* ?(?:right|left)\b)[^,;]*$", re.IGNORECASE)
_AND_ANOTHER = re.compile(r" and (?:an?|another|the|multiple|several|small) (?:[\w-]+ ){0,3}", re.IGNORECASE)
_ITS_OWN = re.compile(r" (?:in|of|at|on|within) (?:the )?", re.IGNORECASE)
_ON_THE = re.compile(r"\bon the $", re.IGNORECASE)  # "opacity on the right likely represents atelectasis"
# "meniscal tear on the right and joint effusion on the left"
_ADVERB_BEHIND = re.compile(
    r"\s+(?:(?:seen|noted|present|only|again)\s+)?on the (?=(?:left|right)\s*(?:[.,;:()]|$|and\b|with\b|but\b|only\b))",
    re.IGNORECASE,
)
_LATER_PLACE = re.compile(r"[a-z], $", re.IGNORECASE)
_OWN_PLACE = re.compile(r"\b(?:left|right) [^,;:.]{0,40}(?:\d\.\d[^,;:.]{0,30})?$", re.IGNORECASE)
# "colpocephaly and heterotopia lining the right ventricle"
_AT_THE_LAST = re.compile(
    r"\b(?:lining|abutting|overlying|encasing|invading|compressing|displacing) (?:the )?$", re.IGNORECASE
)
_JOINED = re.compile(r"\b(?:and|or|и|или|либо)\b", re.IGNORECASE)


@lru_cache(maxsize=4096)  # reports repeat their sentences
def find_sides(sentence: str, language: Language, earlier: Side | None = None) -> tuple[SideSpan, ...]:
    """(start, end, side) of the words of side in a sentence; "ipsilateral" and "contralateral" are of the side before,
    ``earlier`` where the sentence itself names none."""
    text = sentence if language is not Language.ENGLISH else _lower_first(sentence)
    sides = [
        (match.start(), match.end(), Side(match.lastgroup or ""))
        for match in _WORDS[language].finditer(text)
        if language is not Language.ENGLISH
        or not (_COMPARED.search(text, 0, match.start()) or english_sides.is_dealt_out(text, match))
    ]
    for match in _RELATIVE.finditer(sentence) if is_relative(sentence) else ():
        before: list[Side] = [
            side
            for left, right, side in sides
            if right <= match.start() and side is not Side.BOTH and not is_direction(sentence, left)
        ]
        if not before and earlier is not None:
            before = [earlier]
        if before:
            sides.append(
                (match.start(), match.end(), before[-1] if match["same"] or match["zh"] else _OTHER[before[-1]])
            )
    return tuple(sorted(sides))


def is_direction(sentence: str, left: int) -> bool:
    """Whether the word of side at ``left`` says where something has gone to: "中线左移"."""
    return _TOWARDS.match(sentence, left) is not None


def is_relative(sentence: str) -> bool:
    """Whether a word like "contralateral" stands in the sentence."""
    lower = sentence.lower()
    if lower.isascii() and not any(word in lower for word in _IN_RELATIVE):
        return False
    return _RELATIVE.search(sentence) is not None


def last_side(text: str, end: int, language: Language) -> Side | None:
    """The last of left and right that ``text`` names shortly before ``end``."""
    before = text[max(0, end - _EARLIER) : end]
    for left, right, side in reversed(find_sides(before, language)):
        if side is not Side.BOTH:
            return side
        stressed = _STRESSED.search(before[left:right])  # "of both knees, worse on the right"
        if stressed:
            return Side(stressed.group().lower())
    return None


def side_of(
    sentence: str,
    start: int,
    end: int,
    sides: Sequence[SideSpan],
    others: Sequence[tuple[int, int]],
    concept: str = "",
) -> Side | None:
    """The side of the mention at ``start`` to ``end``: the nearest word of side in its clause, one between it and no
    other finding. ``others``: the spans of the other findings; ``concept``: the finding, where it is known."""
    adverb = _ADVERB_BEHIND.match(sentence, end)
    if adverb is not None:
        own = [side for left, _, side in sides if left == adverb.end()]
        if own:
            return own[0]
    trailing = english_sides.trailing_side(sentence, start, end, sides, others)
    if trailing is not None:
        return trailing
    best: tuple[int, Side] | None = None
    for left, right, side in sides:
        if concept and concept not in _MOVES and _TOWARDS.match(sentence, left):
            continue  # "отек и смещение срединных структур влево"
        if left >= start and right <= end:
            if left > start and _LATER_PLACE.search(sentence, start, left) and _OWN_PLACE.search(sentence, 0, start):
                continue  # "left ovary 4 cm unilocular cyst, right ovary normal"
            if left > start and _JOINED.search(sentence, start, left):
                continue  # "central canal and left foraminal stenosis"
            distance = 0
        else:
            low, high = (right, start) if right <= start else (end, left)
            if low > high:
                distance = 0
            else:
                crossed = sum((low <= a and b <= high) or (a < left and right < b <= start) for a, b in others)
                if left >= end and sentence[left].isascii():  # "cyst in the left kidney, stone in the right kidney"
                    crossed += sum(low <= a < left and right < b and "," in sentence[low:a] for a, b in others)
                if crossed and (concept in _OWN_SIDE or (concept in _ALL_OVER and sentence[left].isascii())):
                    continue  # "right adnexal mass and free fluid"
                if right <= start and not crossed and _is_of_the_first(sentence, left, right, start, others):
                    continue
                if left >= end and any(
                    end <= a < left and right < b and _PARTICIPLE.match(sentence, a) for a, b in others
                ):
                    continue  # "uncovertebral osteophytes narrowing both neural foramina"
                if left >= end and crossed and _AT_THE_LAST.search(sentence, low, left):
                    continue
                if any(end <= a < left for a, _ in others) and _HAS_PLACE.search(sentence, start, left):
                    continue
                if left >= end and _is_attribute(sentence, left, right, others):
                    continue  # "pneumothorax after removal of the right chest tube"
                if right <= start and _is_adverb_of_the_first(sentence, left, right, start, end, sides):
                    continue
                if left >= end and not crossed and _TOLD.fullmatch(sentence, low, high):
                    return side
                if (
                    left >= end
                    and not crossed
                    and (_COMPARES.match(sentence, left) or not sentence[right:].strip(" ."))
                    and _LAST_COMMA.fullmatch(sentence, low, high)
                ):
                    return side
                if (
                    left >= end
                    and not crossed
                    and _MERE_PLACE.fullmatch(sentence, low, high)
                    and (_MERE_REST.match(sentence, right) or _LOBE.match(sentence, left))
                ):
                    return side
                if (
                    right <= start
                    and not crossed
                    and _COMPARES.match(sentence, left)
                    and not any(b <= left for _, b in others)
                    and _INSERTED.fullmatch(sentence, right, start)
                ):
                    return side
                if left >= end and not crossed and _is_said_apart(sentence, low, high, right):
                    return side
                if high - low > _FAR or (
                    _parted(sentence, low, high, crossed, left >= end, others)
                    and (left < end or crossed or not _opens_list(sentence, low, high, right, others))
                ):
                    continue
                distance = high - low + 40 * crossed
        if best is None or distance < best[0]:
            best = distance, side
    return best[1] if best else None


def _opens_list(sentence: str, low: int, high: int, right: int, others: Sequence[tuple[int, int]]) -> bool:
    """Whether a side behind a colon says where the finding before the colon is: "стеноз ВСА: справа 70%, слева 40%"."""
    if not _COLON.fullmatch(sentence, low, high):
        return False
    mark = _CLAUSE.search(sentence, right)
    return not any(right <= a < (mark.start() if mark else len(sentence)) for a, _ in others)


def _is_said_apart(sentence: str, low: int, high: int, right: int) -> bool:
    """Whether a Russian adjective behind a comma says the side of what stands before it: "гинекомастия у подростка,
    двусторонняя", "грыжа диска 8 мм, парамедианная слева"."""
    if _CLAUSE_OVER.match(sentence, right) is None:
        return False
    return (_ADJECTIVE_AND.fullmatch(sentence, low, high) or _AGREEING.fullmatch(sentence, low, right)) is not None


def _is_of_the_first(sentence: str, left: int, right: int, start: int, others: Sequence[tuple[int, int]]) -> bool:
    """Whether a word of side before "and" belongs to the place of the finding before it."""
    return (
        any(b <= left or a < left < b <= start for a, b in others)
        and _OF_A_PLACE.search(sentence, 0, left) is not None
        and _AND.fullmatch(sentence, right, start) is not None
    )


def _is_adverb_of_the_first(
    sentence: str, left: int, right: int, start: int, end: int, sides: Sequence[SideSpan]
) -> bool:
    """Whether an English adverb of side is said of what stands before it, and the mention has a side behind it: "a tumour on the
    right and a stone in the left duct"."""
    if not _ON_THE.search(sentence, 0, left) or not _AND_ANOTHER.fullmatch(sentence, right, start):
        return False
    return any(later >= end and _ITS_OWN.fullmatch(sentence, end, later) for later, _, _ in sides)


def _is_attribute(sentence: str, left: int, right: int, others: Sequence[tuple[int, int]]) -> bool:
    """Whether a word of side belongs to another finding right behind it; the Russian adverbs do not."""
    if sentence[left:right].lower() in {"слева", "справа", "влево", "вправо"} or _ON_THE.search(sentence, 0, left):
        return False
    if sentence[left].isascii() and any(a == left and right < b for a, b in others):
        return True  # "Kerley B lines and small bilateral effusions": a word of the other's name
    reach = _LATER if sentence[left].isascii() else 2
    return any(
        0 <= a - right <= reach and _MODIFIERS.fullmatch(sentence, right, a) and not _SPREADS.match(sentence, a)
        for a, _ in others
    )


def side_of_place(place: tuple[int, int], sides: Sequence[SideSpan], reach: int = 1) -> tuple[bool, Side | None]:
    """(whether one is named, the side) of an anatomy in a list: the word of side right beside it."""
    start, end = place
    for left, right, side in sides:
        if 0 <= start - right <= reach or 0 <= left - end <= reach or (left >= start and right <= end):
            return True, side
    return False, None


def _parted(sentence: str, low: int, high: int, crossed: int, behind: bool, others: Sequence[tuple[int, int]]) -> bool:
    """Whether a clause ends between; the marks of a Chinese list ("双侧放射冠、半卵圆中心多发腔梗") end none, nor
    does "with" behind a mere place ("правый яичник с кистой"). ``behind``: the side comes last."""
    for match in _CLAUSE.finditer(sentence, low):  # it looks ahead: "гематома с левой стороны"
        if match.end() > high:
            break
        if match.group() == "、":
            continue
        if (
            match["with"] == "with"
            and behind
            and (crossed == 1 or (not crossed and not _SOME_ONLY.search(sentence, match.end(), high)))
            and _IN_ONE_PLACE.search(sentence, match.end(), high)
        ):
            continue
        if match["with"] == "с " and behind and crossed == 1 and _ADVERB_LAST.match(sentence, high):
            continue  # "полость с уровнем жидкости в S6 слева"
        if match["with"] == "с " and behind and crossed < 2 and _IN_RUSSIAN.fullmatch(sentence, match.end(), high):
            continue  # "образование с ровным контуром в левой почке", "в верхней доле левого легкого"
        if match["zh"] and not behind:
            continue  # "椎间盘膨出并左侧椎间孔狭窄": the side that comes last is the second one's only
        if match["with"] and not behind and (not crossed or match["with"] in _DENIALS):
            comma = max(sentence.rfind(mark, 0, match.start()) for mark in ",;.，")
            if not any(comma < a < match.start() for a, _ in others):
                continue
        return True
    return False


def _lower_first(sentence: str) -> str:
    """Words of side in lower case wherever they are written with a capital; the abbreviations keep theirs."""
    return re.sub(
        r"\b(?:Left|Right|LEFT|RIGHT|[Bb]ilat\w*|BILAT\w*|Both|Bibasilar|Bibasal|Bifrontal|Bihilar|Biapical|Bitemporal|Lt|Rt)\b",
        lambda m: m.group().lower(),
        sentence,
    )
