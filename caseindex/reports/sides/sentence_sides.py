"""The side of each finding of a sentence: its own, that of its place, or one that it takes over from what stands before."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from caseindex.records import Language, Polarity, Side
from caseindex.reports.lexicon import Lexicon, Mention
from caseindex.reports.scope.negation import Assessment
from caseindex.reports.sides import chinese_sides
from caseindex.reports.sides.carried_sides import CarriedSides, Named
from caseindex.reports.sides.laterality import find_sides, is_direction, is_relative, last_side, side_of, side_of_place
from caseindex.reports.sides.topic import is_unpaired

# "тень сердца расширена влево" has no side, nor has what there is one of, nor what the whole body has
UNSIDED = frozenset(
    "normal cholecystectomy child_abuse covid ards leukemia cardiomegaly enlarged_mediastinum sternal_fracture spondylolisthesis aortic_dissection pneumoperitoneum"
    " bowel_perforation bowel_obstruction gastric_perforation adenoid_hypertrophy hydrocephalus pericardial_effusion hiatal_hernia heart_failure"
    " hemoperitoneum pancreatic_necrosis positive_dynamics negative_dynamics bph cirrhosis hepatic_steatosis splenomegaly cholelithiasis cholecystitis pancreatitis appendicitis aaa"
    " multiple_sclerosis tuberous_sclerosis neurofibromatosis sarcoidosis multiple_myeloma osteoporosis osteopenia".split()
)
# Nor these, where a radiologist writes English.
ENGLISH_UNSIDED = frozenset(
    "retroperitoneal_fibrosis vasculitis alzheimer small_vessel_disease pulmonary_hypertension portal_hypertension cardiomyopathy peritonitis peritoneal_carcinomatosis"
    " pneumomediastinum congenital_heart miliary_tb empty_sella hepatitis crohn ulcerative_colitis horseshoe_kidney epidural_abscess_spine spondylodiscitis"
    " splenic_infarct splenic_laceration splenic_cyst accessory_spleen pancreatic_mass pancreatic_cancer pancreatic_cyst pancreatic_pseudocyst ipmn"
    " gallbladder_polyp gallbladder_cancer choledocholithiasis endometrial_cancer lv_hypertrophy pericarditis aortic_aneurysm gastric_cancer peptic_ulcer"
    " ileus volvulus umbilical_hernia appendicolith".split()
)
_OF_ITS_NAME = re.compile(
    r"(?:(?:left|right|extended) )*hemicolectomy", re.IGNORECASE
)  # "right hemicolectomy" is no side of a finding
# "infarcts in the right thalamus, left cerebellar hemisphere and pons"
_OF_THE_MIDLINE = frozenset(
    ["brainstem_infarct", "brainstem_hemorrhage", "vertebral_fracture", "cervical_fracture", "compression_fracture"]
)
# What no rule of composition makes, of what there is one of.
_OF_ONE_ORGAN = frozenset(
    ["uterine_fibroid", "adenomyosis", "pulmonary_embolism", "gastritis", "peptic_ulcer", "prostatitis", "ascites"]
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
        sides = self._sides
        if self._language is not Language.ENGLISH:  # "右侧新月形影，中线左移，考虑硬膜下血肿"
            sides = tuple(entry for entry in sides if not is_direction(self._plain, entry[0]))
        return CarriedSides(self._plain, self._language, sides, places, findings)

    def _own(
        self, mention: Mention, a: int, b: int, others: Sequence[tuple[int, int]], judged: Assessment
    ) -> Side | None:
        """The side that the clause of a mention says."""
        if self._language is not Language.CHINESE:
            return side_of(self._plain, a, b, self._sides, others, mention.concept)
        sides = [entry for entry in self._sides if not chinese_sides.is_of_the_largest(self._plain, b, entry)]
        side = side_of(self._plain, a, b, sides, others, mention.concept)
        if side is None and judged.polarity is not Polarity.ABSENT and chinese_sides.is_mainly_of_both(self._plain, b):
            return Side.BOTH
        if side in (Side.LEFT, Side.RIGHT) and len(sides) > 1 and self._is_alone(mention):
            places, findings = _named(self._places, self._start), _named(self._stated, self._start)
            if chinese_sides.of_both(self._plain, a, b, sides, places, findings):
                return Side.BOTH
        return side

    def _is_alone(self, mention: Mention) -> bool:
        """Whether the words of a mention are counted once, and not for each place of a list."""
        return sum((other.start, other.end) == (mention.start, mention.end) for other in self._stated) == 1

    def side(
        self, mention: Mention, a: int, b: int, others: Sequence[tuple[int, int]], judged: Assessment
    ) -> Side | None:
        """Of the mention at ``a`` to ``b``; ask for one after the other, in order of place."""
        if not self._sides or mention.concept in UNSIDED or mention.text.startswith("破入"):
            return None
        if self._language is Language.ENGLISH and (
            mention.concept in ENGLISH_UNSIDED or _OF_ITS_NAME.match(mention.text)
        ):
            return None
        side = self._own(mention, a, b, others, judged)
        if self._language is Language.ENGLISH and side is not None and self._is_of_another(mention.concept, a, b):
            side = None
        if mention.place is not None:
            place = mention.place[0] - self._start, mention.place[1] - self._start
            named, own = side_of_place(place, self._sides)
            side = own if named else side if mention.concept not in _OF_THE_MIDLINE else None
        if side is not None:
            self._before.append(((mention.concept, a, b), side))
        elif judged.polarity is not Polarity.ABSENT:
            side = self._carried.of(mention.concept, a, b, self._before, self._lexicon)
        elif self._language is Language.RUSSIAN:
            side = self._of_other(mention.concept, a, b)
        return side

    def _is_of_another(self, concept: str, a: int, b: int) -> bool:
        """Whether the only side so far is that of a finding in another organ: "right upper lobe mass and liver metastases",
        "right ovarian cyst and uterine fibroids"."""
        if any(left >= a for left, _, _ in self._sides):
            return False
        last = max(right for _, right, _ in self._sides)
        between = [
            other for other in self._stated if last <= other.start - self._start and other.end - self._start <= a
        ]
        if between and concept in _OF_ONE_ORGAN:
            return True
        around = self._lexicon.around(concept)
        if not between or around is None:
            return False
        first = self._lexicon.around(between[0].concept)
        return first is not None and (is_unpaired(concept, self._lexicon) or around.isdisjoint(first))

    def _of_other(self, concept: str, a: int, b: int) -> Side | None:
        """The side of a denial where the same was found on the other: "гидронефроз слева; справа микролиты, уростаза нет"."""
        told = {side for (name, _, _), side in self._before if name == concept}
        side = self._carried.of(concept, a, b, self._before, self._lexicon) if told else None
        return side if side not in told else None


def _named(mentions: Sequence[Mention], start: int) -> list[Named]:
    return [(mention.concept, mention.start - start, mention.end - start) for mention in mentions]
