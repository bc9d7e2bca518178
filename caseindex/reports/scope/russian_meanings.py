"""Russian words that mean another finding beside others: "ВМК в полости матки" is a device, "ВМК в лобной доле" a bleeding."""

from __future__ import annotations

import re
from collections.abc import Sequence

from caseindex.reports.lexicon import Mention

_OF_THE_CHEST = r"л[её]гк(?:ого|их|ом|ое|ие)\b|инфильтр|плевр|пневмо|эмфизем|ателектаз|бронх|медиастин|средостен|\bбулл|\bОГК|матово"
_ELSEWHERE = r"сустав|брюшн|тазу?\b|перикард|колен|аппенд|печен|кишк|пузыр|матк|яичник|селез|\bпочк"
_REACH = 400  # characters back that tell what is meant
# (concept, what its mention begins with, what stands in the sentence, what does not, the concept that is meant)
_MEANINGS = [
    # "миома матки, ВМК в полости"
    ("brain_hemorrhage", "ВМК", r"матк|миом|эндометри|цервик|яичник", r"мозг|гемисфер|лобн|височн|темен", "iud"),
    # "гиперинтенсивный сигнал от зрительных нервов, неврит?"
    ("inflammation", "неврит", "зрительн", "$^", "optic_neuritis"),
    # "восходящая аорта расширена, расслоения стенки нет"
    ("dissection", "расслоени|диссекци", "аорт", r"сонн|позвоночн|артери|\bВСА|\bПА\b", "aortic_dissection"),
    # "конкрементов в полости пузыря нет" of the bladder
    ("cholelithiasis", "конкремент|кам", r"мочевого пузыря|мочевой пузырь", "желч", "bladder_stone"),
    # "ФКМ обеих желез, киста слева"
    ("cyst", "кист", r"мастопати|ФКМ|фиброаденом|фиброзно-кистозн|молочн|\bМЖ\b", "аксилл|подмыш|щитовидн", "breast_cyst"),
    # "эмфизема, выпота нет"
    ("free_fluid", "выпот", _OF_THE_CHEST, _ELSEWHERE, "pleural_effusion"),
    # "узел правой доли щитовидной железы; в левой доле узлов нет"
    ("nodule", "узел|узл", r"щитовидн|TI-?RADS|зоб\b", r"молочн|\bМЖ\b|л[её]гк|\bЛУ\b|печен|надпоч", "thyroid_nodule"),
    # "бляшка в устье левой ВСА, стеноз 55%"
    ("stenosis", r"(?:гемодинамически |значим\w+ )*стеноз", r"\bВСА\b|сонн|\bОСА\b|БЦА|каротид", r"позвон|\bПА\b|подключ|канал|почечн|клапан|коронар|\bСМА\b|ПКА|ПНА|гортан|трахе", "carotid_stenosis"),
    # "рак ободочной кишки, свободного газа нет"
    ("collection_gas", r"свободн\w+ (?:газ|воздух)", r"кишк|кишеч|брюшн|брюши|желуд|печен|аппенд|живот", r"плевр|средост", "pneumoperitoneum"),
    # "тендиноз надостной мышцы, разрыв справа"
    ("rupture", "разрыв", r"надостн|вращател|ротатор|подостн|подлопаточн", r"мениск|связ|губ|печен|селез|капсул", "rotator_cuff_tear"),
    # "острый холецистит, эмпиема ЖП"
    ("empyema", "эмпием", r"желчн|\bЖП\b", "плевр", "cholecystitis"),
    # "в белом веществе обеих гемисфер множественные очаги"
    ("lesion", r"(?:[а-яё]+ )*(?:очаг|фокус)", r"бел\w+ веществ", r"спинн|геморраг|ишеми|кровоизл|контузи|метаста", "white_matter_lesion"),
    # "отек тел L4, L5 по типу Modic 1"
    ("edema", r"от[её]к тел", r"позвон|\b[LTСC]h?\d|Modic", "поджелуд", "bone_marrow_edema"),
    # "затенение верхнечелюстных пазух, киста левой лобной"
    ("cyst", "кист", r"пазух", r"зуб|челюст(?!н)|мозг|полуш|дол[ия]", "sinus_retention_cyst"),
    # "аневризма аорты протезирована (эндопротез)"
    ("joint_prosthesis", "эндопротез", r"аорт|аневризм", r"сустав|\bТБС|\bКС\b", "stent"),
    ("joint_prosthesis", "эндопротез", r"молочн|\bМЖ\b", r"сустав", "support_device"),
    # "ретракция сухожилия, жировая дистрофия мышц"
    ("hepatic_steatosis", "жиров", "мышц|манжет", "печен|гепат", "atrophy"),
    # "субарахноидально в бороздах теменной доли полоски крови"
    ("brain_hemorrhage", r"(?:[а-яё]+ )?кров[иь]?\b", "субарахноидально|бороздах", "желудоч|внутримозг", "sah"),
    # "эпифизеолиз лучевой кости"
    ("scfe", "эпифизеолиз|остеоэпифизеолиз", r"лучев|локтев|плечев|фаланг|кисти|больше|мало|голен|пястн", "бедр", "salter_harris"),
]  # fmt: skip
Pattern = re.Pattern[str]
_PATTERNS: dict[str, list[tuple[Pattern, Pattern, Pattern, str]]] = {}
for _concept, _word, _beside, _without, _meant in _MEANINGS:
    _PATTERNS.setdefault(_concept, []).append(
        (re.compile(_word, re.I), re.compile(_beside, re.I), re.compile(_without, re.I), _meant)
    )


def as_meant_here(mentions: Sequence[Mention], report: str, end: int) -> Sequence[Mention]:
    """The mentions of a Russian sentence, which ends at ``end``, each with the concept that its words mean there; what stands
    before a semicolon tells as well."""
    if not any(mention.concept in _PATTERNS for mention in mentions):
        return mentions
    begin = max(report.rfind(mark, max(0, end - _REACH), mentions[0].start) for mark in (". ", "\n"))
    told = report[begin + 1 if begin >= 0 else max(0, end - _REACH) : end]
    return [_as_meant(mention, told) for mention in mentions]


def _as_meant(mention: Mention, told: str) -> Mention:
    for word, beside, without, meant in _PATTERNS.get(mention.concept, ()):
        if word.match(mention.text) and beside.search(told) and not without.search(told):
            return mention._replace(concept=meant)
    return mention
