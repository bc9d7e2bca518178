"""Sides that one sentence deals out for a finding that it names once."""

import pytest

from caseindex.records import Language
from caseindex.reports.statements import statements

LEFT, RIGHT = ("present", "left"), ("present", "right")


@pytest.mark.parametrize(
    ("sentence", "finding", "said"),
    [
        ("Pleural effusions: large left, small right.", "pleural_effusion", {LEFT, RIGHT}),
        ("Lacunes in the left putamen and right thalamus.", "lacunar_stroke", {LEFT, RIGHT}),
        ("Stable nodule in the right middle lobe and a new 8 mm one in the left upper lobe.", "nodule", {LEFT, RIGHT}),
        ("Hydronephrosis has resolved on the right but persists on the left.", "hydronephrosis",
         {("absent", "right"), LEFT}),
        ("Avascular necrosis of the right femoral head, left side spared.", "avn", {RIGHT, ("absent", "left")}),
        ("Hydronephrosis on the right, left kidney normal.", "hydronephrosis", {RIGHT}),
        ("Pacemaker on the left with leads in the right atrium and right ventricle.", "pacemaker", {LEFT}),
        ("Effusion on the right and a small left pneumothorax.", "pleural_effusion", {RIGHT}),
    ],
)  # fmt: skip
def test_sides_of_a_finding_named_once(sentence: str, finding: str, said: set[tuple[str, str]]) -> None:
    found = [made for made in statements(sentence, Language.ENGLISH) if made.finding.endswith(finding)]
    assert {(str(made.polarity), str(made.side)) for made in found} == said


def test_a_piece_tells_its_own_change() -> None:
    made = statements("The right pleural effusion has increased, the left one is unchanged.", Language.ENGLISH)
    assert {(str(one.side), str(one.change)) for one in made} == {("right", "worse"), ("left", "unchanged")}
