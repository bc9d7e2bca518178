"""Questions read: which of nested concepts are kept."""

from __future__ import annotations

import pytest

from caseindex.retrieval.question import read_question


@pytest.mark.parametrize(
    ("text", "concepts"),
    [
        ("stroke, ischaemic stroke", {"ischemic_stroke"}),
        ("tumour meningioma", {"meningioma"}),
        ("meningioma or other tumour", {"meningioma", "tumor"}),
        ("менингиома или другая опухоль", {"meningioma", "tumor"}),
        ("менингиома и другие опухоли", {"meningioma", "tumor"}),
        ("脑膜瘤或其他肿瘤", {"meningioma", "tumor"}),
        ("sinusitis, opacified sinuses", {"sinusitis", "sinus_opacification"}),
        ("затемнение пазух, синусит", {"sinusitis", "sinus_opacification"}),
        ("鼻窦炎，鼻窦混浊", {"sinusitis", "sinus_opacification"}),
    ],
)
def test_a_broader_concept_stays_only_as_an_alternative(text: str, concepts: set[str]) -> None:
    units = {unit.concept for unit in read_question(text).units}
    assert units & {*concepts, "tumor", "stroke", "sinus_opacification"} == concepts


@pytest.mark.parametrize(
    ("text", "concepts"),
    [
        ("normal chest x-ray", {"normal", "chest", "chest_xray"}),
        ("нормальная рентгенограмма грудной клетки", {"normal", "chest", "xray"}),
        ("正常胸片", {"normal", "chest", "chest_xray"}),
        ("норма головного мозга", {"normal", "brain"}),
        ("normal brain MRI", {"normal", "brain", "mri"}),
        ("normal", {"normal"}),
        ("abnormal lung", {"lung"}),
        ("normal pressure hydrocephalus", {"nph"}),
        ("cardiomegaly, lungs normal", {"cardiomegaly", "lung"}),
    ],
)
def test_a_question_for_what_is_normal_keeps_its_place(text: str, concepts: set[str]) -> None:
    question = read_question(text)
    assert {unit.concept for unit in question.units} == concepts
    assert not {"norma", "норма", "normal", "нормальный", "正常"} & set(question.terms) or "normal" not in concepts


@pytest.mark.parametrize(
    ("text", "terms"),
    [("перелом без смещения", ()), ("перелом со смещением", ("смещение",)), ("без смещения", ("смещение",))],
)
def test_what_the_question_denies_is_not_asked_for(text: str, terms: tuple[str, ...]) -> None:
    assert read_question(text).terms == terms


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("гидронефроз справа", ["гидронефроз, справа"]),
        ("left pleural effusion", ["pleural effusion, left"]),
        ("左侧肾积水", ["肾积水, 左侧"]),
        ("без признаков пневмоторакса", ["− пневмоторакс"]),
    ],
)
def test_what_was_understood_is_said_with_its_side(text: str, names: list[str]) -> None:
    assert read_question(text).names() == names
