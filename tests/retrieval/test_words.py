"""A search by words, over the three languages."""

from __future__ import annotations

import pytest

from caseindex.errors import UsageError
from caseindex.index.archive import Archive
from caseindex.index.filters import Filters
from caseindex.retrieval.query import Answer, Channel, Level, Query
from caseindex.retrieval.search import Searcher

ISCHAEMIC = {"ru-ischaemic", "en-ischaemic", "zh-ischaemic"}


def ask(archive: Archive, text: str, **options: object) -> Answer:
    return Searcher(archive).search(Query(text=text, **options))  # type: ignore[arg-type]


def studies(answer: Answer) -> list[str]:
    return [hit.study_uid for hit in answer.hits]


@pytest.mark.parametrize(
    "text", ["ишемический инсульт", "ischemic stroke", "缺血性脑卒中", "ОНМК по ишемическому типу"]
)
def test_languages_meet(archive: Archive, text: str) -> None:
    answer = ask(archive, text)
    assert set(studies(answer)) == ISCHAEMIC
    assert answer.searched == 10
    assert all(hit.matched_by == ("report",) for hit in answer.hits)
    assert all(hit.probability is None for hit in answer.hits)


def test_matched_terms_are_in_the_reports_language(archive: Archive) -> None:
    terms = {hit.study_uid: " ".join(hit.matched_terms).lower() for hit in ask(archive, "ischemic stroke").hits}
    assert "ишемический инсульт" in terms["ru-ischaemic"]
    assert "infarction" in terms["en-ischaemic"]
    assert "缺血性脑卒中" in terms["zh-ischaemic"]


@pytest.mark.parametrize("text", ["без признаков инсульта", "no evidence of infarction", "未见脑梗死"])
def test_a_denying_question_finds_what_is_denied(archive: Archive, text: str) -> None:
    assert set(studies(ask(archive, text))) == {"ru-denied", "en-denied"}


def test_the_side_is_heeded(archive: Archive) -> None:
    assert studies(ask(archive, "левосторонний плевральный выпот"))[0] == "en-effusion-left"
    assert studies(ask(archive, "right pleural effusion"))[0] == "en-effusion-right"
    left, right = ask(archive, "left pleural effusion").hits
    assert left.similarity > 1.5 * right.similarity


def test_all_parts_of_a_question_count(archive: Archive) -> None:
    found = studies(ask(archive, "геморрагический инсульт с прорывом в желудочки"))
    assert found[0] == "ru-haemorrhage"
    assert not ISCHAEMIC & set(found)


def test_words_that_the_lexicon_lacks_are_found_as_terms(archive: Archive) -> None:
    assert studies(ask(archive, "falx"))[:1] == ["en-meningioma"]


@pytest.mark.parametrize("text", ["qwxzkv jjrrt", "абырвалг кузявый", "appendicitis", "!!! ???", "饕餮"])
def test_nothing_similar_is_an_answer(archive: Archive, text: str) -> None:
    answer = ask(archive, text)
    assert answer.hits == ()
    assert any("nothing similar" in note for note in answer.notes)


def test_k_and_order(archive: Archive) -> None:
    whole = ask(archive, "инсульт").hits
    assert [hit.rank for hit in whole] == list(range(1, len(whole) + 1))
    assert [hit.similarity for hit in whole] == sorted((hit.similarity for hit in whole), reverse=True)
    assert all(0 < hit.similarity <= 1 for hit in whole)
    assert ask(archive, "инсульт", k=2).hits == whole[:2]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(modality=("CT",)), {"ru-ischaemic", "zh-ischaemic"}),
        (Filters(language=("en",)), {"en-ischaemic"}),
        (Filters(sex=("F",)), {"en-ischaemic"}),
        (Filters(age_min=31, age_max=32), {"en-ischaemic", "zh-ischaemic"}),
        (Filters(date_to="2024-01"), {"ru-ischaemic"}),
        (Filters(patient_ids=("P02",)), {"zh-ischaemic"}),
        (Filters(body_part=("CHEST",)), set()),
        (Filters(labels=("normal",)), set()),
    ],
)
def test_filters(archive: Archive, filters: Filters, expected: set[str]) -> None:
    assert set(studies(ask(archive, "ischemic stroke", filters=filters))) == expected


def test_image_level_names_every_image_of_the_case(archive: Archive) -> None:
    answer = ask(archive, "meningioma", level=Level.IMAGE)
    assert sorted(hit.image_uid or "" for hit in answer.hits) == ["en-meningioma-0", "en-meningioma-1"]
    (case,) = ask(archive, "meningioma").hits
    assert case.image_uid == "en-meningioma-1"  # the one that shows more


def test_words_against_images_need_a_pair_model(archive: Archive) -> None:
    answer = ask(archive, "meningioma", channel=Channel.IMAGE)
    assert answer.hits == ()
    assert any("train pair" in note for note in answer.notes)


def test_questions_without_words_are_refused() -> None:
    with pytest.raises(UsageError, match="no words"):
        Query(text="  \n")
    with pytest.raises(UsageError, match="nothing to search for"):
        Query()
    with pytest.raises(UsageError, match="between 1 and"):
        Query(text="stroke", k=0)
