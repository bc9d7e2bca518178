"""Statements told in another language are read back as the same statements."""

from __future__ import annotations

import numpy as np
import pytest

from caseindex.records import Language, Polarity, Side, Statement
from caseindex.reports.lexicon import load_lexicon
from caseindex.reports.sides.sentence_sides import ENGLISH_UNSIDED, UNSIDED
from caseindex.reports.statements import statements
from caseindex.reports.table import ConceptKind
from caseindex.reports.translation import told


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("polarity", list(Polarity))
def test_findings_come_back(language: Language, polarity: Polarity) -> None:
    concepts = [
        item
        for item in load_lexicon().concepts.values()
        if item.kind is ConceptKind.FINDING and language in item.names and item.id != "normal"
    ]
    unsided = UNSIDED | ENGLISH_UNSIDED if language is Language.ENGLISH else UNSIDED
    right = 0
    for number, concept in enumerate(concepts):
        side = None if concept.id in unsided else (None, Side.LEFT, Side.RIGHT)[number % 3]
        given = Statement(text="", finding=concept.id, polarity=polarity, side=side)
        read = statements(told([given], language), language)
        right += (given.finding, polarity, given.side) in {(one.finding, one.polarity, one.side) for one in read}
    assert right / len(concepts) > 0.97, f"{right} of {len(concepts)}"


def test_a_report_in_another_language() -> None:
    stated = statements("Субдуральная гематома справа. Перелома нет. Субдуральная гематома справа.")
    assert told(stated, Language.ENGLISH) == "subdural hematoma on the right. No fracture."
    assert told(stated, Language.CHINESE) == "右侧硬膜下血肿。未见骨折。"
    mixed = {told(stated, Language.ENGLISH, np.random.default_rng(seed)) for seed in range(20)}
    assert len(mixed) > 2  # other names, other order


def test_what_is_past_or_has_no_name_is_left_out() -> None:
    past = Statement(text="", finding="stroke", polarity=Polarity.UNCERTAIN, historical=True)
    assert told([past], Language.ENGLISH) == ""
    normal = Statement(text="", finding="normal", polarity=Polarity.PRESENT)
    assert told([normal], Language.ENGLISH).startswith("n")
