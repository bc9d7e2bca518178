"""Statements of Russian sentences: what a denial passes over, and what the other side is said to have."""

from __future__ import annotations

import pytest

from caseindex.records import Language
from caseindex.reports.statements import statements

_MARK = {"present": "+", "absent": "-", "uncertain": "?"}


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        # The verb left out, or in front of a list.
        ("Плевральный выпот: нет; перикардиальный выпот: до 5 мм.", {"pleural_effusion-", "pericardial_effusion+"}),
        ("Эмфизема; ателектазов, инфильтрации - нет.", {"emphysema+", "atelectasis-", "infiltrate-"}),
        ("Отсутствуют: кровоизлияние, перелом.", {"hemorrhage-", "fracture-"}),
        # A plural has several subjects, a participle in the singular one.
        ("Тендинит, бурсит, разрыв сухожилий не определяются.", {"tendinosis-", "bursitis-", "tendon_rupture-"}),
        ("Пневмония, туберкулёз исключён.", {"pneumonia+", "tuberculosis-"}),
        # Where something was looked for is there, unless it was removed.
        ("Вокруг кисты печени отёка не выявлено.", {"liver_cyst+", "edema-"}),
        ("Нет признаков консолидации перелома ключицы.", {"clavicle_fracture+"}),
        # What more is said of stands in no list of the denied; nor does what is of the past.
        ("ГПОД I ст., язвенной ниши не выявлено.", {"hiatal_hernia+", "ulcer-"}),
        ("У больного с раком лёгкого в анамнезе очагов в печени не выявлено.", {"lung_cancer?h", "liver_mass-"}),
        ("Инсульт 5 лет назад, сейчас острой ишемии не видно.", {"stroke?h", "ischemic_stroke-"}),
        # The other side.
        ("Гонартроз III ст. справа, I-II ст. слева.", {"gonarthrosis+right", "gonarthrosis+left"}),
        ("Субдуральная гематома слева регрессировала, справа - без динамики.", {"sdh-left", "sdh+right"}),
        ("Паховая грыжа слева, справа грыжи нет.", {"inguinal_hernia+left", "inguinal_hernia-right"}),
        ("Переломы: 5 ребра, ключицы слева.", {"rib_fracture+", "clavicle_fracture+left"}),
        ("В левой молочной железе, на 2 ч, киста.", {"breast_cyst+left"}),
        ("Стеноз ВСА справа 60%, контралатерально до 30%.", {"carotid_stenosis+right", "carotid_stenosis+left"}),
        ("Слева паховая грыжа, справа бедренная.", {"inguinal_hernia+left", "hernia+right"}),
        ("Перелом обеих костей левого предплечья.", {"radius_fracture+left", "ulna_fracture+left"}),
        ("Образование с чёткими контурами в левой почке.", {"renal_mass+left"}),
        (
            "Печень: без очагов; левая почка - киста, камень.",
            {"liver_mass-", "renal_cyst+left", "nephrolithiasis+left"},
        ),
        # A detail of what is stated, a word that means something else here.
        ("Метастазы в печени, размеры очагов увеличились.", {"liver_metastasis+"}),
        ("Полость с уровнем жидкости, абсцесс лёгкого.", {"lung_abscess+"}),
        ("Грыжа L5-S1 с каудальным секвестром.", {"disc_herniation+"}),
        ("Дислокация отломков сохраняется.", set()),
        ("В желчном пузыре эхоструктуры с акустической тенью.", {"cholelithiasis+"}),
        ("Образование молочной железы с акустической тенью.", {"mass+"}),
        # What is there no more.
        ("На месте удалённой опухоли киста.", {"tumor?h", "cyst+"}),
        ("На месте ранее описанной консолидации тяжи фиброза.", {"consolidation-", "pulmonary_fibrosis+"}),
        # What words mean beside others, also before a semicolon.
        ("Миома матки; ВМК в полости.", {"uterine_fibroid+", "iud+"}),
        (
            "Узел правой доли щитовидной железы; в левой доле узлов нет.",
            {"thyroid_nodule+right", "thyroid_nodule-left"},
        ),
        ("Эмфизема, выпота нет.", {"emphysema+", "pleural_effusion-"}),
        ("Эпифизеолиз лучевой кости справа.", {"salter_harris+right"}),
        # A predicate is of its own clause.
        (
            "Образование головки ПЖ, подозрительное на рак, протоки печени расширены.",
            {"pancreatic_mass+", "pancreatic_cancer?", "biliary_dilatation+"},
        ),
        ("Разрыв внутреннего мениска, коллатеральные связки целы.", {"meniscal_tear+", "collateral_tear-"}),
        # A side that an adjective says behind a comma, that a comparison says, that a finding comes with.
        ("Гинекомастия у подростка, двусторонняя.", {"gynecomastia+both"}),
        ("В нижних долях обоих лёгких, больше справа, участки консолидации.", {"consolidation+both"}),
        ("Гидронефроз левой почки с конкрементом лоханки.", {"hydronephrosis+left", "nephrolithiasis+left"}),
        ("Гидронефроз правой почки и киста левой.", {"hydronephrosis+right", "renal_cyst+left"}),
        ("Пневмоторакс слева не определяется, справа - верхушечный.", {"pneumothorax-left", "pneumothorax+right"}),
        # What is in brackets is said of itself; a doubt of a denial, an either-or.
        ("Пневмония (выпота нет).", {"pneumonia+", "pleural_effusion-"}),
        ("Плевральные бляшки (асбестоз в анамнезе).", {"pleural_plaque+", "silicosis?h"}),
        ("Утверждать об отсутствии инсульта нельзя.", {"stroke?"}),
        ("Киста (?) правого яичника.", {"ovarian_cyst?right"}),
        ("В анамнезе рак почки, в лёгких очаги.", {"rcc?h", "lung_nodule+"}),
        # One finding in several places.
        ("Mts в лёгкие, печень.", {"lung_metastasis+", "liver_metastasis+"}),
        (
            "Перелом свода черепа с переходом на пирамиду височной кости.",
            {"skull_fracture+", "temporal_bone_fracture+"},
        ),
    ],
)
def test_statements_of_a_sentence(sentence: str, told: set[str]) -> None:
    made = {
        f"{one.finding}{_MARK[one.polarity.value]}{one.side.value if one.side else ''}{'h' if one.historical else ''}"
        for one in statements(sentence, Language.RUSSIAN)
    }
    assert made == told


def test_a_diagnosis_is_of_the_organ_of_the_mass_that_it_explains() -> None:
    sentence = "Образование головки поджелудочной железы с билиарной гипертензией: рак?"
    assert "pancreatic_cancer" in {one.finding for one in statements(sentence, Language.RUSSIAN)}
