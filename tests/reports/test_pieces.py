"""Long reports in pieces: nothing is lost, nothing is cut within a sentence where it need not be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caseindex.reports.text.pieces import pieces

REPORT = (
    "FINDINGS: The ventricles are normal. No hemorrhage is seen. The sulci are wide.\n"
    "IMPRESSION: Brain atrophy. No acute disease.\n"
    "RECOMMENDATION: None."
)


def words(text: str) -> int:
    return len(text.split())


def cut(text: str, limit: int) -> list[str]:
    return [text[start:end] for start, end in pieces(text, words, limit)]


def test_a_text_within_the_limit_is_one_piece() -> None:
    assert cut(REPORT, 100) == [REPORT]


def test_sections_stay_whole_and_short_neighbours_share_a_piece() -> None:
    first, second = cut(REPORT, 13)
    assert first.startswith("FINDINGS")
    assert first.endswith("wide.")
    assert second.strip().startswith("IMPRESSION")
    assert second.endswith("None.")


def test_a_section_beyond_the_limit_is_cut_between_sentences() -> None:
    found = cut(REPORT, 6)
    assert found[:3] == ["FINDINGS: The ventricles are normal.", " No hemorrhage is seen.", " The sulci are wide."]


def test_a_sentence_beyond_the_limit_is_cut_between_words() -> None:
    assert [part.split() for part in cut("one two three four five", 2)] == [["one", "two"], ["three", "four"], ["five"]]


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab .\n:；。脑F", max_size=80), st.integers(1, 9))
def test_the_pieces_cover_the_text_in_order(text: str, limit: int) -> None:
    found = pieces(text, words, limit)
    assert "".join(text[start:end] for start, end in found) == text
    assert all(words(text[start:end]) <= max(limit, 1) for start, end in found)


def test_a_limit_below_one() -> None:
    with pytest.raises(ValueError, match="at least one token"):
        pieces("text", words, 0)
