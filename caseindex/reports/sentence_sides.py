"""The side of each finding of a sentence: its own, that of its place, or one that it takes over from what stands before."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from caseindex.records import Language, Polarity, Side
from caseindex.reports.carried_sides import CarriedSides, Named
from caseindex.reports.laterality import find_sides, is_relative, last_side, side_of, side_of_place
from caseindex.reports.lexicon import Lexicon, Mention
from caseindex.reports.negation import Assessment

# "тень сердца расширена влево" has no side, nor has what there is one of, nor what the whole body has
_UNSIDED = frozenset(
    "normal cardiomegaly enlarged_mediastinum sternal_fracture spondylolisthesis aortic_dissection pneumoperitoneum"
    " bowel_perforation gastric_perforation adenoid_hypertrophy hydrocephalus pericardial_effusion hiatal_hernia heart_failure"
    " bph cirrhosis hepatic_steatosis splenomegaly cholelithiasis cholecystitis pancreatitis appendicitis aaa"
    " multiple_sclerosis tuberous_sclerosis neurofibromatosis sarcoidosis multiple_myeloma osteoporosis".split()
)


class SentenceSides:
    """The sides of one sentence: each finding's own, or what it takes over from those before it."""

    def __init__(
        self,
        whole: str,
        plain: str,
        start: int,
        language: Language,
        stated: Sequence[Mention],
        places: Sequence[Mention],
        lexicon: Lexicon,
    ) -> None:
        self._sides = find_sides(plain, language, last_side(whole, start, language) if is_relative(plain) else None)
        self._plain, self._start, self._language, self._lexicon = plain, start, language, lexicon
        self._stated, self._places = stated, places
        self._before: list[tuple[Named, Side]] = []

    @property
    def any(self) -> bool:
        """Whether the sentence names a side."""
        return bool(self._sides)

    @cached_property
    def _carried(self) -> CarriedSides:
        places, findings = _named(self._places, self._start), _named(self._stated, self._start)
        return CarriedSides(self._plain, self._language, self._sides, places, findings)

    def side(
        self, mention: Mention, a: int, b: int, others: Sequence[tuple[int, int]], judged: Assessment
    ) -> Side | None:
        """Of the mention at ``a`` to ``b``; ask for one after the other, in order of place."""
        if not self._sides or mention.concept in _UNSIDED or mention.text.startswith("破入"):
            return None
        side = side_of(self._plain, a, b, self._sides, others, mention.concept)
        if mention.place is not None:
            place = mention.place[0] - self._start, mention.place[1] - self._start
            named, own = side_of_place(place, self._sides)
            side = own if named else side
        if side is not None:
            self._before.append(((mention.concept, a, b), side))
        elif judged.polarity is not Polarity.ABSENT:
            side = self._carried.of(mention.concept, a, b, self._before, self._lexicon)
        return side


def _named(mentions: Sequence[Mention], start: int) -> list[Named]:
    return [(mention.concept, mention.start - start, mention.end - start) for mention in mentions]
