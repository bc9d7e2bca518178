"""What a set of labels is, and which sections of a report it is read from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from caseindex.records import Language, Statement
from caseindex.reports.lexicon import load_lexicon
from caseindex.reports.statements import statements
from caseindex.reports.text.sections import sections

_CONCLUSION = frozenset(["impression", "diagnosis"])
_DESCRIPTION = frozenset(["findings"])


@dataclass(frozen=True, slots=True)
class LabelSet:
    """``rule`` takes the statements that count, in order of place, and gives one cell for each of ``columns``.
    ``from_conclusion``: of the impression, else of the findings, else of the last section; else of the whole report.

    >>> from caseindex.reports.labels.catalogue import label_set
    >>> label_set("chexpert").of("No pneumothorax. Possible pneumonia.")["Pneumonia"]
    '-1'
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rule: Callable[[Sequence[Statement]], tuple[str, ...]]
    from_conclusion: bool = True

    def of(self, text: str, language: Language | None = None) -> dict[str, str]:
        """Column -> cell; empty where the report says nothing about it. ``language`` is detected where it is not
        given."""
        made = statements(text, language)
        if self.from_conclusion:
            made = in_conclusion(text, made)
        return dict(zip(self.columns, self.rule(made), strict=True))


def in_conclusion(text: str, made: Iterable[Statement]) -> list[Statement]:
    """The statements of the impression, else of the findings, else of the last section: what a report's label is read
    from (Johnson et al. 2019, MIMIC-CXR-JPG)."""
    parts = sections(text)
    names = {part.name for part in parts}
    for wanted in (_CONCLUSION, _DESCRIPTION):
        if names & wanted:
            return [statement for statement in made if statement.section in wanted]
    start = parts[-1].start if parts else 0
    return [statement for statement in made if statement.start >= start]


def concepts(broad: Iterable[str] = (), exact: Iterable[str] = (), without: Iterable[str] = ()) -> frozenset[str]:
    """Concepts of the lexicon: ``broad`` ones with all narrower ones, ``exact`` ones alone, less those ``without`` and
    what is narrower."""
    lexicon = load_lexicon()
    left_out = {narrower for concept in without for narrower in lexicon.expand(concept)}
    taken = {narrower for concept in broad for narrower in lexicon.expand(concept)} - left_out
    return frozenset(taken.union(lexicon.concept(concept).id for concept in exact))
