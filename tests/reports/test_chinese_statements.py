"""What Chinese sentences leave unsaid: the other side, an operation, how far a doubt or a family's illness goes."""

from __future__ import annotations

import pytest

from caseindex.records import Language
from caseindex.reports.lexicon import load_lexicon
from caseindex.reports.names.chinese_meanings import MEANINGS_FILE
from caseindex.reports.statements import statements

MARKS = {"present": "+", "absent": "-", "uncertain": "?"}


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("右侧大量胸腔积液，左侧少量。", {"pleural_effusion+right", "pleural_effusion+left"}),
        ("右側少量肋膜積液，左側無。", {"pleural_effusion+right", "pleural_effusion-left"}),
        ("左侧硬膜下血肿已吸收，右侧同前。", {"sdh-left", "sdh+right"}),
        ("右侧男性乳腺发育，对侧无类似改变。", {"gynecomastia+right", "gynecomastia-left"}),
        ("左侧基底节区腔梗，右侧放射冠同样可见。", {"lacunar_stroke+left", "lacunar_stroke+right"}),
        ("双肾囊肿，右肾中份强回声结节，错构瘤可能。", {"renal_cyst+both", "renal_mass+right", "angiomyolipoma?right"}),
        ("左肾上腺嗜铬细胞瘤？腺瘤？", {"pheochromocytoma?left", "adenoma?left"}),
        ("小叶中心型肺气肿，两上肺为主。", {"emphysema+both"}),
        ("甲状腺左叶切除术后，右叶结节。", {"postoperative+left", "thyroid_nodule+right"}),
        ("右肾癌根治术后，左肾小结石。", {"nephrectomy+right", "rcc?righth", "nephrolithiasis+left"}),
        ("考虑胰腺癌伴腹膜后淋巴结转移。", {"pancreatic_cancer?", "lymph_node_metastasis?"}),
        ("未见骨折伴关节积液。", {"fracture-", "joint_effusion+"}),
        ("其母患乳腺癌，右乳囊肿。", {"breast_cancer-h", "breast_cyst+right"}),
        ("肺癌家族史，未见结节。", {"lung_cancer-h", "lung_nodule-"}),
        ("多发气液平，肠梗阻可能。", {"bowel_obstruction?"}),
        ("盆腔少量积液（生理性？）。", {"free_fluid+"}),
        (
            "右额颞部新月形低密度影，中线左移，考虑慢性硬膜下血肿。",
            {"density_abnormality+right", "midline_shift+left", "chronic_sdh?right"},
        ),
        ("左锁骨骨折内固定术后，骨折线模糊，骨痂形成。", {"clavicle_fracture+left", "hardware+left"}),
        ("右侧小脑半球高信号，为急性期脑梗死。", {"signal_hyperintensity+right", "cerebellar_infarct+right"}),
        ("骶髂关节间隙变窄，符合强直性脊柱炎。", {"ankylosing_spondylitis+"}),
        ("右肩关节前脱位，合并肱骨大结节骨折。", {"shoulder_dislocation+right", "humerus_fracture+right"}),
        ("骨肉瘤可能性大，其次尤文肉瘤。", {"osteosarcoma?", "ewing_sarcoma?"}),
        ("结肠癌伴周围浸润首先考虑。", {"colon_cancer?"}),
        ("非梗阻性肾结石。", {"nephrolithiasis+"}),
        ("胃癌术后，吻合口未见增厚。", {"gastric_cancer?h", "postoperative+", "thickening-"}),
    ],
)
def test_unsaid(sentence: str, expected: set[str]) -> None:
    made = {
        f"{one.finding}{MARKS[one.polarity.value]}{one.side.value if one.side else ''}{'h' if one.historical else ''}"
        for one in statements(sentence, Language.CHINESE)
    }
    assert made == expected


@pytest.mark.parametrize("row", MEANINGS_FILE.read_text(encoding="utf-8").splitlines()[1:])
def test_words_mean_another_finding_beside_another_organ(row: str) -> None:
    finding, _, _, examples = row.split("\t")
    for example in examples.split("；"):
        assert finding not in {one.finding for one in statements(example, Language.CHINESE)}, example


def test_the_table_of_meanings_names_concepts() -> None:
    known = load_lexicon().concepts
    for row in MEANINGS_FILE.read_text(encoding="utf-8").splitlines()[1:]:
        finding, _, organs, _ = row.split("\t")
        meanings = [entry.split("=", 1)[0] for entry in organs.split(" ")]
        assert {finding, *meanings} - {"none"} <= known.keys(), row
