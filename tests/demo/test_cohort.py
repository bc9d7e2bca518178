from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from caseindex.demo.cohort import Exam, plan
from caseindex.demo.diagnoses import PUBLISHED, Diagnosis
from caseindex.records import Language

MIX = {Language.RUSSIAN: 0.8, Language.ENGLISH: 0.1, Language.CHINESE: 0.1}


@pytest.fixture(scope="module")
def exams() -> list[Exam]:
    return plan(978, 0, MIX)


def test_classes_are_the_published_ones(exams: list[Exam]) -> None:
    found = Counter(exam.disease.diagnosis for exam in exams)
    assert found == {diagnosis: count for diagnosis, (_, count) in PUBLISHED.items()}


def test_the_plan_follows_from_the_seed(exams: list[Exam]) -> None:
    assert plan(978, 0, MIX) == exams
    assert plan(978, 1, MIX) != exams


def test_a_patient_is_one_person_on_one_side_of_the_split(exams: list[Exam]) -> None:
    by_patient = defaultdict(list)
    for exam in exams:
        by_patient[exam.patient].append(exam)
    several = [group for group in by_patient.values() if len(group) > 1]
    assert len(several) > 100
    for group in several:
        assert len({exam.in_test for exam in group}) == 1
        assert [exam.visit for exam in group] == list(range(len(group)))
        assert all(earlier.date < later.date for earlier, later in pairwise(group))
        first, last = group[0].person, group[-1].person
        assert (first.vault_mm == last.vault_mm).all()
        assert (first.sulci, first.sex, first.half_breadth_mm) == (last.sulci, last.sex, last.half_breadth_mm)


def test_every_class_is_on_both_sides(exams: list[Exam]) -> None:
    held = Counter(exam.disease.diagnosis for exam in exams if exam.in_test)
    assert set(held) == set(Diagnosis)
    assert 0.2 < sum(held.values()) / len(exams) < 0.3


def test_improvement_follows_an_earlier_examination(exams: list[Exam]) -> None:
    better = [exam for exam in exams if exam.disease.diagnosis is Diagnosis.IMPROVEMENT]
    assert all(exam.prior is not None and exam.prior < exam.date for exam in better)
    assert sum(exam.visit > 0 for exam in better) >= 30
    assert all(finding.phase == "old" for exam in better for finding in exam.disease.findings[:1])


def test_uids_are_valid_and_distinct(exams: list[Exam]) -> None:
    uids = [uid for exam in exams for uid in (exam.study_uid, exam.series_uid, exam.image_uid(0), exam.image_uid(1))]
    assert len(set(uids)) == 4 * len(exams)
    assert all(len(uid) <= 64 and uid.startswith("2.25.") and uid[5] != "0" for uid in uids)


def test_languages_are_mixed_as_asked() -> None:
    found = Counter(exam.language for exam in plan(600, 3, {Language.ENGLISH: 0.5, Language.CHINESE: 0.5}))
    assert set(found) == {Language.ENGLISH, Language.CHINESE}
    assert abs(found[Language.ENGLISH] - 300) < 60
