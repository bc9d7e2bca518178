"""`MODEL_CARD.md` of an identity model: data, results beside the untrained default, where it must not be used."""

from __future__ import annotations

from caseindex.train.card import card, interval_text
from caseindex.train.identity_comparison import Comparison
from caseindex.train.identity_data import IdentityRecords
from caseindex.train.identity_settings import IdentitySettings
from caseindex.train.loop import LoopResult

_NONE = "too few pairs"


def identity_card(
    settings: IdentitySettings,
    counts: dict[str, int],
    records: IdentityRecords,
    outcome: LoopResult,
    here: Comparison | None,
    others: list[Comparison],
    why: str,
) -> str:
    kinds = ", ".join(
        f"{kind.words()} ({int((records.kinds == number).sum())})" for number, kind in enumerate(records.kind_names)
    )
    results = [*([here] if here else []), *others]
    rows = [line for item in results for line in _rows(item)]
    return card(
        settings,
        outcome,
        about=f"Finds images of the same person. Image encoder `{settings.image_encoder}`, loss `{settings.loss}`, "
        f"{settings.rounds} hard-negative rounds, recipe `{settings.recipe}`.",
        data=f"{counts['train']} images to train, {counts['validation']} to choose the epoch, {counts['test']} to test; no "
        f"patient is on two sides. Kinds of picture: {kinds}; only images of one kind are compared.",
        results=[
            "## Results",
            "",
            why.removesuffix(".") + ".",
            "",
            "95% intervals, by drawing patients. Every image with another of its patient asks.",
            "",
            "| where | measure | this model | untrained |",
            "|---|---|---|---|",
            *rows,
            "",
            "On an archive other than the one that it was trained on, it is fitted anew, without labels, before it is "
            "used. Whether it beats the untrained default there is to be measured with `bench identity` (`--model grid` "
            "for the default).",
        ],
        start="the untrained start",
    )


def _rows(item: Comparison) -> list[str]:
    names = {
        "top_1": "same patient first",
        "top_5": "same patient in the top 5",
        "pair_auc": "pair AUC",
        "tpr": "pairs recognised at 0.001 false alarms",
    }
    return [
        f"| {item.where} ({item.queries} queries, gallery {item.gallery}) | {words} | "
        f"{interval_text(getattr(item.trained, name), _NONE)} | {interval_text(getattr(item.untrained, name), _NONE)} |"
        for name, words in names.items()
    ]
