"""Findings by their wider kinds, and words that belong to another organ: found in an archive, in any language."""

from __future__ import annotations

from pathlib import Path

import pytest

from caseindex.index.archive import Archive
from caseindex.records import Language, Report, Study
from caseindex.retrieval.analysis import analyse
from caseindex.retrieval.query import Query
from caseindex.retrieval.search import Searcher

REPORTS = {
    "aorta": "Аневризматическое расширение восходящей аорты до 52 мм. Расслоения стенки не выявлено.",
    "hip": "Чрезвертельный перелом левой бедренной кости.",
    "breast": "BI-RADS 5: spiculated mass in the upper outer quadrant of the left breast.",
    "endometrioma": "Заключение: эндометриоидная киста правого яичника.",
    "nodule": "右肺上叶见磨玻璃结节，直径约8mm。",
    "emphysema": "双肺透亮度增高。诊断：肺气肿。",
    "subdural": "FINDINGS: Left convexity collection. IMPRESSION: acute subdural hematoma.",
    "basal": "诊断意见：左侧基底节区脑出血。",
    "left": "Left wrist: normal.",
    "gout": "Tophaceous gout of the first toe.",
    "carotid": "Plaque in the left internal carotid artery. There is a stenosis of 75%.",
    "head": "Очаговых изменений вещества головного мозга не выявлено.",
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    made, _ = Archive.create(tmp_path_factory.mktemp("wider") / "archive")
    language = {
        "breast": Language.ENGLISH,
        "subdural": Language.ENGLISH,
        "left": Language.ENGLISH,
        "carotid": Language.ENGLISH,
        "gout": Language.ENGLISH,
        "basal": Language.CHINESE,
        "nodule": Language.CHINESE,
        "emphysema": Language.CHINESE,
    }
    made.store.put(
        studies=[Study(study_uid=name, patient_id=name) for name in REPORTS],
        reports=[
            Report(
                report_uid=name,
                study_uid=name,
                text=text,
                file=name,
                patient_id=name,
                language=language.get(name, Language.RUSSIAN),
            )
            for name, text in REPORTS.items()
        ],
    )
    return made


@pytest.mark.parametrize(
    ("questions", "only"),
    [
        (("аневризма аорты", "aortic aneurysm", "主动脉瘤", "аневризма"), "aorta"),
        (("перелом шейки бедра", "hip fracture", "перелом бедра", "股骨骨折"), "hip"),
        (("рак молочной железы", "breast cancer", "乳腺癌"), "breast"),
        (("киста яичника", "ovarian cyst", "эндометриоз", "endometriosis", "巧克力囊肿"), "endometrioma"),
        (("матовое стекло", "GGO", "lung nodule", "очаг в лёгком", "肺结节"), "nodule"),
        (("субдуральная гематома", "subdural hematoma"), "subdural"),
        (("left basal ganglia", "базальные ядра слева"), "basal"),
        (("carotid stenosis", "стеноз сонной артерии", "颈动脉狭窄"), "carotid"),
        (("эмфизема", "emphysema", "肺气肿"), "emphysema"),
    ],
)
def test_the_one_report_is_found(archive: Archive, questions: tuple[str, ...], only: str) -> None:
    found = {text: [hit.study_uid for hit in Searcher(archive).search(Query(text=text)).hits] for text in questions}
    assert {text: studies[:1] for text, studies in found.items()} == {text: [only] for text in questions}


def test_a_mass_of_the_breast_is_none_of_the_lung() -> None:
    concepts = {row.concept for row in analyse(REPORTS["breast"]).concepts}
    assert "breast_cancer" in concepts
    assert "lung_mass" not in concepts


def test_every_haematoma_is_one(archive: Archive) -> None:
    for text in ("hematoma", "гематома", "血肿"):
        hits = Searcher(archive).search(Query(text=text)).hits
        assert {hit.study_uid for hit in hits} == {"subdural", "basal"}


@pytest.mark.parametrize("text", ["renal mass", "образование правой почки", "肾占位"])
def test_a_finding_of_another_organ_is_no_answer(archive: Archive, text: str) -> None:
    assert Searcher(archive).search(Query(text=text)).hits == ()


def test_a_side_alone_finds_nothing(archive: Archive) -> None:
    assert "left" not in [hit.study_uid for hit in Searcher(archive).search(Query(text="left basal ganglia")).hits]


def test_the_words_of_a_concept_that_no_report_asserts(archive: Archive) -> None:
    """A question of which the lexicon makes more than the reports do."""
    from caseindex.retrieval import words
    from caseindex.retrieval.question import ConceptUnit, Question
    from caseindex.retrieval.word_index import open_word_index

    index = open_word_index(archive)
    unit = ConceptUnit("coined", frozenset({"coined"}), ("tophac",), "finding")
    question = Question("tophaceous", Language.ENGLISH, (unit,), ())
    assert unit.words[0] in index.vocabulary
    assert int((words.score_reports(index, question).scores > 0).sum()) == 1
    unknown = ConceptUnit("coined", frozenset({"coined"}), ("tophac", "nowhere"), "finding")
    assert not words.score_reports(index, Question("", Language.ENGLISH, (unknown,), ())).scores.any()


def test_a_kind_of_what_is_asked_for_stands_behind_it(tmp_path: Path) -> None:
    made, _ = Archive.create(tmp_path / "archive")
    texts = {"kind": "Impression: Lacunar ischemic stroke.", "itself": "Impression: Ischemic stroke."}
    made.store.put(
        studies=[Study(study_uid=name, patient_id=name) for name in texts],
        reports=[
            Report(report_uid=name, study_uid=name, text=text, file=name, patient_id=name, language=Language.ENGLISH)
            for name, text in texts.items()
        ],
    )
    for question in ("ischemic stroke", "ишемический инсульт", "缺血性脑卒中"):
        hits = Searcher(made).search(Query(text=question)).hits
        assert [hit.study_uid for hit in hits] == ["itself", "kind"]
        assert hits[0].similarity > hits[1].similarity
