"""Floors of the annotated sentences. The first measurement of sentences that no rule had been fitted to gave 0.92 in
Russian, 0.94 in English and 0.91 in Chinese; of sentences by an annotator who had never seen the rules 0.81, 0.83 and
0.86 (``third``; ``benchmarks/reports/results/gold_first_run.json``)."""

from __future__ import annotations

import pytest

from caseindex.records import Language
from tests.reports.gold import measure, read


@pytest.mark.parametrize("language", list(Language))
def test_finding_polarity_and_side(language: Language) -> None:
    sentences = read(language)
    assert len(sentences) >= 150
    assert measure(sentences, language).f1 >= 0.96
    assert measure(read(language, "fresh"), language).f1 >= 0.93


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("name", ["third", "regions", "fourth"])
def test_sentences_of_every_region(name: str, language: Language) -> None:
    sentences = read(language, name)
    assert len(sentences) >= 100
    assert measure(sentences, language).f1 >= 0.94


@pytest.mark.parametrize("language", list(Language))
def test_sentences_of_a_fifth_annotator(language: Language) -> None:
    sentences = read(language, "fifth")
    assert len(sentences) >= 80
    assert measure(sentences, language).f1 >= 0.94


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize(
    ("name", "count", "floor"),
    [
        ("sixth", 80, 0.93),
        ("seventh", 80, 0.88),
        ("eighth", 100, 0.95),
        ("ninth", 100, 0.94),
        ("tenth", 120, 0.95),
        ("eleventh", 100, 0.97),
        ("twelfth", 120, 0.92),
        ("thirteenth", 120, 0.88),
        ("fifteenth", 120, 0.90),
    ],
)
def test_sentences_of_other_hospitals(name: str, count: int, floor: float, language: Language) -> None:
    sentences = read(language, name)
    assert len(sentences) >= count
    assert measure(sentences, language).f1 >= floor


@pytest.mark.parametrize(
    ("name", "language", "count", "floor"),
    [
        ("fourteenth", Language.ENGLISH, 120, 0.95),
        ("sixteenth", Language.ENGLISH, 160, 0.90),
        ("sixteenth", Language.RUSSIAN, 140, 0.88),
    ],
)
def test_sentences_in_some_languages(name: str, language: Language, count: int, floor: float) -> None:
    sentences = read(language, name)
    assert len(sentences) >= count
    assert measure(sentences, language).f1 >= floor


@pytest.mark.parametrize("language", list(Language))
def test_place_and_comparison_of_what_is_right(language: Language) -> None:
    counts = measure(read(language), language)
    assert counts.places_right / counts.places >= 0.75
    assert counts.changes_right / counts.changes >= 0.9
