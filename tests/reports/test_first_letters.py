"""The letters with which a cue may begin."""

from __future__ import annotations

import re

import pytest

from caseindex.reports.scope.first_letters import first_letters


@pytest.mark.parametrize(
    ("pattern", "letters"),
    [
        ("no", "n"),
        ("(?:is|are )?no(?:t|ne)?", "ain"),
        ("(?<!not )(?<!be )(?:completely )?(?:ruled out|excluded)", "cer"),
        ("(?:most )?likely(?=[.,;)]|$)", "lm"),
        ("d/t|2/2", "d2"),
        ("x?y*z", "xyz"),
    ],
)
def test_letters(pattern: str, letters: str) -> None:
    assert first_letters(pattern) == frozenset(letters)


@pytest.mark.parametrize("pattern", [r"\w+ly", r"(?:\w+ly )?favou?red", r"\?", "[-–]", "(?:x)?"])
def test_where_they_cannot_be_told(pattern: str) -> None:
    assert first_letters(pattern) is None


def test_a_pattern_matches_nothing_that_begins_otherwise() -> None:
    pattern = "(?:is|are|was) (?:not )?seen|(?:nil|none)"
    letters = first_letters(pattern) or frozenset()
    for text in ("is seen", "are not seen", "was seen", "nil", "none"):
        assert re.fullmatch(pattern, text)
        assert text[0] in letters
