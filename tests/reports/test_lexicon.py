"""The lexicon is sound: every name is found again as its own concept, in every language."""

from __future__ import annotations

import pytest

from caseindex.errors import CaseindexError, NotInArchive
from caseindex.records import Language
from caseindex.reports.lexicon import Lexicon, load_lexicon
from caseindex.reports.names import precompute
from caseindex.reports.names.matching import name_table
from caseindex.reports.table import COLUMNS, ConceptKind, read_rows, rows
from caseindex.reports.text import russian

HEADER = "\t".join(COLUMNS) + "\n"


def found(text: str, language: Language | None = None) -> list[str]:
    return [mention.concept for mention in load_lexicon().mentions(text, language)]


def test_no_id_twice() -> None:
    ids = [row.id for row in rows()]
    assert len(ids) == len(set(ids))
    assert len(ids) >= 900


def test_every_concept_is_named_in_every_language() -> None:
    assert [row.id for row in rows() if not all(row.names[language] for language in Language)] == []


def test_broader_and_composed_concepts_exist() -> None:
    known = {row.id: row.kind for row in rows()}
    for row in rows():
        assert set(row.broader) <= known.keys(), row.id
        for generic, anatomy in row.composed:
            assert known[generic] is ConceptKind.FINDING, row.id
            assert known[anatomy] is ConceptKind.ANATOMY, row.id


def test_hierarchy_has_no_cycle() -> None:
    lexicon = load_lexicon()
    assert [concept for concept in lexicon.concepts if concept in lexicon.ancestors(concept)] == []


def test_no_name_means_two_concepts() -> None:
    assert load_lexicon().collisions == []


@pytest.mark.parametrize("language", list(Language))
def test_every_name_is_found_as_its_concept(language: Language) -> None:
    lost = [
        (row.id, name)
        for row in rows()
        for name in row.names[language]
        if row.id not in found(name.rstrip("!").replace("…", "未见"), language)
    ]
    assert lost == []


def test_open_names_of_chinese() -> None:
    assert found("脾脏不大") == ["splenomegaly"]
    assert found("中线结构居中，未见移位") == ["midline_shift"]
    assert "splenomegaly" not in found("脾内见大片低密度影")
    assert all("…" not in name for concept in load_lexicon().concepts.values() for name in concept.names["zh"])


def test_collision_is_reported() -> None:
    text = HEADER + "a\tfinding\t\tкиста\tcyst\t囊肿\t\nb\tfinding\t\tкиста\tbleb\t大疱\t\n"
    assert Lexicon(read_rows(text)).collisions == [("киста", "a", "b")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id\tkind\n", "header"),
        (HEADER + "a\tfinding\n", "2 cells"),
        (HEADER + "a\tnothing\t\tа\ta\t甲\t\n", "unknown kind"),
        (HEADER + "a\tfinding\t\tа\ta\t甲\tfracture\n", "generic\\+anatomy"),
    ],
)
def test_malformed_table_says_where(text: str, message: str) -> None:
    with pytest.raises(CaseindexError, match=message):
        read_rows(text)


def test_expand_goes_down_only() -> None:
    lexicon = load_lexicon()
    assert {"ischemic_stroke", "hemorrhagic_stroke", "lacunar_stroke"} <= set(lexicon.expand("stroke"))
    assert "stroke" not in lexicon.expand("ischemic_stroke")
    assert lexicon.expand("stroke")[0] == "stroke"


def test_unknown_concept_is_a_named_error() -> None:
    with pytest.raises(NotInArchive, match="no_such_concept"):
        load_lexicon().expand("no_such_concept")


@pytest.mark.parametrize(
    "text",
    [
        "инсульт ишемический",
        "ишемического инсульта",
        "ОНМК по ишемическому типу",
        "инфаркт правой гемисферы головного мозга",
        "ишимический инсульт",
        "acute MCA territory infarction",
        "infarct in the left frontal lobe",
        "cerebral infarcts",
        "ischaemic stroke",
        "缺血性脑卒中",
        "左侧额叶梗死",
        "急性腦梗死",
    ],
)
def test_ischaemic_stroke_in_many_words(text: str) -> None:
    assert "ischemic_stroke" in found(text)


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("infarct of the spleen", "splenic_infarct"),
        ("инфаркт селезенки", "splenic_infarct"),
        ("infarct", "infarct"),
        ("epidural, subdural or subarachnoid haemorrhage", "edh"),
        ("epidural, subdural or subarachnoid haemorrhage", "sdh"),
        ("thickening of the bronchial wall", "peribronchial_thickening"),
        ("inчто CAK", "sah"),
        ("инcульт", "stroke"),
        ("subarachnoid hemorhage", "sah"),
        ("МСКТ: GGO", "ground_glass"),
        ("acute PE", "pulmonary_embolism"),
    ],
)
def test_other_names(text: str, concept: str) -> None:
    assert concept in found(text, Language.RUSSIAN if "CAK" in text else None)


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("PE: lungs clear", "pulmonary_embolism"),
        ("injection of contrast", "infection"),
        ("infarct of the spleen", "ischemic_stroke"),
        ("ms", "multiple_sclerosis"),
        ("Heart normal. Enlarged thyroid.", "cardiomegaly"),
        ("pleural mass, effusion of the knee", "pleural_effusion"),
    ],
)
def test_what_is_not_meant(text: str, concept: str) -> None:
    assert concept not in found(text)


def test_longest_name_wins() -> None:
    assert found("subdural hematoma") == ["sdh"]
    assert found("хроническая субдуральная гематома") == ["chronic_sdh"]
    assert found("硬膜下血肿") == ["sdh"]


def test_mentions_point_into_the_text() -> None:
    text = "В левой лобной доле — кровоизлияние; 右侧硬膜下血肿, SAH."
    for mention in load_lexicon().mentions(text):
        assert text[mention.start : mention.end] == mention.text


def test_precomputed_names_are_of_this_lexicon() -> None:
    stored = precompute.read_names()
    assert stored is not None, "run python -m caseindex.reports.names.precompute"
    made = name_table(rows())
    assert stored.phrases == made.phrases
    assert stored.exact == made.exact
    assert list(stored.chinese.items()) == list(made.chinese.items())
    assert stored.words == made.words
    assert stored.collisions == made.collisions


def test_precomputed_lemmas_are_the_analysers() -> None:
    stored = dict(line.split("\t") for line in russian.LEMMAS_FILE.read_text(encoding="utf-8").splitlines())
    assert stored == precompute.lemmas()


@pytest.mark.parametrize(
    ("forms", "concept"),
    [
        (("порок развития головного мозга", "пороков развития головного мозга"), "brain_malformation"),
        (("глиобластома", "глиобластомы", "глиобластом", "глиобластомами"), "glioblastoma"),
        (("кавернома", "каверном", "каверномами"), "cavernoma"),
        (("гиподенсный участок", "в гиподенсном участке"), "density_abnormality"),
        (("молочная железа", "в молочной железе", "молочных желез"), "breast"),
        (("глубокая вена", "глубокой вены", "глубоких вен"), "deep_veins"),
        (("спондилодисцит", "со спондилодисцитом"), "spondylodiscitis"),
        (("антелистез", "при антелистезе"), "spondylolisthesis"),
    ],
)
def test_russian_forms_of_one_name_are_one_concept(forms: tuple[str, ...], concept: str) -> None:
    assert [form for form in forms if concept not in found(form)] == []


@pytest.mark.parametrize(
    ("texts", "concept"),
    [
        (("CPA tumor", "опухоль ММУ", "桥小脑角区占位"), "cpa_mass"),
        (("skull base tumor", "опухоли основания черепа", "颅底肿瘤"), "skull_base_mass"),
        (
            ("congenital brain malformation", "пороки развития головного мозга", "先天性脑发育畸形"),
            "brain_malformation",
        ),
        (("hyperdense lesion", "гиперденсный очаг", "高密度病灶"), "hyperdensity"),
        (("hypointense signal", "гипоинтенсивный сигнал", "低信号"), "signal_hypointensity"),
        (("thickened optic nerve", "утолщение зрительного нерва", "视神经增粗"), "optic_nerve_lesion"),
        (("phakomatosis", "факоматозы", "神经皮肤综合征"), "phakomatosis"),
        (("PCA infarct", "инсульт в вертебробазилярном бассейне", "后循环梗死"), "posterior_infarct"),
        (("status post craniotomy", "состояние после краниотомии", "开颅术后"), "craniotomy"),
        (("CNS infection", "инфекции ЦНС", "中枢神经系统感染"), "cns_infection"),
        (("bowel perforation", "перфорация кишки", "肠穿孔"), "bowel_perforation"),
    ],
)
def test_three_languages_name_the_same_concept(texts: tuple[str, str, str], concept: str) -> None:
    assert [text for text in texts if concept not in found(text)] == []


def test_lumbar_is_no_transitional_vertebra() -> None:
    assert "transitional_vertebra" not in found("lumbar fracture")
    assert "transitional_vertebra" in found("lumbosacral transitional vertebra")
