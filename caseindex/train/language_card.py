"""`MODEL_CARD.md` of a text encoder that was trained on an archive's reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from caseindex.train.card import card, interval_text
from caseindex.train.loop import LoopResult

if TYPE_CHECKING:
    from caseindex.train.language import Measured
    from caseindex.train.language_settings import LanguageSettings

_QUESTIONS = {
    "other_part": "one half of a report finds the other half",
    "told_ru": "its statements in Russian find a report",
    "told_en": "its statements in English find a report",
    "told_zh": "its statements in Chinese find a report",
}


def language_card(
    settings: LanguageSettings,
    studies: Mapping[str, int],
    outcome: LoopResult,
    test: Mapping[str, Measured],
    reports: int,
    long_reports: int,
) -> str:
    rows = [
        f"| {_QUESTIONS.get(name, name)}, {key} | {one.queries} | {interval_text(value)} | {one.chance[key]:.3f} | "
        f"{interval_text(one.untrained[key])} |"
        for name, one in test.items()
        for key, value in one.recall.items()
    ]
    return card(
        settings,
        outcome,
        about=f"Texts to vectors of {settings.dim} dimensions, by concepts of the lexicon (Russian, English, Chinese) and a "
        f"transformer over word pieces.",
        data=f"{reports} reports; {studies['train']} studies to train, {studies['validation']} to stop, {studies['test']} "
        f"to test, {studies['held_out']} held out; no patient is on two sides. {long_reports} reports are longer than "
        f"{settings.max_tokens} tokens and are read in pieces: whole sections, else whole sentences.",
        results=[
            "## Results on the test side",
            "",
            "95% intervals by patient; untrained: the same encoder before its first step.",
            "",
            "| measure | queries | this model | chance | untrained |",
            "|---|---|---|---|---|",
            *rows,
        ],
        start="the start",
    )
