"""The report against itself and the record: each check agrees, contradicts or cannot know."""

from __future__ import annotations

import pytest

from caseindex.records import Image, Language, Report, Sex
from caseindex.retrieval.verify.claims import claims_of
from caseindex.retrieval.verify.consistency import checked
from caseindex.retrieval.verify.demographics import told_ages, told_sex
from caseindex.retrieval.verify.filed import Filed


def outcomes(text: str, language: Language = Language.ENGLISH, **record: object) -> dict[str, str]:
    image = Image(image_uid="i", study_uid="s", file="f", source="f", **record)  # type: ignore[arg-type]
    filed = Filed(Report(report_uid="r", study_uid="s", text=text, file="f", language=language), (image,))
    return {one.check.value: one.outcome.value for one in checked(filed, claims_of(text, language))}


@pytest.mark.parametrize(
    ("text", "ages"),
    [
        ("57yo F with 1 mo cough", (57.0,)),
        ("A 32 year-old female, mother at 30 years old", (32.0, 30.0)),
        ("Мужчина 45 лет", (45.0,)),
        ("Операция 5 лет назад", ()),
        ("女，63岁", (63.0,)),
        ("Colon cancer 5y ago", ()),
    ],
)
def test_ages_as_reports_give_them(text: str, ages: tuple[float, ...]) -> None:
    assert told_ages(text) == ages


@pytest.mark.parametrize(
    ("text", "sex"),
    [
        ("57yo F with cough", Sex.FEMALE),
        ("45 y.o. man", Sex.MALE),
        ("Пациентка направлена", Sex.FEMALE),
        ("男性，70岁", Sex.MALE),
        ("woman whose husband, a man of 50", None),
        ("No acute abnormality", None),
    ],
)
def test_sex_as_reports_give_it(text: str, sex: Sex | None) -> None:
    assert told_sex(text) is sex


def test_age_may_differ_by_a_birthday_and_not_by_a_decade() -> None:
    assert outcomes("57yo F", age_years=58.0)["age"] == "agrees"
    assert outcomes("57yo F", age_years=68.0)["age"] == "contradicts"
    assert outcomes("57yo F")["age"] == "unknown"


def test_an_organ_of_the_other_sex() -> None:
    assert outcomes("The prostate is enlarged.", sex=Sex.FEMALE)["organs"] == "contradicts"
    assert outcomes("The prostate is enlarged.", sex=Sex.MALE)["organs"] == "agrees"


def test_modality_and_body_part_of_the_record() -> None:
    text = "TECHNIQUE: CT of the chest. FINDINGS: Left pleural effusion."
    assert outcomes(text, modality="CT", body_part="CHEST")["modality"] == "agrees"
    assert outcomes(text, modality="MR", body_part="HEAD")["modality"] == "contradicts"
    assert outcomes(text, modality="MR", body_part="HEAD")["body_part"] == "contradicts"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ишемический инсульт слева. Рекомендована МРТ головного мозга.", Language.RUSSIAN),
        ("Left ischemic stroke. MRI is recommended.", Language.ENGLISH),
        ("左侧缺血性脑卒中。建议MRI检查。", Language.CHINESE),
    ],
)
def test_an_examination_that_is_only_advised_contradicts_nothing(text: str, language: Language) -> None:
    assert outcomes(text, language, modality="CT")["modality"] == "unknown"
    assert outcomes(text, language, modality="MR")["modality"] == "unknown"


def test_left_in_the_findings_and_right_in_the_impression() -> None:
    text = "FINDINGS: {} pleural effusion.\nIMPRESSION: {} pleural effusion."
    assert outcomes(text.format("Left", "Right"))["sides"] == "contradicts"
    assert outcomes(text.format("Left", "Left"))["sides"] == "agrees"
    assert outcomes(text.format("Bilateral", "Left"))["sides"] == "agrees"


def test_one_finding_asserted_and_denied() -> None:
    denied = "FINDINGS: No pneumothorax.\nIMPRESSION: {}"
    assert outcomes(denied.format("Pneumothorax."))["findings"] == "contradicts"
    assert outcomes(denied.format("No pneumothorax."))["findings"] == "agrees"


def test_no_abnormality_beside_a_finding_in_russian() -> None:
    text = "Описание: зона ишемии.\nЗаключение: Патологии не выявлено. {}"
    assert outcomes(text.format("Гидроцефалия."), Language.RUSSIAN)["normal"] == "contradicts"
    assert outcomes(text.format(""), Language.RUSSIAN)["normal"] != "contradicts"
