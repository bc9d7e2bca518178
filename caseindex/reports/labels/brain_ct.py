"""15 classes of brain CT, one for a report: the first diagnosis of its conclusion.

The classes of the published archive of 978 brain CT with Russian reports. A diagnosis counts where it is stated as
present, else where it is doubted ("вероятно, глиома"), never where it is of the past. "No pathology" yields to another class
of its own sentence ("за исключением кисты, патологии не выявлено"), and is also what a conclusion of denials alone says. A
report with none of them has an empty label; one that only says that something has improved is an improvement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from caseindex.records import Change, Polarity, Statement
from caseindex.reports.labels.label_set import LabelSet, concepts

NORMAL: Final = "Патологии не выявлено"
IMPROVEMENT: Final = "Положительная динамика"
# Class -> (concepts with all narrower ones, concepts alone, concepts left out).
_CLASSES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]] = {
    NORMAL: ((), ("normal",), ()),
    "Ишемический инсульт": (
        ("ischemic_stroke",),
        ("infarct", "ischemia", "ischemic_change", "stroke"),
        ("lacunar_stroke",),
    ),
    "Дисциркуляторная энцефалопатия": (("small_vessel_disease",), (), ()),
    "Отек головного мозга": (("brain_edema",), ("edema",), ()),
    "Геморрагический инсульт": (
        ("hemorrhagic_stroke", "brain_hemorrhage"),
        ("hematoma", "hemorrhage", "intracranial_hemorrhage", "ivh"),
        ("microbleed",),
    ),
    "Субарахноидальное кровоизлияние": (("sah",), (), ()),
    "Черепно-мозговая травма": (("tbi", "sdh"), ("injury", "fracture"), ()),
    IMPROVEMENT: ((), ("positive_dynamics",), ()),
    "Ликворная киста": (("arachnoid_cyst",), ("cyst",), ()),
    "Лакунарный инсульт": (("lacunar_stroke",), (), ()),
    "Атрофия головного мозга": (("brain_atrophy",), ("atrophy",), ()),
    "Гидроцефалия": (("hydrocephalus",), (), ()),
    "Эпидуральная гематома": (("edh",), (), ()),
    "Аневризма": (("intracranial_aneurysm",), ("aneurysm",), ()),
    "Объемное образование головного мозга": (
        ("brain_mass", "brain_metastasis"),
        ("mass", "tumor", "space_occupying", "metastasis", "extra_axial_mass"),
        (),
    ),
}
CLASSES: Final = tuple(_CLASSES)
# What yields to another class of its sentence: "кровь по конвексу: субарахноидальное кровоизлияние", "no abnormality but".
_YIELDS: Final = frozenset(["normal", "hemorrhage"])
# Where all that a conclusion has to say of a lesion is that no such thing is there.
_NOTHING: Final = frozenset(["lesion", "density_abnormality", "mass", "brain_mass", "ischemic_change", "hemorrhage"])


@lru_cache(maxsize=1)
def _class_of() -> Mapping[str, str]:
    """Concept -> class."""
    return {
        concept: name
        for name, (broad, exact, without) in _CLASSES.items()
        for concept in sorted(concepts(broad, exact, without))
    }


def first_diagnosis(made: Sequence[Statement]) -> tuple[str]:
    """The class of a conclusion's statements, or an empty text."""
    class_of = _class_of()
    stated = [
        (statement, class_of[statement.finding])
        for statement in made
        if statement.finding in class_of and statement.polarity is not Polarity.ABSENT and not statement.historical
    ]
    for wanted in (Polarity.PRESENT, Polarity.UNCERTAIN):
        held = [(statement, name) for statement, name in stated if statement.polarity is wanted]
        if held:
            first = held[0][0].start  # of its sentence
            named = [name for statement, name in held if statement.start == first and statement.finding not in _YIELDS]
            return (named[0] if named else held[0][1],)
    if any(statement.change is Change.IMPROVED for statement in made):
        return (IMPROVEMENT,)
    denied = any(s.finding in _NOTHING for s in made) and all(s.polarity is Polarity.ABSENT for s in made)
    return (NORMAL if denied else "",)


BRAIN_CT = LabelSet(
    "brain-ct", "15 classes of brain CT: the first diagnosis of the conclusion", ("label",), first_diagnosis
)
