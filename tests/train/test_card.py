"""The parts that every model card has."""

import math
from types import SimpleNamespace

from caseindex.train.card import card, interval_text
from caseindex.train.language_settings import LanguageSettings
from caseindex.train.loop import LoopResult

OUTCOME = LoopResult("patience", 9, 90, 4, 0.5, 12.4)


def test_a_value_with_its_interval() -> None:
    assert interval_text(SimpleNamespace(value=0.5, low=0.25, high=0.75)) == "0.500 (0.250-0.750)"
    assert interval_text(SimpleNamespace(value=0.5, low=math.nan, high=math.nan)) == "0.500"
    assert interval_text(SimpleNamespace(value=math.nan, low=math.nan, high=math.nan), "-") == "-"


def test_a_card_says_what_how_and_how_good() -> None:
    text = card(LanguageSettings(), OUTCOME, about="Texts.", data="Ten studies.", results=["## Results", "", "Good."])
    assert text.startswith("# language\n\nTexts. Made by caseindex ")
    assert (
        "\n\n## Data\n\nTen studies.\n\n## Results\n\nGood.\n\n## Recipe\n\nBest after epoch 5 of 9, 90 steps" in text
    )
    assert '"epochs": 40' in text
    assert text.endswith("Not a medical device.\n")
    begun = card(LanguageSettings(), OUTCOME, about="", data="", results=[], start="the start", more=" More.")
    assert "Best after epoch 5 of 9 (0: the start), 90 steps, 12 s, stopped by patience. More.\n" in begun
