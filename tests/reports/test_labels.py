"""The published sets of labels, by reports whose label is beyond doubt."""

from __future__ import annotations

import pytest

from caseindex.demo.cohort import plan
from caseindex.demo.diagnoses import PUBLISHED, label
from caseindex.demo.wording import write_report
from caseindex.errors import UsageError
from caseindex.records import Language
from caseindex.reports.labels.brain_ct import BRAIN_CT, CLASSES
from caseindex.reports.labels.catalogue import LABEL_SETS, label_set
from caseindex.reports.labels.chexpert import CHEXPERT, OBSERVATIONS
from caseindex.reports.labels.ct_rate import ABNORMALITIES, CT_RATE
from caseindex.reports.labels.mosmed import MOSMED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "ОНМК по геморрагическому типу левой гемисферы головного мозга с прорывом в желудочки",
            "Геморрагический инсульт",
        ),
        ("Патологии не выявлено", "Патологии не выявлено"),
        (
            "ОНМК по ишемическому типу в бассейне ПВСА, отек правой гемисферы головного мозга",
            "Ишемический инсульт",
        ),
        ("Умеренный отек правой гемисферы головного мозга", "Отек головного мозга"),
        ("Отек правой гемисферы, ОНМК по ишемическому типу", "Отек головного мозга"),
        ("Описание: менингиома. Заключение: Положительная динамика.", "Положительная динамика"),
        ("Гематома в динамике уменьшилась. Заключение: очаг с положительной динамикой.", "Положительная динамика"),
        ("За исключением ликворной кисты слева, патологии не выявлено.", "Ликворная киста"),
        ("Состояние после ОНМК. Атрофия головного мозга.", "Атрофия головного мозга"),
        ("Вероятно, глиома лобной доли.", "Объемное образование головного мозга"),
        ("Кровоизлияния не выявлено. Гидроцефалия.", "Гидроцефалия"),
        ("Очаговых изменений и кровоизлияний не выявлено.", "Патологии не выявлено"),
        ("Исследование выполнено с артефактами.", ""),
    ],
)
def test_first_diagnosis_of_the_conclusion(text: str, expected: str) -> None:
    assert BRAIN_CT.of(text)["label"] == expected


def test_the_classes_are_those_of_the_published_archive() -> None:
    assert set(CLASSES) == {name for name, _ in PUBLISHED.values()}


@pytest.mark.parametrize("language", list(Language))
def test_synthetic_reports_get_their_class(language: Language) -> None:
    exams = plan(300, 3, {language: 1.0})
    right = [BRAIN_CT.of(write_report(e).text, language)["label"] == label(e.disease.diagnosis) for e in exams]
    assert sum(right) / len(right) >= 0.98


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("No pneumothorax. Small left pneumothorax.", {"Pneumothorax": "1", "No Finding": ""}),
        ("No pneumonia. Pneumonia cannot be excluded.", {"Pneumonia": "-1", "No Finding": ""}),
        ("No pleural effusion or pneumothorax.", {"Pleural Effusion": "0", "Pneumothorax": "0", "No Finding": "1"}),
        ("Right pacemaker. No edema.", {"Support Devices": "1", "Edema": "0", "No Finding": "1"}),
        ("Congestive heart failure.", {"Edema": "1", "Cardiomegaly": "-1"}),
        ("FINDINGS: Cardiomegaly.\nIMPRESSION: No edema.", {"Cardiomegaly": "", "Edema": "0", "No Finding": "1"}),
        ("FINDINGS: Cardiomegaly.", {"Cardiomegaly": "1", "Lung Lesion": "", "No Finding": ""}),
        ("History of pneumonia.", {"Pneumonia": "", "No Finding": "1"}),
    ],
)
def test_chexpert_aggregates_as_published(text: str, cells: dict[str, str]) -> None:
    got = CHEXPERT.of(text)
    assert tuple(got) == OBSERVATIONS
    assert len(got) == 14
    assert {name: got[name] for name in cells} == cells


def test_ct_rate_says_what_is_present() -> None:
    got = CT_RATE.of("Two nodules in the right lung. No effusion. Coronary calcification. Possible consolidation.")
    assert len(ABNORMALITIES) == 18
    assert {name for name, cell in got.items() if cell == "1"} == {"Lung nodule", "Coronary artery wall calcification"}
    assert set(got.values()) == {"0", "1"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Очаговых и инфильтративных изменений в легких не выявлено.", "norm"),
        ("КТ органов грудной клетки: без патологии.", "norm"),
        ("Единичные петрификаты в легких, остеофиты грудного отдела.", "norm"),
        ("Участки матового стекла в обоих легких.", "pathology"),
        ("Пневмония не исключается.", "pathology"),
        ("Исследование выполнено с артефактами.", ""),
    ],
)
def test_norm_or_pathology(text: str, expected: str) -> None:
    assert MOSMED.of(text)["label"] == expected


def test_an_unknown_set_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="brain-ct, chexpert, ct-rate, mosmed"):
        label_set("padchest")
    assert set(LABEL_SETS) == {"brain-ct", "chexpert", "ct-rate", "mosmed"}
