"""Witness (e): what can be told without looking at the image, from the report and the record's header alone.

Sex, age, organs of one sex, modality and body part against the record; statement against statement, section against
section. Each check agrees, contradicts, or cannot know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from caseindex.index.comparable import kind_of
from caseindex.records import Image, Polarity, Sex, Side, Statement
from caseindex.retrieval.verify.claims import Claims, is_of_now
from caseindex.retrieval.verify.demographics import told_ages, told_sex
from caseindex.retrieval.verify.filed import Filed

_AGE_OFF: Final = 2.0  # years that a report's age and the header's may differ: birthdays, rounding
_OLDEST: Final = 89.0  # ages above are often cut in de-identified data
_ORGANS: Final = {
    Sex.FEMALE: frozenset(
        "uterus cervix ovary uterine_fibroid endometriosis endometrial_cancer ovarian_cyst polycystic_ovary ovarian_mass "
        "krukenberg ovarian_cancer ovarian_teratoma ovarian_torsion hydrosalpinx pregnancy uterine_anomaly iud".split()
    ),
    Sex.MALE: frozenset("prostate testis bph prostate_cancer prostatitis testicular_cancer testicular_torsion".split()),
}
_MODALITIES: Final = {
    "CT": "ct",
    "MR": "mri",
    "radiograph": "xray",
    "mammogram": "mammography",
    "ultrasound": "ultrasound",
    "nuclear": "pet",
}
_REGIONS: Final = {"head": "head", "chest": "chest", "abdomen": "trunk", "pelvis": "trunk", "spine": "spine"}
_CONCEPT_REGIONS: Final = {"head": "head", "chest": "chest", "abdomen": "trunk", "pelvis": "trunk", "spine": "spine"}


class Outcome(StrEnum):
    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    UNKNOWN = "unknown"


class Check(StrEnum):
    SEX = "sex"
    AGE = "age"
    ORGANS = "organs"
    MODALITY = "modality"
    BODY_PART = "body_part"
    FINDINGS = "findings"  # one finding asserted and denied
    SIDES = "sides"  # one finding on the left here, on the right there
    NORMAL = "normal"  # "no abnormality" beside a finding


@dataclass(frozen=True, slots=True)
class Checked:
    """``statements``: places in :attr:`Claims.statements` that contradict each other; ``told`` and ``recorded`` in words."""

    check: Check
    outcome: Outcome
    told: str = ""
    recorded: str = ""
    statements: tuple[int, ...] = ()


def checked(filed: Filed, claims: Claims) -> tuple[Checked, ...]:
    """Every check once, in the order of :class:`Check`."""
    text, images = filed.report.text, filed.images
    return (
        _sex(text, images),
        _age(text, images),
        _organs(claims, images),
        _modality(claims, images),
        _body_part(claims, images),
        _findings(claims.statements),
        _sides(claims.statements),
        _normal(claims.statements),
    )


def _sex(text: str, images: Sequence[Image]) -> Checked:
    told = told_sex(text)
    recorded = {image.sex for image in images if image.sex in (Sex.FEMALE, Sex.MALE)}
    if told is None or len(recorded) != 1:
        return Checked(Check.SEX, Outcome.UNKNOWN)
    (header,) = recorded
    return Checked(Check.SEX, _outcome(told is header), told.value, str(header))


def _age(text: str, images: Sequence[Image]) -> Checked:
    told = told_ages(text)
    recorded = next((image.age_years for image in images if image.age_years is not None), None)
    if not told or recorded is None:
        return Checked(Check.AGE, Outcome.UNKNOWN)
    near = any(abs(years - recorded) <= _AGE_OFF or (years >= _OLDEST <= recorded + _AGE_OFF) for years in told)
    return Checked(Check.AGE, _outcome(near), ", ".join(f"{years:g}" for years in told), f"{recorded:g}")


def _organs(claims: Claims, images: Sequence[Image]) -> Checked:
    recorded = {image.sex for image in images if image.sex in _ORGANS}
    if len(recorded) != 1:
        return Checked(Check.ORGANS, Outcome.UNKNOWN)
    (header,) = recorded
    spoken = claims.named | claims.present
    other = Sex.MALE if header is Sex.FEMALE else Sex.FEMALE
    for sex, outcome in ((other, Outcome.CONTRADICTS), (header, Outcome.AGREES)):
        found = sorted(spoken & _ORGANS[sex])
        if sex is not None and found:
            return Checked(Check.ORGANS, outcome, ", ".join(found), str(header))
    return Checked(Check.ORGANS, Outcome.UNKNOWN)


def _modality(claims: Claims, images: Sequence[Image]) -> Checked:
    header = kind_of(images[0]).modality
    told = sorted(claims.named & set(_MODALITIES.values()))
    if header not in _MODALITIES or not told:
        return Checked(Check.MODALITY, Outcome.UNKNOWN)
    return Checked(Check.MODALITY, _outcome(_MODALITIES[header] in told), ", ".join(told), header)


def _body_part(claims: Claims, images: Sequence[Image]) -> Checked:
    header = _REGIONS.get(kind_of(images[0]).body_part or "")
    told = sorted({_CONCEPT_REGIONS[name] for name in claims.named if name in _CONCEPT_REGIONS})
    if header is None or not told:
        return Checked(Check.BODY_PART, Outcome.UNKNOWN)
    return Checked(Check.BODY_PART, _outcome(header in told), ", ".join(told), header)


def _outcome(agrees: bool) -> Outcome:
    return Outcome.AGREES if agrees else Outcome.CONTRADICTS


def _findings(statements: Sequence[Statement]) -> Checked:
    """A finding that is denied at large but asserted at a place, or new, contradicts nothing: only equal claims do."""
    clashing: set[int] = set()
    for first, second in _pairs(statements):
        one, other = statements[first], statements[second]
        opposite = {one.polarity, other.polarity} == {Polarity.PRESENT, Polarity.ABSENT}
        same = one.finding == other.finding and one.place == other.place and one.change is other.change
        if opposite and same and (one.side is other.side):
            clashing |= {first, second}
    return _contradiction(Check.FINDINGS, clashing, statements)


def _sides(statements: Sequence[Statement]) -> Checked:
    """Left in one section and right in another; within a section both may be meant."""
    of: dict[tuple[str, str], set[Side]] = {}
    for one in statements:
        if is_of_now(one) and one.polarity is Polarity.PRESENT and one.side is not None:
            of.setdefault((one.finding, one.section or ""), set()).add(one.side)
    clashing: set[int] = set()
    for first, second in _pairs(statements):
        one, other = statements[first], statements[second]
        if one.finding != other.finding or one.section == other.section:
            continue
        here, there = of.get((one.finding, one.section or "")), of.get((other.finding, other.section or ""))
        if here and there and {frozenset(here), frozenset(there)} == _OPPOSED:
            clashing |= {first, second}
    return _contradiction(Check.SIDES, clashing, statements)


_OPPOSED = {frozenset({Side.LEFT}), frozenset({Side.RIGHT})}
_CONCLUDES = frozenset({"impression", "diagnosis"})


def _normal(statements: Sequence[Statement]) -> Checked:
    """A conclusion of no abnormality, and in the same conclusion, or the description, something acute that is asserted."""
    whole = [
        number
        for number, one in enumerate(statements)
        if one.finding == "normal"
        and one.polarity is Polarity.PRESENT
        and one.section in _CONCLUDES
        and one.place is None
    ]
    found = [
        number
        for number, one in enumerate(statements)
        if one.finding != "normal" and one.polarity is Polarity.PRESENT and one.section in _CONCLUDES and is_of_now(one)
    ]
    return _contradiction(Check.NORMAL, {*whole, *found} if whole and found else set(), statements)


def _pairs(statements: Sequence[Statement]) -> Iterator[tuple[int, int]]:
    by_finding: dict[str, list[int]] = {}
    for number, one in enumerate(statements):
        if is_of_now(one) and one.finding != "normal":
            by_finding.setdefault(one.finding, []).append(number)
    for numbers in by_finding.values():
        for place, first in enumerate(numbers):
            for second in numbers[place + 1 :]:
                yield first, second


def _contradiction(check: Check, clashing: set[int], statements: Sequence[Statement]) -> Checked:
    if clashing:
        return Checked(check, Outcome.CONTRADICTS, statements=tuple(sorted(clashing)))
    return Checked(check, Outcome.AGREES if statements else Outcome.UNKNOWN)
