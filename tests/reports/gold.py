"""The hand-annotated sentences of ``statements_{en,ru,zh}.tsv``: how to read them and how to count against them.

One sentence a line, a tab, its statements separated by ``;``. A statement is

    concept + polarity [+ side] [h] [@place] [=change]        sdh+l@frontal_lobe=improved

with ``+`` present, ``-`` absent, ``?`` uncertain; ``l`` left, ``r`` right, ``b`` both; ``h`` of the past or the family.
``a|b`` are concepts that say the same here; a side in brackets, ``?(l)``, is one that may be given or left out; a whole
statement in brackets may be made or left out, with any side where it names none, and counts neither way. The sentences
and their annotation were written before any rule was run on them, and rules were fitted on the odd sentences only; the odd
ones showed which concepts are named alike ("hemorrhage" in a head is an intracranial one), and these alternatives were
then written into all sentences by one substitution.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from caseindex.records import Change, Language, Polarity, Side, Statement
from caseindex.reports.statements import statements

HERE = Path(__file__).parent
POLARITY = {"+": Polarity.PRESENT, "-": Polarity.ABSENT, "?": Polarity.UNCERTAIN}
SIDE = {"": None, "l": Side.LEFT, "r": Side.RIGHT, "b": Side.BOTH}
# Concepts split off after the sentences were annotated: they say what the annotated one says, and more.
SPLIT_OFF = {"lung_nodule": {"ground_glass_nodule"}, "endometriosis": {"endometrioma"}}
# Concepts that the annotators could not know: where they did not annotate one by another name, it counts neither way.
LATER_CONCEPTS = {"fat_stranding": {"inflammation", "infiltrate", "edema"}}
_ITEM = re.compile(r"(?P<names>[a-z0-9_|]+)(?P<polarity>[+\-?])(?:\((?P<may>[lrb])\)|(?P<side>[lrb]?))(?P<past>h?)"
                   r"(?:@(?P<place>\w+))?(?:=(?P<change>\w+))?")  # fmt: skip


@dataclass(frozen=True)
class Expected:
    """One annotated statement; ``sides`` are those that are right."""

    names: frozenset[str]
    polarity: Polarity
    sides: frozenset[Side | None]
    historical: bool
    place: str | None
    change: Change | None
    optional: bool

    def fits(self, statement: Statement) -> bool:
        return (
            (statement.finding in self.names or not LATER_CONCEPTS.get(statement.finding, set()).isdisjoint(self.names))
            and statement.polarity is self.polarity
            and statement.side in self.sides
            and statement.historical == self.historical
        )


@dataclass
class Counts:
    """``right`` + ``missed`` are the annotated statements, ``right`` + ``wrong`` those made. Of the right ones that are
    annotated with a place or a change: how many have it."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    places: int = 0
    places_right: int = 0
    changes: int = 0
    changes_right: int = 0
    changes_wrong: int = 0  # a comparison where there is none

    @property
    def f1(self) -> float:
        return 2 * self.right / (2 * self.right + self.wrong + self.missed)


def parse(annotation: str) -> list[Expected]:
    expected = []
    for item in filter(None, annotation.split(";")):
        optional = item.startswith("(")
        match = _ITEM.fullmatch(item[1:-1] if optional else item)
        assert match, item
        sides = {SIDE[match["may"]], None} if match["may"] else {SIDE[match["side"]]}
        if optional and sides == {None}:
            sides = set(SIDE.values())
        if POLARITY[match["polarity"]] is Polarity.ABSENT and sides & {None, Side.BOTH}:
            sides |= {None, Side.BOTH}  # "no effusion" and "no effusion on either side" say the same
        expected.append(
            Expected(
                _names(match["names"]),
                POLARITY[match["polarity"]],
                frozenset(sides),
                bool(match["past"]),
                match["place"],
                Change(match["change"]) if match["change"] else None,
                optional,
            )
        )
    return expected


def _names(names: str) -> frozenset[str]:
    given = set(names.split("|"))
    return frozenset(given.union(*(SPLIT_OFF.get(name, ()) for name in given)))


def read(language: Language, name: str = "statements") -> list[tuple[str, list[Expected]]]:
    """The sentences of ``statements_{language}.tsv`` or, with ``name="fresh"`` and ``"third"``, those that came later."""
    lines = (HERE / f"{name}_{language}.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return [(text, parse(annotation)) for text, _, annotation in (line.partition("\t") for line in lines)]


def is_there(name: str, language: Language) -> bool:
    """Whether the sentences of this name are at hand."""
    return (HERE / f"{name}_{language}.tsv").exists()


def compare(expected: Iterable[Expected], made: Iterable[Statement], counts: Counts) -> tuple[list, list]:
    """Adds one sentence to ``counts``; returns what was missed and what was wrong. A repeated statement counts once."""
    left = list(expected)
    wrong, seen = [], set()
    # Those that fit one annotation only choose first.
    for statement in sorted(made, key=lambda statement: sum(entry.fits(statement) for entry in left)):
        key = (statement.finding, statement.polarity, statement.side, statement.historical)
        if key in seen:
            continue
        seen.add(key)
        fitting = [entry for entry in left if entry.fits(statement)]
        if not fitting:
            if statement.finding not in LATER_CONCEPTS:
                wrong.append(statement)
            continue
        entry = min(fitting, key=lambda entry: entry.optional)
        left.remove(entry)
        if entry.optional:
            continue
        counts.right += 1
        if entry.place:
            counts.places += 1
            counts.places_right += statement.place == entry.place
        if entry.change:
            counts.changes += 1
            counts.changes_right += statement.change is entry.change
        elif statement.change:
            counts.changes_wrong += 1
    missed = [entry for entry in left if not entry.optional]
    counts.missed += len(missed)
    counts.wrong += len(wrong)
    return missed, wrong


def measure(sentences: Iterable[tuple[str, list[Expected]]], language: Language) -> Counts:
    counts = Counts()
    for text, expected in sentences:
        compare(expected, statements(text, language), counts)
    return counts
