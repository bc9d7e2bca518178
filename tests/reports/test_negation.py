"""Phrases as radiologists write them: present, absent or uncertain."""

from __future__ import annotations

from pathlib import Path

import pytest

from caseindex.records import Language, Polarity
from caseindex.reports.scope.negation import assess, polarity
from caseindex.reports.statements import statements

HERE = Path(__file__).parent


def phrases() -> list[tuple[Language, str, str, Polarity]]:
    found = []
    for language in Language:
        lines = (HERE / f"phrases_{language}.tsv").read_text(encoding="utf-8").splitlines()
        for line in lines:
            if not line.startswith("#"):
                text, concept, expected = line.split("\t")
                found.append((language, text, concept, Polarity(expected)))
    return found


PHRASES = phrases()


def test_at_least_a_hundred_phrases_in_each_language() -> None:
    for language in Language:
        of_language = [entry for entry in PHRASES if entry[0] is language]
        assert len(of_language) >= 100
        assert {expected for *_, expected in of_language} == set(Polarity)


@pytest.mark.parametrize(("language", "text", "concept", "expected"), PHRASES)
def test_phrase(language: Language, text: str, concept: str, expected: Polarity) -> None:
    polarities = [statement.polarity for statement in statements(text, language) if statement.finding == concept]
    assert polarities == [expected]


def test_past_and_family() -> None:
    past = statements("History of stroke")[0]
    assert (past.polarity, past.historical) == (Polarity.UNCERTAIN, True)
    family = statements("Family history of breast cancer")[0]
    assert (family.polarity, family.historical) == (Polarity.ABSENT, True)
    assert not statements("Acute stroke")[0].historical


def test_polarity_of_a_span() -> None:
    text = "Clear lungs. No stroke, but hydrocephalus is seen."
    stroke, hydrocephalus = text.index("stroke"), text.index("hydro")
    assert polarity(text, stroke, stroke + 6) is Polarity.ABSENT
    assert assess(text, hydrocephalus, hydrocephalus + 13).polarity is Polarity.PRESENT
