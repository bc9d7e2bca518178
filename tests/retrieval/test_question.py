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
