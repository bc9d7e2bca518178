from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace

import pytest

from caseindex.demo.cohort import Exam, plan
from caseindex.demo.diagnoses import Diagnosis
from caseindex.demo.wording import write_report
from caseindex.records import Language, Side

MIX = {Language.RUSSIAN: 1.0}
SECTIONS = {
    Language.RUSSIAN: (r"(?i)описание[:.]", r"(?i)заключение:"),
    Language.ENGLISH: (r"(?i)findings:", r"(?i)(impression|conclusion):"),
    Language.CHINESE: ("所见", "影像诊断|诊断意见"),
}
#: What a report of the class says in its conclusion, whatever the phrase.
SAYS = {
    Diagnosis.ISCHEMIC: r"(?i)ишем|инфаркт|ОНМК|isch|infarct|梗死|缺血",
    Diagnosis.HEMORRHAGIC: r"(?i)геморраг|гематом|кровоизл|hemorr|haemorr|hematoma|haematoma|bleed|出血|血肿",
    Diagnosis.EDEMA: r"(?i)отек|edema|oedema|水肿",
    Diagnosis.ANEURYSM: r"(?i)аневризм|aneurysm|动脉瘤",
    Diagnosis.EPIDURAL: r"(?i)эпидуральн|epidural|extradural|硬膜外",
    Diagnosis.HYDROCEPHALUS: r"(?i)гидроцефал|hydroceph|脑积水",
    Diagnosis.SUBARACHNOID: r"(?i)САК|субарахноидальн|SAH|subarachnoid|蛛网膜下腔",
    Diagnosis.ATROPHY: r"(?i)атроф|atrophy|萎缩",
    Diagnosis.CYST: r"(?i)кист|cyst|囊肿",
}
LEFT = re.compile(r"\bслева\b|\bлев(ой|ого|ом|ая|ую|ых|ый)\b|\bleft\b|左")
RIGHT = re.compile(r"\bсправа\b|\bправ(ой|ого|ом|ая|ую|ых|ый)\b|\bright\b|右")
DENIED = re.compile(r"(?i)(без признаков|данных за) кровоизлия|no evidence of hemorrhage|未见出血")


@pytest.fixture(scope="module")
def exams() -> list[Exam]:
    return plan(978, 0, MIX)


@pytest.mark.parametrize("language", list(Language))
def test_every_class_reads_well_in_every_language(exams: list[Exam], language: Language) -> None:
    for exam in exams[::2]:
        written = write_report(replace(exam, language=language))
        assert not re.search(r"[\[\]{}|]|  |\.\.| [.,;]|,\.|\.,", written.text), written
        for section in SECTIONS[language]:
            assert re.search(section, written.text), written
        conclusion = written.text.rsplit("\n", 1)[1]
        says = SAYS.get(exam.disease.diagnosis)
        assert says is None or re.search(says, conclusion), written


@pytest.mark.parametrize("language", list(Language))
def test_sides_are_those_of_the_findings(exams: list[Exam], language: Language) -> None:
    checked = 0
    for exam in exams:
        sides = {finding.side for finding in exam.disease.findings if finding.side}
        text = write_report(replace(exam, language=language)).text
        if sides == {Side.LEFT}:
            assert not RIGHT.search(text), text
            checked += bool(LEFT.search(text))
        elif sides == {Side.RIGHT}:
            assert not LEFT.search(text), text
            checked += bool(RIGHT.search(text))
    assert checked > 200


def test_what_is_there_is_not_denied(exams: list[Exam]) -> None:
    bleeding = {"hematoma", "subarachnoid", "epidural", "subdural", "contusion"}
    denied = 0
    for exam in exams:
        text = write_report(exam).text
        if bleeding & {finding.kind for finding in exam.disease.findings}:
            assert not DENIED.search(text), text
        else:
            denied += bool(DENIED.search(text))
    assert denied > 50


def test_texts_vary_and_follow_from_the_seed(exams: list[Exam]) -> None:
    texts = defaultdict(set)
    for exam in exams:
        texts[exam.disease.diagnosis].add(write_report(exam).text)
        assert write_report(exam) == write_report(exam)
    for diagnosis, found in texts.items():
        assert len(found) >= sum(exam.disease.diagnosis is diagnosis for exam in exams) * 0.85


def test_some_phrases_are_held_out(exams: list[Exam]) -> None:
    sets = defaultdict(set)
    for exam in exams:
        written = write_report(exam)
        sets[exam.disease.diagnosis].add((written.template.rsplit(".")[-1], written.held_out))
    for found in sets.values():
        assert len({conclusion for conclusion, _ in found}) == len(found)  # a conclusion is in one set only
    assert sum(any(held for _, held in found) for found in sets.values()) == 15
