"""What a Russian sentence names and yet does not state: a detail of what it has stated already, or a word that means
something else beside others."""

from __future__ import annotations

import re
from collections.abc import Sequence

from caseindex.reports.lexicon import Lexicon, Mention
from caseindex.reports.table import ConceptKind

_FOCI = frozenset("lesion mass nodule liver_mass lung_nodule brain_mass bone_tumor renal_mass".split())
# "размеры очагов", "часть очагов в печени", "сумма таргетных очагов"
_MEASURE = re.compile(
    r"\b(?:размер|количеств|кол-в|част|числ|сумм|диаметр|больш\w+ част|большинств|накоплени\w+ в)[а-яё]*(?: и [а-яё]+)?\s+(?:[а-яё]+\s+){0,2}$",
    re.IGNORECASE,
)
_ACTIVE = re.compile(r"активн\w+\s+(?:[а-яё]+\s+)?$", re.IGNORECASE)
_LEVEL = re.compile("(?:горизонтальн\\w+ )?уров(?:ень|н)", re.IGNORECASE)
_HOLDS_LEVEL = frozenset("lung_cavity lung_abscess abscess cyst bulla liver_abscess pancreatic_pseudocyst".split())
_CAVITY = re.compile(r"(?:[^,;]*\s)?(?:полость|каверна|булла|абсцесс)(?! плевр)\b", re.IGNORECASE)
# What a word means beside others: concept -> (how its mention begins; what stands anywhere in the sentence)
_BESIDE_A_DISC = ("секвестр", r"грыж|диск|дурал|корешк|\b[LSC]\d")
_SALIVARY = "подчелюст|поднижнечелюст|околоуш|слюн|слезн|молочн"
_OTHER_MEANINGS = {
    "midline_shift": (  # "дислокация отломков", "дислокация дренажной трубки"
        r"(?:дислокац|смещени)\w* (?:[а-яё]+ ){0,2}(?:отломк|фрагмент|миндалин|дренаж|катетер|трубк|зонд|электрод|эндопротез|стент|фиксатор|хрусталик|надколенник|хряща|гортан|трахе|пищевод|почк|матк|орган|сердц|позвон)",
        "",
    ),
    **dict.fromkeys(["pulmonary_sequestration", "osteomyelitis", "spondylodiscitis"], _BESIDE_A_DISC),
    # "КТ-3 (поражение 60%)", "смещение в сторону поражения"
    "lesion": (r"поражени\w+ (?:до |около |более )?\d|(?<=сторону )поражени|(?<=стороне )поражени", ""),
    "vertebral_fracture": (r"перелом\w* (?:винт|стержн|пластин|конструкц|фиксатор|металлоконструкц)", ""),
    "stenosis": ("сужени", "физиологическ\\w+ сужени"),  # "на уровне первого физиологического сужения пищевода"
    "lung_cavity": ("остаточн\\w+ полост", "абсцесс|гематом|киста"),  # "абсцесс дренирован, остаточная полость"
    "occlusion": (
        "(?:окклюзирующ|окклюзивн|обтурирующ|обтурационн)\\w+ (?:флотирующ\\w+ )?тромб",
        "",
    ),  # said of a clot that is named
    **dict.fromkeys(  # "увеличение размеров очагов печени"
        ["hepatomegaly", "splenomegaly"],
        (
            r"увеличени\w+ (?:[а-яё]+ ){0,3}(?:очаг|узл|узел|образован|метаст|кист|гематом|абсцесс|гемангиом|количеств|числа)",
            "",
        ),
    ),
    # "изменения посттравматического характера"
    "injury": ("(?:пост)?травматическ\\w+ (?:характер|генез|происхожд|изменен)", ""),
    "osteophyte": ("шип", "перегородк"),  # "искривление перегородки с костным шипом"
    "fibrosis": (r"фиброзно-(?!измен|рубц|спаеч|очаг)", ""),  # "фиброзно-хрящевой комплекс"
    "coronary_disease": ("(?:стеноз|окклюз|ПКА)", r"\bПБА\b|бедренн|подколенн|голен|конечност"),  # "ПКА" of a leg
    "disc_herniation": ("экструзи", "мениск"),  # "экструзия тела мениска"
    "hyperinflation": ("гиперпневматиз", "пазух|ячеек|сосцевид"),
    "biliary_dilatation": ("проток", _SALIVARY),
    "choledocholithiasis": ("конкремент|кам", _SALIVARY),
    "cavernoma": ("каверном", "воротн|портал"),  # a cavernous portal vein
    "vp_shunt": ("шунт", r"ПМЖВ|ПНА\b|\bОВ\b|ПКА\b|коронар|АКШ|МКШ|бедренн|подколенн|портосистем|TIPS|проходим"),
    "malignancy": ("злокачественност", "низк|высок|степен"),  # "глиома низкой степени злокачественности"
    "pneumatosis": ("газ", "пузыр|почк"),  # "газ в стенке мочевого пузыря"
    "mass": (
        r"образованием\W{1,3}[а-яё]+(?:ого|его|ов|ей|и|ы|а|я|ых|их)\b",
        r"\bс образованием",
    ),  # "с образованием карманов"
}
_OTHER_PATTERNS = {
    concept: (re.compile(word, re.IGNORECASE), re.compile(beside, re.IGNORECASE))
    for concept, (word, beside) in _OTHER_MEANINGS.items()
}
_SHADOW = re.compile("акустическ|тень", re.IGNORECASE)
# "узел высокой плотности", "инородное тело металлической плотности"
_OF_DENSITY = re.compile(r"(?:[а-яё]+(?:ой|ей) )+(?:плотности|интенсивности|эхогенности)", re.IGNORECASE)
_WITH = re.compile(r"\bс (?:[а-яё]+ ){0,2}$", re.IGNORECASE)  # "кавернома с гемосидериновым ободком"
# "ВПШ, дистальный конец катетера в брюшной полости"
_END_OF = re.compile(
    r"\b(?:кон(?:ец|ца|цом)|кончик\w*|отрез\w+|отдел\w*|част\w+|отверсти\w+|завит\w+) (?:[а-яё]+ )?$", re.IGNORECASE
)
_CONSTRUCTION = re.compile("(?:металло)?конструкци|винт|стержн|пластин", re.IGNORECASE)
_HOLDS_CONSTRUCTION = frozenset(["spinal_fusion", "joint_prosthesis"])
# "компрессионный перелом L1, костный мозг отечен, то есть перелом свежий"
_SAME_FRACTURE = re.compile(
    r"перелом (?:[а-яё]+ )?(?:свеж|стар|несвеж|консолидир|остр|подостр|стабил|нестабил)", re.IGNORECASE
)
_COLLECTED_BLOOD = re.compile("скоплени\\w+ крови|кров", re.IGNORECASE)
_BLOOD = frozenset(["hemorrhage", "intracranial_hemorrhage", "brain_hemorrhage"])
_DENSITIES = frozenset(["hyperdensity", "density_abnormality", "lung_opacity", "signal_abnormality", "lipoma"])
_HAEMATOMA = frozenset(["sdh", "chronic_sdh", "edh"])


def is_detail(mention: Mention, stated: Sequence[Mention], sentence: str, start: int, lexicon: Lexicon) -> bool:
    """Whether a mention only tells more of another one, or its words mean something else in this sentence. ``stated``:
    all that the sentence states; ``start``: where the mention begins in it."""
    earlier = [other for other in stated if other.start < mention.start]
    before = sentence[:start]
    return (
        _means_other(mention, sentence, start)
        or _is_healing(mention, stated, lexicon)
        or _is_shadow(mention)
        or _is_level(mention, earlier, before)
        or _is_lumen(mention, stated)
        or _are_foci_told(mention, stated, earlier, before, lexicon)
        or _is_quality(mention, earlier, before)
        or _is_part_of_device(mention, earlier, before, lexicon)
        or _is_same_fracture(mention, earlier, sentence, start, lexicon)
        or _is_blood_told(mention, stated)
    )


def _means_other(mention: Mention, sentence: str, start: int) -> bool:
    """Whether the words of a mention mean something else in its sentence: "дислокация отломков"."""
    patterns = _OTHER_PATTERNS.get(mention.concept)
    if patterns is None:
        return False
    word, beside = patterns
    return word.match(sentence, start) is not None and beside.search(sentence) is not None


def _is_healing(mention: Mention, stated: Sequence[Mention], lexicon: Lexicon) -> bool:
    """Whether a consolidation is that of a bone: "перелом ключицы, консолидации нет"."""
    if mention.concept != "consolidation" or len(stated) == 1:
        return False
    fractures = {"hardware", *lexicon.expand("fracture")}
    return any(other.concept in fractures for other in stated) and not any(
        "lung" in lexicon.organs(other.concept) for other in stated
    )


def _is_shadow(mention: Mention) -> bool:
    """Whether an acoustic shadow is not that of a stone, since no organ made it one: "образование с акустической тенью"."""
    return mention.concept == "stone" and _SHADOW.match(mention.text) is not None


def _is_level(mention: Mention, earlier: Sequence[Mention], before: str) -> bool:
    """Whether a level of fluid stands in a cavity and not in the pleura: "полость с уровнем жидкости"."""
    if not _LEVEL.match(mention.text):
        return False
    return _CAVITY.match(before) is not None or any(other.concept in _HOLDS_LEVEL for other in earlier)


def _is_lumen(mention: Mention, stated: Sequence[Mention]) -> bool:
    """Whether a lumen is that of a dissection that is named: "расслоение аорты, ложный просвет тромбирован"."""
    return mention.concept == "dissection" and any(
        other.concept in ("aortic_dissection", "arterial_dissection") for other in stated
    )


def _are_foci_told(
    mention: Mention, stated: Sequence[Mention], earlier: Sequence[Mention], before: str, lexicon: Lexicon
) -> bool:
    """Whether foci are those of a disease that is named: "метастазы печени, размеры очагов увеличились", "активных очагов
    нет" of a multiple sclerosis."""
    if mention.concept not in _FOCI:
        return False
    if _ACTIVE.search(before):
        return any(other.concept not in _FOCI for other in stated)
    return _MEASURE.search(before) is not None and any(
        not _FOCI.isdisjoint((other.concept, *lexicon.ancestors(other.concept)))
        or "metastasis" in other.concept
        or "lymphadenopathy" in other.concept
        for other in earlier
    )


def _is_quality(mention: Mention, earlier: Sequence[Mention], before: str) -> bool:
    """Whether a density is that of what stands right before it, a rim of haemosiderin that of a cavernoma."""
    if mention.concept == "susceptibility":
        return bool(earlier) and _WITH.search(before) is not None
    if mention.concept not in _DENSITIES or not earlier or _OF_DENSITY.match(mention.text) is None:
        return False
    return 0 <= mention.start - earlier[-1].end <= 1


def _is_part_of_device(mention: Mention, earlier: Sequence[Mention], before: str, lexicon: Lexicon) -> bool:
    """Whether a catheter is the end of a device that is named, a construction that of an operated spine: "состояние после
    ТПФ, конструкция стабильна"."""
    if mention.concept == "hardware":
        return _CONSTRUCTION.match(mention.text) is not None and any(
            other.concept in _HOLDS_CONSTRUCTION for other in earlier
        )
    if mention.concept != "support_device" or _END_OF.search(before) is None:
        return False
    return any(lexicon.concepts[other.concept].kind is ConceptKind.DEVICE for other in earlier)


def _is_same_fracture(
    mention: Mention, earlier: Sequence[Mention], sentence: str, start: int, lexicon: Lexicon
) -> bool:
    """Whether a fracture is one that was named, of which its age is told."""
    if "fracture" not in mention.concept or _SAME_FRACTURE.match(sentence, start) is None:
        return False
    kinds = lexicon.expand("fracture")
    return any(other.concept in kinds for other in earlier)


def _is_blood_told(mention: Mention, stated: Sequence[Mention]) -> bool:
    """Whether blood is that of a haematoma of the coverings: "скопление крови по конвексу (субдуральная гематома)"."""
    return (
        mention.concept in _BLOOD
        and _COLLECTED_BLOOD.match(mention.text) is not None
        and any(other.concept in _HAEMATOMA for other in stated)
    )
