"""Errors planted into reports: each text says what was planted, and nothing else was changed."""

from __future__ import annotations

import numpy as np
import pytest

from caseindex.records import Language, Polarity, Side
from caseindex.reports.planting import TextError, planted
from caseindex.reports.planting.side_words import sides_swapped
from caseindex.reports.statements import statements

REPORTS = {
    Language.ENGLISH: "FINDINGS: Small left pleural effusion. No pneumothorax.\nIMPRESSION: Left pleural effusion.",
    Language.RUSSIAN: "Описание: В правой лобной доле внутримозговая гематома 30х20 мм. Смещения срединных структур нет.\n"
    "Заключение: Геморрагический инсульт правой лобной доли.",
    Language.CHINESE: "影像所见：左侧胸腔积液。无气胸。\n诊断意见：左侧胸腔积液。",
}
FREQUENT = {"hydrocephalus": 2.0, "pneumonia": 1.0, "aneurysm": 1.0}


def told(text: str, language: Language) -> set[tuple[str, Polarity]]:
    return {(one.finding, one.polarity) for one in statements(text, language)}


@pytest.mark.parametrize("language", list(REPORTS))
def test_sides_swapped_twice_are_the_same_text(language: Language) -> None:
    text = REPORTS[language]
    once = sides_swapped(text, language)
    assert once != text
    assert sides_swapped(once, language) == text


def test_words_of_side_keep_their_case_and_ending() -> None:
    text = "Слева и в ЛСМА; левосторонний гемипарез, двусторонние изменения."
    assert sides_swapped(text, Language.RUSSIAN).startswith("Справа и в ПСМА; правосторонний")
    assert "двусторонние" in sides_swapped(text, Language.RUSSIAN)
    assert (
        sides_swapped("LLL opacity, Left hilum, bilateral", Language.ENGLISH) == "RLL opacity, Right hilum, bilateral"
    )


@pytest.mark.parametrize("language", list(REPORTS))
def test_the_side_error_changes_sides_only(language: Language) -> None:
    text = REPORTS[language]
    made = planted(text, TextError.SIDE, np.random.default_rng(0), language=language)
    assert made is not None
    assert told(made.text, language) == told(text, language)
    other = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT, None: None, Side.BOTH: Side.BOTH}
    before, after = statements(text, language), statements(made.text, language)
    assert [other[one.side] for one in before] == [one.side for one in after]


@pytest.mark.parametrize("language", list(REPORTS))
@pytest.mark.parametrize("seed", range(4))
def test_an_inserted_finding_is_read_and_the_rest_stays(language: Language, seed: int) -> None:
    text = REPORTS[language]
    made = planted(text, TextError.INSERTED, np.random.default_rng(seed), language=language, findings=FREQUENT)
    assert made is not None
    assert told(made.text, language) - told(text, language) == {(made.findings[0], Polarity.PRESENT)}
    assert told(text, language) <= told(made.text, language)


@pytest.mark.parametrize("language", list(REPORTS))
@pytest.mark.parametrize("seed", range(4))
def test_an_omitted_finding_is_nowhere_asserted(language: Language, seed: int) -> None:
    made = planted(REPORTS[language], TextError.OMITTED, np.random.default_rng(seed), language=language)
    assert made is not None
    left = told(made.text, language)
    assert made.findings
    assert not {(name, Polarity.PRESENT) for name in made.findings} & left
    assert {one for one in told(REPORTS[language], language) if one[1] is Polarity.ABSENT} <= left


@pytest.mark.parametrize("seed", range(6))
def test_a_negated_finding_is_the_contrary_throughout(seed: int) -> None:
    text = REPORTS[Language.ENGLISH]
    made = planted(text, TextError.NEGATED, np.random.default_rng(seed), language=Language.ENGLISH)
    assert made is not None
    (name,) = made.findings
    was = {polarity for finding, polarity in told(text, Language.ENGLISH) if finding == name}
    now = {polarity for finding, polarity in told(made.text, Language.ENGLISH) if finding == name}
    assert {*was, *now} == {Polarity.PRESENT, Polarity.ABSENT}
    assert len(was) == len(now) == 1


def test_a_text_that_offers_no_place_gives_none() -> None:
    rng = np.random.default_rng(0)
    assert planted("FINDINGS: Cardiomegaly.", TextError.SIDE, rng, language=Language.ENGLISH) is None
    assert planted("FINDINGS: No pneumothorax.", TextError.OMITTED, rng, language=Language.ENGLISH) is None
    assert planted("123", TextError.INSERTED, rng) is None


def test_the_same_generator_plants_the_same_error() -> None:
    first, second = (
        planted(REPORTS[Language.RUSSIAN], TextError.INSERTED, np.random.default_rng(7), findings=FREQUENT)
        for _ in "ab"
    )
    assert first == second
