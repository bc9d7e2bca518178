"""Languages, words and sentences."""

from __future__ import annotations

import pytest

from caseindex.records import Language
from caseindex.reports.text.chinese import simplified
from caseindex.reports.text.english import stem
from caseindex.reports.text.languages import detect
from caseindex.reports.text.russian import lemma
from caseindex.reports.text.sections import sections
from caseindex.reports.text.sentences import sentences
from caseindex.reports.text.spelling import one_edit_apart
from caseindex.reports.text.tokens import repaired, tokens


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ишемический инсульт", Language.RUSSIAN),
        ("КТ: признаки GGO, COVID-19", Language.RUSSIAN),
        ("Набряк головного мозку", Language.RUSSIAN),
        ("acute stroke", Language.ENGLISH),
        ("右侧脑出血 CT ICH", Language.CHINESE),
        ("sin evidencia de derrame pleural en la radiografia", None),
        ("kein Nachweis einer Blutung und der Raumforderung", None),
        ("12 : 34", None),
        ("", None),
    ],
)
def test_language(text: str, language: Language | None) -> None:
    assert detect(text) is language


def test_mixed_scripts_word_by_word() -> None:
    norms = [token.norm for token in tokens("Картина отёка, no haemorrhages, 双肺磨玻璃影")]
    assert norms == ["картина", "отек", "hemorrhag", "双肺", "磨玻璃影"]


def test_offsets() -> None:
    text = "МСКТ: ground-glass, 雙肺 1.5 см"
    assert all(text[token.start : token.end] == token.text for token in tokens(text, stop_words=True))


def test_stop_words() -> None:
    assert [token.norm for token in tokens("no sign of the stroke")] == ["sign", "stroke"]
    assert tokens("no stroke", stop_words=True)[0].stop


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("haemorrhage", "hemorrhages"),
        ("oedema", "edema"),
        ("tumours", "tumor"),
        ("ischaemic", "ischemic"),
        ("metastases", "metastasis"),
        ("vertebrae", "vertebra"),
        ("diverticula", "diverticulum"),
        ("calculi", "calculus"),
        ("oesophageal", "esophageal"),
    ],
)
def test_english_forms_are_one(one: str, other: str) -> None:
    assert stem(one) == stem(other)


def test_english_forms_that_differ() -> None:
    assert stem("meningitis") != stem("meninges")
    assert stem("masses") == stem("mass")


@pytest.mark.parametrize(
    ("form", "expected"),
    [("кровоизлияний", "кровоизлияние"), ("отёка", "отек"), ("лёгких", "легкое"), ("аневризму", "аневризма")],
)
def test_russian_lemma(form: str, expected: str) -> None:
    assert lemma(form) == expected


def test_look_alike_letters() -> None:
    assert repaired("инcульт") == "инсульт"
    assert repaired("stroke") == "stroke"
    assert repaired("сtrоke") == "ctroke"


def test_traditional_characters() -> None:
    assert simplified("雙側腦室擴大，無骨折") == "双侧脑室扩大，无骨折"


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("hemorhag", "hemorrhag", True),
        ("abscses", "abscess", True),
        ("edema", "edema", False),
        ("stroke", "struck", False),
        ("kyst", "cyst", True),
    ],
)
def test_one_edit_apart(a: str, b: str, expected: bool) -> None:
    assert one_edit_apart(a, b) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Киста 1.5 см. Смещения нет.", ["Киста 1.5 см.", "Смещения нет."]),
        ("Dr. Smith saw it. No change.", ["Dr. Smith saw it.", "No change."]),
        ("В 2018 г. перенес инсульт.", ["В 2018 г. перенес инсульт."]),
        ("1. Bullous emphysema. 2. Scar", ["1. Bullous emphysema.", "2. Scar"]),
        ("a lesion.There is more", ["a lesion.", "There is more"]),
        ("The effusion on the\nright side", ["The effusion on the\nright side"]),
        ("未见出血。右侧骨折；正常", ["未见出血。", "右侧骨折；", "正常"]),
        ("? pneumonia", ["? pneumonia"]),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert [text[a:b] for a, b in sentences(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "FINAL REPORT\n INDICATION: Cough.\n\n FINDINGS: Clear.\n\n IMPRESSION: Normal.",
            "indication findings impression",
        ),
        ("Caption: a\nHistory: b\nFindings: c\nDiagnosis: d", "caption history findings diagnosis"),
        ("Техника исследования: МСКТ.\nОписание: норма.\nЗаключение: без патологии.", "technique findings impression"),
        ("Анамнез: травма.\nЗАКЛЮЧЕНИЕ\nПерелом.", "history impression"),
        ("影像所见：双肺清晰。\n诊断意见：未见异常。", "findings impression"),
        ("检查方法：平扫。所见：出血。印象：脑出血。", "technique findings impression"),
        ("Clear lungs.", "body"),
        ("Note first.\nImpression: normal", "body impression"),
    ],
)
def test_sections(text: str, expected: str) -> None:
    assert " ".join(part.name for part in sections(text)) == expected


def test_section_offsets_hold_the_content() -> None:
    text = "FINDINGS: Clear lungs.\nIMPRESSION: Normal."
    assert [text[part.start : part.end] for part in sections(text)] == ["Clear lungs.", "Normal."]
