"""Statements of hand-annotated sentences. Rules were tuned on the odd lines of the gold sets only; the even lines are
held out and have a floor of their own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from caseindex.records import Change, Language, Polarity, Side
from caseindex.reports.statements import statements

HERE = Path(__file__).parent
_POLARITY = {"+": Polarity.PRESENT, "-": Polarity.ABSENT, "?": Polarity.UNCERTAIN}
_SIDE = {"": None, "l": Side.LEFT, "r": Side.RIGHT, "b": Side.BOTH}
Key = tuple[str, Polarity, Side | None, bool]


def gold(language: Language) -> list[tuple[str, set[Key]]]:
    entries = []
    for line in (HERE / f"gold_{language}.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        text, _, annotation = line.partition("\t")
        keys: set[Key] = set()
        for item in filter(None, annotation.split(";")):
            match = re.fullmatch(r"(\w+?)([+\-?])([lrb]?)(h?)", item)
            assert match, item
            keys.add((match[1], _POLARITY[match[2]], _SIDE[match[3]], bool(match[4])))
        entries.append((text, keys))
    return entries


def f1(entries: list[tuple[str, set[Key]]], language: Language) -> float:
    """Micro-averaged over (finding, polarity, side, historical)."""
    right = wrong = missed = 0
    for text, expected in entries:
        got = {(s.finding, s.polarity, s.side, s.historical) for s in statements(text, language)}
        right += len(got & expected)
        wrong += len(got - expected)
        missed += len(expected - got)
    return 2 * right / (2 * right + wrong + missed)


@pytest.mark.parametrize("language", list(Language))
def test_gold_set(language: Language) -> None:
    entries = gold(language)
    assert len(entries) >= 150
    assert f1(entries, language) >= 0.92
    assert f1(entries[0::2], language) >= 0.95
    assert f1(entries[1::2], language) >= 0.90


def test_a_whole_report() -> None:
    text = (
        "FINAL REPORT\nINDICATION: Evaluate for pneumonia.\n\nFINDINGS: New right pleural effusion. Stable left lung "
        "nodule.\nNo pneumothorax.\n\nIMPRESSION: Worsening right pleural effusion."
    )
    found = statements(text)
    assert [(s.section, s.finding, s.polarity, s.side, s.change) for s in found] == [
        ("indication", "pneumonia", Polarity.UNCERTAIN, None, None),
        ("findings", "pleural_effusion", Polarity.PRESENT, Side.RIGHT, Change.NEW),
        ("findings", "lung_nodule", Polarity.PRESENT, Side.LEFT, Change.UNCHANGED),
        ("findings", "pneumothorax", Polarity.ABSENT, None, None),
        ("impression", "pleural_effusion", Polarity.PRESENT, Side.RIGHT, Change.WORSE),
    ]
    assert all(text[s.start : s.end] == s.text for s in found)


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("Субдуральная гематома уменьшилась", Change.IMPROVED),
        ("Без динамики: субдуральная гематома", Change.UNCHANGED),
        ("Впервые выявленный очаг в легком", Change.NEW),
        ("胸腔积液较前增多", Change.WORSE),
        ("胸腔积液较前吸收", Change.IMPROVED),
        ("Decreasing pneumothorax", Change.IMPROVED),
        ("Pneumothorax", None),
    ],
)
def test_change(text: str, change: Change | None) -> None:
    assert statements(text)[0].change is change


def test_place_is_the_nearest_anatomy() -> None:
    assert statements("Кровоизлияние в левую лобную долю")[0].place == "frontal_lobe"
    assert statements("Stroke")[0].place is None


def test_clinical_history_is_not_of_today() -> None:
    found = statements("History: stroke.\nFindings: hydrocephalus.\nDifferential diagnosis: meningioma.")
    assert [(s.finding, s.polarity, s.historical) for s in found] == [
        ("stroke", Polarity.UNCERTAIN, True),
        ("hydrocephalus", Polarity.PRESENT, False),
        ("meningioma", Polarity.UNCERTAIN, False),
    ]


@pytest.mark.parametrize("text", ["", "   ", "12345", "sin evidencia de derrame pleural en la radiografia"])
def test_nothing_to_state(text: str) -> None:
    assert statements(text) == []
