"""The tables of words that mean another finding beside other words: each row by its own example."""

from __future__ import annotations

import re

import pytest

from caseindex.records import Language
from caseindex.reports.lexicon import load_lexicon
from caseindex.reports.scope.meanings_table import NOTHING, meanings_file
from caseindex.reports.statements import statements

LANGUAGES = (Language.ENGLISH, Language.RUSSIAN)
ROWS = [
    (language, row.split("\t"))
    for language in LANGUAGES
    for row in meanings_file(language).read_text(encoding="utf-8").splitlines()[1:]
]


@pytest.mark.parametrize(("language", "row"), ROWS, ids=[f"{one.value}-{row[0]}-{row[4]}" for one, row in ROWS])
def test_words_are_no_more_what_they_name_elsewhere(language: Language, row: list[str]) -> None:
    finding, *_, meant, example = row
    made = {one.finding for one in statements(example, language)}
    assert meant in made or finding not in made
    assert meant == NOTHING or made, "its example names nothing"


@pytest.mark.parametrize("language", LANGUAGES)
def test_rows_name_concepts_and_patterns(language: Language) -> None:
    known = load_lexicon().concepts.keys() | {NOTHING}
    for of, (finding, words, beside, without, meant, example) in ROWS:
        if of is language:
            assert {finding, meant} <= known
            assert finding != meant
            assert all(re.compile(pattern) for pattern in (words, beside, without))
            assert example
