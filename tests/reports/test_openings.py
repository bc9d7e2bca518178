"""The two letters with which a cue may begin."""

from __future__ import annotations

import re

import pytest

from caseindex.reports.scope.openings import openings


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("no", "no"),
        ("(?:is|are )?no(?:t|ne)?", "ar is no"),
        ("(?<!not )(?<!be )(?:completely )?(?:ruled out|excluded)", "co ex ru"),
        ("(?:most )?likely(?=[.,;)]|$)", "li mo"),
        ("d/t|2/2", "2/ d/"),
        ("x?y*z", "x y z"),
        (r"an?|h\.o", "a h"),
        ("ab{0,2}c|ab?d", "a"),
        ("[-–:] none", "- – :"),
        (r"\d+ years|one", "0 1 2 3 4 5 6 7 8 9 on"),
    ],
)
def test_letters(pattern: str, expected: str) -> None:
    assert openings(pattern) == frozenset(expected.split())


@pytest.mark.parametrize("pattern", [r"\w+ly", r"(?:\w+ly )?favou?red", r"\?", "[a-z]x", "[^-]", "(?:x)?"])
def test_where_they_cannot_be_told(pattern: str) -> None:
    assert openings(pattern) is None


def test_a_pattern_matches_nothing_that_begins_otherwise() -> None:
    pattern = "(?:is|are|was) (?:not )?seen|(?:nil|none)"
    pairs = openings(pattern) or frozenset()
    for text in ("is seen", "are not seen", "was seen", "nil", "none"):
        assert re.fullmatch(pattern, text)
        assert text[:2] in pairs
