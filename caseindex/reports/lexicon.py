"""The lexicon where the three languages meet: concepts, their names, and where a text mentions them.

A name matches over normal forms (``tokens.py``) with free word order within a small window ("инсульт ишемический",
"thickening of the bladder wall"); Chinese names match as the longest substring. A generic finding beside an anatomical
term becomes the concept that the two compose: "infarct" in "left frontal lobe" is an ischaemic stroke, in "spleen" it
is not. The longest name wins, and what it covers is not counted again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from caseindex.errors import NotInArchive
from caseindex.records import Language
from caseindex.reports import table
from caseindex.reports.names import precompute
from caseindex.reports.names.chinese_meanings import as_meant
from caseindex.reports.names.composition import Composition
from caseindex.reports.names.coordination import further
from caseindex.reports.names.matching import OPEN_PLACE, Names, NameTable, name_table
from caseindex.reports.names.nodes import with_enlarged_nodes
from caseindex.reports.table import ConceptKind, Row
from caseindex.reports.text.sentences import sentences

_STATED = frozenset([ConceptKind.FINDING, ConceptKind.DEVICE])
_OPERATION = "postoperative"


@dataclass(frozen=True, slots=True)
class Concept:
    """One meaning. ``broader`` holds the ids right above it; ``names`` per language, the preferred one first."""

    id: str
    kind: ConceptKind
    names: Mapping[Language, tuple[str, ...]]
    broader: tuple[str, ...] = ()

    def name(self, language: Language) -> str:
        return self.names[language][0]


class Mention(NamedTuple):
    """A place where a text names a concept; ``start`` and ``end`` are character offsets. ``place``: those of the anatomy
    for which the words count again ("fractures of the ribs and the sternum": the sternum)."""

    concept: str
    start: int
    end: int
    text: str
    place: tuple[int, int] | None = None


class Lexicon:
    """Concepts by id, their hierarchy, and the search for their names in a text."""

    def __init__(self, rows: Iterable[Row], names_of: NameTable | None = None) -> None:
        rows = list(rows)
        names_of = names_of or name_table(rows)
        self.concepts: dict[str, Concept] = {
            row.id: Concept(
                row.id,
                row.kind,
                {
                    language: tuple(name.rstrip("!") for name in names if OPEN_PLACE not in name)
                    for language, names in row.names.items()
                },
                row.broader,
            )
            for row in rows
        }
        self._narrower: dict[str, list[str]] = {}
        for row in rows:
            for broader in row.broader:
                self._narrower.setdefault(broader, []).append(row.id)
        self._expanded: dict[str, tuple[str, ...]] = {}
        self.collisions = names_of.collisions  # (name, concept, other concept): names that two concepts share
        stated = frozenset(row.id for row in rows if row.kind in _STATED)
        generic = frozenset(finding for row in rows for finding, _ in row.composed if finding != row.id)
        self._names = Names(names_of, stated, generic)
        self._composition = Composition(rows, lambda concept: frozenset(self.expand(concept)))
        self._mentions = lru_cache(maxsize=16)(self._find)  # one report is asked several times
        self._around: dict[str, frozenset[str] | None] = {}
        self._nodes = frozenset(self.expand("lymphadenopathy") if "lymphadenopathy" in self.concepts else ())
        self.anatomy = frozenset(row.id for row in rows if row.kind is ConceptKind.ANATOMY)
        # What a report can state; of operations those that were done, not that there was one.
        self.stated = {row.id: row.kind for row in rows if row.kind in _STATED or _OPERATION in row.broader}

    def concept(self, concept_id: str) -> Concept:
        """Raises :class:`~caseindex.errors.NotInArchive` for an id that the lexicon lacks."""
        try:
            return self.concepts[concept_id]
        except KeyError:
            raise NotInArchive(concept_id, "no concept of the lexicon has this id") from None

    def expand(self, concept_id: str) -> tuple[str, ...]:
        """The concept and all narrower ones, the concept first: whoever asks for "stroke" means ischaemic stroke too.

        >>> "ischemic_stroke" in load_lexicon().expand("stroke")
        True
        """
        known = self._expanded.get(concept_id)
        if known is None:
            self.concept(concept_id)
            order = {concept_id: None}
            queue = [concept_id]
            for current in queue:
                for narrower in self._narrower.get(current, ()):
                    if narrower not in order:
                        order[narrower] = None
                        queue.append(narrower)
            known = self._expanded[concept_id] = tuple(order)
        return known

    def ancestors(self, concept_id: str) -> tuple[str, ...]:
        """All broader concepts, nearest first, without the concept itself."""
        order: dict[str, None] = {}
        queue = [concept_id]
        for current in queue:
            for broader in self.concept(current).broader:
                if broader not in order:
                    order[broader] = None
                    queue.append(broader)
        return tuple(order)

    def around(self, concept_id: str) -> frozenset[str] | None:
        """The anatomy that a finding is of, with its parts and what it is part of; ``None`` for one that may be anywhere.

        >>> "kidney" in load_lexicon().around("renal_cyst"), load_lexicon().around("cyst")
        (True, None)
        """
        if concept_id not in self._around:
            organs = self._composition.organs(concept_id)
            near = {near for organ in organs for near in (*self.expand(organ), *self.ancestors(organ))}
            self._around[concept_id] = frozenset(near) or None
        return self._around[concept_id]

    def organs(self, concept_id: str) -> Sequence[str]:
        """The anatomies that a finding is of; none where no rule tells."""
        return self._composition.organs(concept_id)

    def mentions(self, text: str, language: Language | None = None) -> list[Mention]:
        """What ``text`` names, in order of place. ``language`` is that of the text where it is known; the script of
        each word decides.

        >>> [mention.concept for mention in load_lexicon().mentions("acute MCA territory infarction")]
        ['acute', 'ischemic_stroke']
        """
        return list(self._mentions(text, language))

    def _find(self, text: str, language: Language | None) -> tuple[Mention, ...]:
        spans = self._names.find(text, language)
        if not spans:
            return ()
        spans = as_meant(text, spans)
        spans = with_enlarged_nodes(text, spans, language, self._nodes)
        composed = self._composition.refine(spans, sentences(text), self.anatomy, text)
        found = [Mention(concept, start, end, text[start:end]) for concept, start, end in composed]
        if not any(concept in self.anatomy for concept, _, _ in composed):
            return tuple(found)
        again = further(text, spans, composed, self.anatomy, self._composition.generic, self._composition.specific)
        if again:
            found += [
                Mention(other.concept, other.start, other.end, text[other.start : other.end], other.place)
                for other in again
            ]
            found.sort(key=lambda mention: mention.start)
        return tuple(found)


@lru_cache(maxsize=1)
def load_lexicon() -> Lexicon:
    """The shipped lexicon, built once per process."""
    return Lexicon(table.rows(), precompute.read_names())
